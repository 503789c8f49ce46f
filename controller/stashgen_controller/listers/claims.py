"""Who works on a volume or a Repository now, and whose turn is next.

Of initialisation, resync, backup, restore, retention and upkeep at most one works on a volume, and
at most one on a Repository (ADR 10). Each records in its own status that it begins, before its Job
is made: that is its claim, and it ends with the run. Restores go first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import format_time, uid_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.listers.indexes.keys import repository_key, volume_key
from stashgen_controller.listers.indexes.repositories import CLAIMING_REPOSITORIES, LOST_PODS
from stashgen_controller.listers.indexes.restores import UNFINISHED_RESTORES, restore_claims
from stashgen_controller.listers.indexes.sessions import CLAIMING_SESSIONS, SESSIONS_IN_TURN
from stashgen_controller.listers.indexes.workloads import LIVING_PODS
from stashgen_controller.listers.lost_pods import may_run
from stashgen_controller.listers.pods import stops_by
from stashgen_controller.listers.unattended_restores import unattended_runs
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import TURNS, Cause
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import IndexKey, Reader, is_deleting

_BACKUP_BEGUN = ConditionType.BACKUP_EXECUTOR_ENSURED
# More than the deadline of any Job of a Repository and the time that its pod has to end.
_LONGEST_RUN = timedelta(hours=7)
# The same of a BackupSession's Job, which may have no timeout (protocol/run_spec.py).
_LONGEST_SESSION = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Claimant:
    """Somebody else who is at work, or whose turn comes first.

    Attributes:
        why: What is waited for.
        until: From then on it does not count any more: it is a pod of a node that is lost, or of an
            object that is being deleted.
    """

    why: Reason
    until: datetime | None = None


def waits_for(claimants: Iterable[Claimant], now: datetime) -> Reason | None:
    """What has to be waited for; None where it is our turn."""
    counting = (item for item in claimants if item.until is None or now < item.until)
    return next((item.why for item in counting), None)


def look_by(claimants: Iterable[Claimant], now: datetime, latest: timedelta) -> timedelta:
    """When to look again: as soon as one of them does not count any more, which no watch shows."""
    ends = [item.until - now for item in claimants if item.until is not None and now < item.until]
    return min([*ends, latest])


def claimants(
    reader: Reader, namespace: str, keys: Iterable[IndexKey], *, uid: str | None, goes_first: bool
) -> tuple[Claimant, ...]:
    """Who keeps an object from beginning.

    Args:
        reader: What is known.
        namespace: Of the object; volumes and Repositories are of its own namespace.
        keys: The volumes and Repositories that it is about to work on.
        uid: Of the object itself, which is in nobody's way.
        goes_first: It is a restore: it does not wait for those that have not begun.
    """
    wanted = frozenset(keys)
    restores = [
        item for item in reader.by(UNFINISHED_RESTORES, namespace) if item.metadata.uid != uid
    ]
    return (
        *_restores(reader, restores, wanted, waiting=False),
        *(
            Claimant(Reason(Cause.WAITING_FOR_RESTORE, run.text), run.until)
            for run in unattended_runs(reader, namespace)
            if uid_of(run.restore) != uid and not wanted.isdisjoint(restore_claims(run.restore))
        ),
        *_sessions(reader, wanted, uid),
        *_repositories(reader, wanted, uid),
        *_pods(reader, wanted),
        *_lost_pods(reader, wanted),
        *(() if goes_first else _restores(reader, restores, wanted, waiting=True)),
    )


def restore_keys(reader: Reader, restore: RestoreSession) -> tuple[IndexKey, ...]:
    """What a restore works on: the volume that it writes, the Repository that it reads."""
    namespace = restore.metadata.namespace or ""
    repository = source_repository(reader, restore)
    target = restore.spec_in_effect.target
    return (
        *((volume_key(namespace, target.name),) if target is not None else ()),
        *((repository_key(namespace, repository),) if repository else ()),
    )


def source_repository(reader: Reader, restore: RestoreSession) -> str | None:
    """The Repository that a restore reads: it names it, or one of its Snapshots."""
    source = restore.spec_in_effect.data_source
    if source is None or source.repository:
        return source.repository if source is not None else None
    found = reader.get(Snapshot, restore.metadata.namespace, source.snapshot or "")
    return found.spec.repository if found is not None else None


def _restores(
    reader: Reader,
    restores: Iterable[RestoreSession],
    wanted: frozenset[IndexKey],
    *,
    waiting: bool,
) -> Iterator[Claimant]:
    for restore in restores:
        has_begun = restore.status is not None and restore.status.executor is not None
        concerns = has_begun is not waiting and not wanted.isdisjoint(restore_keys(reader, restore))
        name = restore.metadata.name
        if not concerns or is_deleting(restore):
            continue
        if has_begun:
            text = f"RestoreSession {name} is restoring into the volume or from the Repository"
            yield Claimant(Reason(Cause.WAITING_FOR_RESTORE, text))
        elif is_in_turn(restore):
            yield Claimant(Reason(Cause.WAITING_FOR_RESTORE, f"RestoreSession {name} goes first"))


def waiting_restore(reader: Reader, repository: Repository) -> Reason | None:
    """A restore that has not begun, from a Repository or into its volume: it goes first."""
    namespace, app = repository.metadata.namespace or "", repository.spec.app_ref
    restores = reader.by(UNFINISHED_RESTORES, namespace)
    if not restores:
        return None
    wanted = frozenset(
        {
            repository_key(namespace, repository.metadata.name),
            volume_key(namespace, app.name if app is not None else ""),
        }
    )
    found = next(_restores(reader, restores, wanted, waiting=True), None)
    return found.why if found is not None else None


def waiting_backup(reader: Reader, repository: Repository) -> Reason | None:
    """A backup into a Repository, or of its volume, that is due and only waits for its turn."""
    namespace, app = repository.metadata.namespace or "", repository.spec.app_ref
    keys = (
        repository_key(namespace, repository.metadata.name),
        volume_key(namespace, app.name if app is not None else ""),
    )
    found = (session for key in keys for session in reader.by(SESSIONS_IN_TURN, *key))
    for session in found:
        if session.is_finished or is_deleting(session):
            # Only its retention waits, or nothing makes it begin any more.
            continue
        known = find(session.status.conditions if session.status is not None else (), _BACKUP_BEGUN)
        if known is not None and known.reason in TURNS:
            text = f"BackupSession {session.metadata.name} is due"
            return Reason(Cause.WAITING_FOR_BACKUP, text)
    return None


def is_in_turn(restore: RestoreSession) -> bool:
    """Whether a restore that has not begun only waits for others, as far as is known."""
    if restore.status is None:
        return True
    known = find(restore.status.conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    return known is not None and known.reason in TURNS


def _sessions(reader: Reader, wanted: frozenset[IndexKey], uid: str | None) -> Iterator[Claimant]:
    for key in wanted:
        for session in reader.by(CLAIMING_SESSIONS, *key):
            if session.metadata.uid == uid or session.status is None:
                continue
            name = session.metadata.name
            until = _session_claims_until(session)
            is_backup = any(item.phase is Phase.RUNNING for item in session.status.snapshots or ())
            if is_backup:
                text = f"BackupSession {name} is backing up"
                yield Claimant(Reason(Cause.WAITING_FOR_BACKUP, text), until)
            else:
                text = f"the retention of BackupSession {name} is running"
                yield Claimant(Reason(Cause.WAITING_FOR_RETENTION, text), until)


def _repositories(
    reader: Reader, wanted: frozenset[IndexKey], uid: str | None
) -> Iterator[Claimant]:
    for key in wanted:
        for repository in reader.by(CLAIMING_REPOSITORIES, *key):
            if repository.metadata.uid == uid:
                continue
            name, status = repository.metadata.name, repository.status
            until = _claims_until(repository)
            upkeep = status.upkeep if status is not None else None
            if upkeep is not None and upkeep.executor is not None and not upkeep.executor.ended:
                text = f"Repository {name} is being pruned or checked"
                yield Claimant(Reason(Cause.WAITING_FOR_UPKEEP, text), until)
            else:
                text = f"Repository {name} is being initialised or resynced"
                yield Claimant(Reason(Cause.WAITING_FOR_INITIALIZATION, text), until)


def _claims_until(repository: Repository) -> datetime | None:
    """When the claim of a Repository that is being deleted ends.

    It is not reconciled any more, so nothing releases the claim, and a finalizer may keep it for
    ever. Its pod counts by itself.
    """
    deleted = repository.metadata.deletion_timestamp
    return deleted + _LONGEST_RUN if deleted is not None else None


def _session_claims_until(session: BackupSession) -> datetime | None:
    """The same of a session, which may have a deadline of its own."""
    deleted = session.metadata.deletion_timestamp
    deadline = session.status.backup_deadline if session.status is not None else None
    return max(deleted, deadline or deleted) + _LONGEST_SESSION if deleted is not None else None


def _pods(reader: Reader, wanted: frozenset[IndexKey]) -> Iterator[Claimant]:
    """What runs on although nobody claims it: its session was deleted, say."""
    for key in wanted:
        for pod in reader.by(LIVING_PODS, *key):
            text = f"pod {pod.metadata.name} has not ended"
            yield Claimant(Reason(Cause.WAITING_FOR_POD, text), stops_by(pod))


def _lost_pods(reader: Reader, wanted: frozenset[IndexKey]) -> Iterator[Claimant]:
    """What may run on although its pod and its owner were deleted."""
    found = {item.metadata.name: item for key in wanted for item in reader.by(LOST_PODS, *key)}
    for repository in found.values():
        for lost in (repository.status.lost_pods if repository.status is not None else None) or ():
            if not may_run(reader, repository, lost):
                continue
            text = (
                f"pod {lost.pod} of {lost.kind} {lost.name} was deleted and no kubelet reported "
                f"its end: it counts as running until {format_time(lost.until)}; if nothing of it "
                f"runs any more, annotate Repository {repository.metadata.name} with "
                f"{ACCEPT_LOST_POD_ANNOTATION}={lost.pod}"
            )
            yield Claimant(Reason(Cause.WAITING_FOR_POD, text), lost.until)
