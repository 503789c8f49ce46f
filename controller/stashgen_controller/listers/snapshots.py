"""Which Snapshot a restore means, and which ones failed without a record in the bucket.

Retention counts records, and a worker that was killed, or that never came as far, left none: only
the object in the cluster shows that there was a backup, and that it failed.
"""

from stashgen.api.restore_request import LATEST
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.listers.indexes import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.listers.pods import is_terminated
from stashgen_controller.protocol.run_spec import UnrecordedFailure
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
        UnrecordedFailure(name=item.name, session=item.session, time=item.time)
        for item in reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository)
        if item.phase is Phase.FAILED
        and not item.is_uploaded
        and (item.pod is None or is_terminated(reader, namespace, item.pod))
    ]
    found.sort(key=lambda item: (item.time, item.name))
    return tuple(found[:MOST_UNRECORDED])


def find_snapshot(
    reader: Reader, namespace: str, repository: str | None, name: str
) -> Snapshot | None:
    """The Snapshot that is meant: the newest succeeded one, or a succeeded one by name."""
    if name != LATEST:
        found = reader.get(Snapshot, namespace, name)
        if found is None:
            return None
        matches = repository in {None, "", found.spec.repository}
        return found if matches and found.phase is Phase.SUCCEEDED else None
    good = [
        item
        for item in reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository or "")
        if item.phase is Phase.SUCCEEDED
    ]
    if not good:
        return None
    newest = max(good, key=lambda item: (item.time, item.name))
    return reader.get(Snapshot, namespace, newest.name)
