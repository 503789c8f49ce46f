"""Restores that have begun and that nobody reconciles any more.

Somebody changed them while they ran, so that they cannot be read, or deleted them, and a finalizer
of somebody else keeps them. Nothing records their end, and their process may run on. Such an object
keeps its claim until its pod has ended, it is corrected, its own time is over, or a person accepts
that its pod is gone. It is read as stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.base import (
    JsonObject,
    format_time,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    parse_time,
    uid_of,
)
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.api.resources import RESTORE_SESSIONS
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes.restores import UNFINISHED_RESTORES, restore_claims
from stashgen_controller.listers.pods import has_terminated
from stashgen_controller.runtime.kind import Reader, is_deleting
from stashgen_controller.runtime.malformed import ODD_SHAPE

# More than a Job without a timeout may take, and its pod to end (protocol/run_spec.py).
_LONGEST_RUN = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class UnattendedRun:
    """Such a restore that may still run.

    Attributes:
        restore: As stored.
        pod: Its pod, if one was recorded.
        is_deleting: It was deleted, and is kept.
        until: From then on nothing of it runs; None where its status does not say that.
    """

    restore: JsonObject
    pod: str | None
    is_deleting: bool
    until: datetime | None

    @property
    def text(self) -> str:
        """That it counts as running, and what a person can say about it."""
        name = name_of(self.restore)
        if not self.is_deleting:
            return f"RestoreSession {name} is restoring into the volume or from the Repository"
        word = self.pod or str(mapping_of(mapping_of(self.restore, "status"), "executor")["job"])
        until = f"until {format_time(self.until)}" if self.until is not None else "for ever"
        return (
            f"RestoreSession {name} was deleted while it ran and a finalizer keeps it: it counts "
            f"as running {until}; if nothing of its pod runs any more, annotate it with "
            f"{ACCEPT_LOST_POD_ANNOTATION}={word}"
        )


def unattended_runs(reader: Reader, namespace: str) -> Iterator[UnattendedRun]:
    """Those of a namespace."""
    read = {
        item.metadata.uid
        for item in reader.by(UNFINISHED_RESTORES, namespace)
        if not is_deleting(item)
    }
    for _, name in reader.places(UNFINISHED_RESTORES, namespace):
        obj = reader.stored(RESTORE_SESSIONS, namespace, name)
        if obj is None or uid_of(obj) in read or not any(restore_claims(obj)):
            continue
        executor = mapping_of(mapping_of(obj, "status"), "executor")
        pod = executor.get("pod") if isinstance(executor.get("pod"), str) else None
        accepted = mapping_of(metadata_of(obj), "annotations").get(ACCEPT_LOST_POD_ANNOTATION)
        has_ended = executor.get("podTerminated") is True or (
            pod is not None and has_terminated(reader, namespace, str(pod))
        )
        # The Job's name is said of a run of which no pod was seen (jobs/observe.py).
        if not has_ended and (accepted is None or accepted != (pod or executor.get("job"))):
            yield UnattendedRun(
                obj,
                str(pod) if pod is not None else None,
                metadata_of(obj).get("deletionTimestamp") is not None,
                _until(obj, executor),
            )


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
