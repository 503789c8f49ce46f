"""Restores that have begun and cannot be read any more: somebody changed them while they ran.

Nothing is decided about such an object, so nothing records its end, and its process may run on. It
keeps its claim until its pod has ended, it is corrected, its own time is over, or a person accepts
that its pod is gone. It is read as stored.
"""

from collections.abc import Container, Iterator
from datetime import datetime, timedelta

from stashgen.api.base import JsonObject, list_of, mapping_of, metadata_of, parse_time, uid_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.api.resources import RESTORE_SESSIONS
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes.restores import UNFINISHED_RESTORES, restore_claims
from stashgen_controller.listers.pods import has_terminated
from stashgen_controller.runtime.kind import IndexKey, Reader
from stashgen_controller.runtime.malformed import ODD_SHAPE

# More than a Job without a timeout may take, and its pod to end (protocol/run_spec.py).
_LONGEST_RUN = timedelta(hours=26)


def malformed_claims(
    reader: Reader, namespace: str, read: Container[str | None], wanted: frozenset[IndexKey]
) -> Iterator[tuple[str, datetime | None]]:
    """The names of such restores that work on what is wanted, and until when they count at most.

    Args:
        reader: What is known.
        namespace: Of the restores.
        read: The UIDs of those that can be read.
        wanted: Volumes and Repositories.
    """
    for _, name in reader.places(UNFINISHED_RESTORES, namespace):
        obj = reader.stored(RESTORE_SESSIONS, namespace, name)
        if obj is None or uid_of(obj) in read or wanted.isdisjoint(restore_claims(obj)):
            continue
        executor = mapping_of(mapping_of(obj, "status"), "executor")
        pod, job = executor.get("pod"), executor.get("job")
        accepted = mapping_of(metadata_of(obj), "annotations").get(ACCEPT_LOST_POD_ANNOTATION)
        has_ended = executor.get("podTerminated") is True or (
            isinstance(pod, str) and has_terminated(reader, namespace, pod)
        )
        if not has_ended and (accepted is None or accepted not in {pod, job}):
            yield name, _until(obj, executor)


def _until(restore: JsonObject, executor: JsonObject) -> datetime | None:
    """When the run is over whatever is heard of it; None where its status does not say that."""
    status = mapping_of(restore, "status")
    try:
        if executor.get("stopsBy") is not None:
            return parse_time(str(executor["stopsBy"]))
        ends = [
            parse_time(str(item["lastTransitionTime"])) + _LONGEST_RUN
            for item in list_of(status, "conditions")
            if item.get("type") == ConditionType.RESTORE_EXECUTOR_ENSURED
        ]
        if status.get("restoreDeadline") is not None:
            ends.append(parse_time(str(status["restoreDeadline"])) + _LONGEST_RUN)
    except ODD_SHAPE:
        return None
    return max(ends, default=None)
