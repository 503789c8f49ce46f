"""What is to be known about a Repository before it is pruned or checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from stashgen.api.backup_session import BackupSession, RetentionPhase
from stashgen.api.labels import ACCEPT_DAMAGE_ANNOTATION
from stashgen.api.repository import Repository
from stashgen.kubestash.upkeep import DEFAULT, Upkeep, upkeep_of
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.listers.claims import waiting_backup, waiting_restore
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes.configurations import CONFIGURATIONS_BY_REPOSITORY
from stashgen_controller.listers.indexes.repositories import (
    REPOSITORIES_IN_UPKEEP,
    WAITING_FOR_UPKEEP,
)
from stashgen_controller.listers.partial_restores import partial_restore
from stashgen_controller.listers.pods import terminated_pods
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader, is_deleting

# After an upgrade, or a day without a controller, every Repository is due at once.
MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class ObservedUpkeep:
    """What is known of one Repository's upkeep.

    Attributes:
        rhythm: When it is due; the default where the annotation cannot be read.
        problem: Why there is no rhythm.
        run: The recorded Job.
        waiting_restore: A restore that has not begun and goes first.
        waiting_backup: A backup that is due and only waits for its turn.
        partial_restore: A restore left the volume half written: nothing is removed meanwhile.
        session_goes_on: The session of the newest Snapshot has not ended, or is about to apply its
            retention: what that forgets is to be pruned, too.
        acknowledged: The times of checks whose damage was repaired, as people say.
        has_turn: Fewer Repositories of the cluster than may are in upkeep now, or wait for it and
            were due before.
        terminated_pods: That worked here and are gone, for the plan.
    """

    rhythm: Upkeep
    problem: Reason | None
    run: JobRun
    waiting_restore: Reason | None
    waiting_backup: Reason | None
    partial_restore: Reason | None
    session_goes_on: bool
    acknowledged: frozenset[str]
    has_turn: bool
    terminated_pods: tuple[str, ...]


def observe_upkeep(
    reader: Reader, repository: Repository, snapshots: Sequence[SnapshotRecord]
) -> ObservedUpkeep:
    """Collect it; ``snapshots`` are newest first."""
    namespace, name = repository.key
    known = repository.status.upkeep if repository.status is not None else None
    executor = known.executor if known is not None else None
    problem = None
    try:
        rhythm = upkeep_of(repository.metadata)
    except ValueError as error:
        rhythm, problem = DEFAULT, Reason(Cause.INVALID_FIELD, str(error))
    target = repository.spec.app_ref
    is_begun = any(item.is_finished for item in snapshots)
    return ObservedUpkeep(
        rhythm=rhythm,
        problem=problem,
        run=observe_job(
            reader,
            namespace=namespace,
            name=executor.job if executor is not None else "",
            executor=executor,
            owner=repository.metadata,
            is_settled=executor is None or bool(executor.ended),
        ),
        waiting_restore=waiting_restore(reader, repository),
        waiting_backup=waiting_backup(reader, repository),
        partial_restore=(
            partial_restore(reader, namespace, target.name) if target is not None else None
        ),
        session_goes_on=_session_goes_on(reader, snapshots),
        acknowledged=_acknowledged(reader, repository),
        has_turn=_has_turn(reader, repository),
        terminated_pods=terminated_pods(reader, namespace, name) if is_begun else (),
    )


def _has_turn(reader: Reader, repository: Repository) -> bool:
    free = MOST_AT_ONCE - len(reader.places(REPOSITORIES_IN_UPKEEP))
    waiting = reader.values(WAITING_FOR_UPKEEP) if free > 0 else ()
    mine = next((item for item in waiting if (item.namespace, item.name) == repository.key), None)
    ahead = (item for item in waiting if mine is None or item < mine)
    return free > 0 and len(tuple(islice(ahead, free))) < free


def _acknowledged(reader: Reader, repository: Repository) -> frozenset[str]:
    annotations = (
        item.metadata.annotations or {}
        for item in reader.by(CONFIGURATIONS_BY_REPOSITORY, *repository.key)
    )
    return frozenset(item.get(ACCEPT_DAMAGE_ANNOTATION, "") for item in annotations)


def _session_goes_on(reader: Reader, snapshots: Sequence[SnapshotRecord]) -> bool:
    if not snapshots:
        return False
    newest = snapshots[0]
    session = reader.get(BackupSession, newest.namespace, newest.backup_session)
    if session is None or is_deleting(session):
        # Of one that is being deleted nothing follows any more.
        return False
    entries = (session.status.retention_policy if session.status else None) or ()
    return not session.is_finished or any(
        item.repository == newest.repository
        and item.phase is RetentionPhase.PENDING
        # It waits for people.
        and item.error is None
        for item in entries
    )
