"""Snapshots that failed and left no record in the bucket, as retention's worker is to know them.

It counts records, and a worker that was killed, or that never came as far, left none: only the
object in the cluster tells that there was a backup, and that it failed.
"""

from stashgen.api.resources import SNAPSHOTS
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.conditions import UPLOADED, is_true
from stashgen_controller.gone_pods import is_gone
from stashgen_controller.reconciler import Reader
from stashgen_controller.session_plan import Unrecorded

# An annotation has room for so many only; the next retention learns of the rest.
MOST_UNRECORDED = 200


def unrecorded(reader: Reader, namespace: str, repository: str) -> tuple[Unrecorded, ...]:
    """The failed Snapshots of a Repository without a record, oldest first.

    One whose pod is still there may write its record yet, and is not among them.
    """
    found = [
        Unrecorded(
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
