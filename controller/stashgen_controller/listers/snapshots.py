"""Which Snapshot a restore means, and which ones failed without a record in the bucket.

Retention counts records, and a worker that was killed, or that never came as far, left none: only
the object in the cluster shows that there was a backup, and that it failed.
"""

from datetime import timedelta

from stashgen.api.labels import RESYNC_ANNOTATION
from stashgen.api.repository import Repository, RepositoryStatus, ResyncPhase
from stashgen.api.restore_request import LATEST
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.api.strict_mode import LONGEST_JOB_SECONDS
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.snapshot_phases import components_phase
from stashgen_controller.listers.indexes.configurations import CONFIGURATIONS_BY_REPOSITORY
from stashgen_controller.listers.indexes.sessions import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.listers.pods import has_terminated
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader

# An annotation has room for so many only; the next retention learns of the rest.
MOST_UNRECORDED = 200
# No worker runs for longer, whatever became of its pod.
_LONGEST_RUN = timedelta(seconds=LONGEST_JOB_SECONDS)


def reported_end(snapshot: Snapshot) -> Phase | None:
    """How a backup's worker said that it ended; None as long as it says nothing of an end."""
    if snapshot.status is None or not snapshot.status.components:
        return None
    return components_phase(snapshot.status)


def unrecorded_failures(
    reader: Reader, namespace: str, repository: str
) -> tuple[UnrecordedFailure, ...]:
    """The failed Snapshots of a Repository without a record, oldest first.

    One whose pod may run still may write its record yet, and is not among them.
    """
    records = reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository)
    newest = max((item.time for item in records), default=None)
    found = [
        UnrecordedFailure(name=item.name, session=item.session, time=item.time)
        for item in records
        if item.phase is Phase.FAILED
        and not item.is_uploaded
        and (
            item.pod is None
            or item.pod_terminated
            or has_terminated(reader, namespace, item.pod)
            or (newest is not None and newest - item.time > _LONGEST_RUN)
        )
    ]
    found.sort(key=lambda item: (item.time, item.name))
    return tuple(found[:MOST_UNRECORDED])


def find_snapshot(
    reader: Reader, namespace: str, repository: str | None, name: str
) -> Snapshot | None:
    """The Snapshot that is meant: the newest succeeded one, or one by name.

    By its name one that failed can be restored too, if it says what it lacks.
    """
    if name != LATEST:
        found = reader.get(Snapshot, namespace, name)
        if found is None:
            return None
        matches = repository in {None, "", found.spec.repository}
        return found if matches and found.is_restorable else None
    newest = newest_good(reader, namespace, repository or "")
    return reader.get(Snapshot, namespace, newest) if newest is not None else None


def newest_good(reader: Reader, namespace: str, repository: str) -> str | None:
    """The name of the newest succeeded Snapshot of a Repository; None where there is none."""
    good = [
        item
        for item in reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository)
        if item.phase is Phase.SUCCEEDED
    ]
    newest = max(good, key=lambda item: (item.time, item.name), default=None)
    return newest.name if newest is not None else None


def why_incomplete(reader: Reader, namespace: str, name: str) -> Reason | None:
    """Why a Repository may have Snapshots in the bucket that have not come back from there yet.

    None once they are all here: only then is it final that one does not exist, and which one is
    the latest. None for a Repository that does not exist, unless a BackupConfiguration is going
    to have it made.
    """
    repository = reader.get(Repository, namespace, name)
    if repository is not None:
        return why_not_all_back(repository)
    if reader.places(CONFIGURATIONS_BY_REPOSITORY, namespace, name):
        text = f"Repository {name} has not been created yet"
        return Reason(Cause.WAITING_FOR_RESYNC, text)
    return None


def why_not_back(reader: Reader, namespace: str, snapshot: str) -> Reason | None:
    """The same for a Snapshot whose Repository is not named: its name begins with it."""
    found = sorted(reader.items(Repository, namespace), key=lambda item: item.key)
    whose = (item for item in found if snapshot.startswith(f"{item.metadata.name}-"))
    return next((why for why in map(why_not_all_back, whose) if why is not None), None)


def why_not_all_back(repository: Repository) -> Reason | None:
    """The same for a Repository that exists."""
    name, status = repository.metadata.name, repository.status or RepositoryStatus()
    known = status.snapshot_resync
    if known is None and not status.component_paths:
        initialized = find(status.conditions, ConditionType.REPOSITORY_INITIALIZED)
        why = f": {initialized.message}" if initialized is not None and initialized.message else ""
        text = f"Repository {name} has not looked into the bucket yet{why}"
        return Reason(Cause.WAITING_FOR_RESYNC, text)
    wanted = (repository.metadata.annotations or {}).get(RESYNC_ANNOTATION)
    is_asked = wanted is not None and (known is None or known.request != wanted)
    if not is_asked and (known is None or known.phase is ResyncPhase.FINISHED):
        return None
    resynced = find(status.conditions, ConditionType.SNAPSHOTS_RESYNCED)
    why = f": {resynced.message}" if resynced is not None and resynced.message else ""
    text = f"the Snapshots of Repository {name} are being read back from the bucket{why}"
    return Reason(Cause.WAITING_FOR_RESYNC, text)
