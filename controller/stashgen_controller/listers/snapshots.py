"""Snapshots that failed and left no record in the bucket, as retention's worker is to know them.

It counts records, and a worker that was killed, or that never came as far, left none: only the
object in the cluster tells that there was a backup, and that it failed.
"""

from stashgen.api.base import JsonObject, name_of
from stashgen.api.resources import SNAPSHOTS
from stashgen.api.restore_request import LATEST
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.listers.pods import is_gone
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.runtime.conditions import UPLOADED, is_true
from stashgen_controller.runtime.kind import Reader

# An annotation has room for so many only; the next retention learns of the rest.
MOST_UNRECORDED = 200


def unrecorded_failures(
    reader: Reader, namespace: str, repository: str
) -> tuple[UnrecordedFailure, ...]:
    """The failed Snapshots of a Repository without a record, oldest first.

    One whose pod is still there may write its record yet, and is not among them.
    """
    found = [
        UnrecordedFailure(
            name=snapshot.metadata.name, session=snapshot.spec.session or "", time=snapshot.time
        )
        for snapshot in map(Snapshot.from_wire, reader.items(SNAPSHOTS, namespace))
        if snapshot.spec.repository == repository and _is_left(reader, namespace, snapshot)
    ]
    found.sort(key=lambda item: (item.time, item.name))
    return tuple(found[:MOST_UNRECORDED])


def _is_left(reader: Reader, namespace: str, snapshot: Snapshot) -> bool:
    status = snapshot.status
    if status is None or status.phase is not Phase.FAILED or is_true(status.conditions, UPLOADED):
        return False
    pod = status.executor.pod if status.executor is not None else None
    return pod is None or is_gone(reader, namespace, pod)


def find_snapshot(
    reader: Reader, namespace: str, repository: str | None, name: str
) -> JsonObject | None:
    """The Snapshot that is meant: the newest succeeded one, or a succeeded one by name."""
    if name != LATEST:
        found = reader.get(SNAPSHOTS, namespace, name)
        if found is None:
            return None
        snapshot = Snapshot.from_wire(found)
        matches = repository in {None, "", snapshot.spec.repository}
        return found if matches and snapshot.phase is Phase.SUCCEEDED else None
    good = []
    for obj in reader.items(SNAPSHOTS, namespace):
        snapshot = Snapshot.from_wire(obj)
        if snapshot.spec.repository == repository and snapshot.phase is Phase.SUCCEEDED:
            good.append((snapshot.time, name_of(obj), obj))
    return max(good, key=lambda item: item[:2])[2] if good else None
