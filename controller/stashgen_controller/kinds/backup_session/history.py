"""What goes on around a BackupSession: others of its kind, restores into its target."""

from collections.abc import Sequence

from stashgen.api.backup_configuration import Session
from stashgen.api.backup_session import BackupSession, BackupSessionPhase, RetentionPhase
from stashgen_controller.listers.indexes.restores import RESTORES_BY_TARGET
from stashgen_controller.listers.indexes.sessions import SESSIONS_BY_INVOKER
from stashgen_controller.listers.restores import is_writing
from stashgen_controller.runtime.kind import Reader, is_deleting

_DEFAULT_HISTORY = 1


def siblings_of(reader: Reader, session: BackupSession) -> list[BackupSession]:
    """The other sessions of the same invoker and name, newest first."""
    invoker = session.spec.invoker.name if session.spec.invoker else ""
    namespace = session.metadata.namespace or ""
    found = reader.by(SESSIONS_BY_INVOKER, namespace, invoker, session.spec.session or "")
    others = [item for item in found if item.metadata.uid != session.metadata.uid]
    return sorted(others, key=age_key, reverse=True)


def age_key(session: BackupSession) -> tuple[str, str]:
    """Sorts by age; the name decides between two of the same second."""
    created = session.metadata.creation_timestamp
    return (created.isoformat() if created else "", session.metadata.name)


def running_before(session: BackupSession, siblings: Sequence[BackupSession]) -> str | None:
    """Another session of the kind that came first and is under way.

    One that is being deleted does not say its end any more; its claim ends by itself.
    """
    older = [item for item in siblings if age_key(item) < age_key(session)]
    under_way = (item for item in older if not item.is_finished and not is_deleting(item))
    return next((item.metadata.name for item in under_way), None)


def restoring_into(reader: Reader, namespace: str, claim: str) -> str | None:
    """A restore into the claim that has begun and has not ended.

    One that is being deleted is over as far as it says itself (``listers/unattended_restores.py``).
    """
    for restore in reader.by(RESTORES_BY_TARGET, namespace, claim):
        if is_writing(restore) and not is_deleting(restore):
            return restore.metadata.name
    return None


def expired(
    session: BackupSession,
    siblings: Sequence[BackupSession],
    config_session: Session | None,
    *,
    is_skipped: bool,
) -> list[BackupSession]:
    """Finished sessions that the history has no room for any more, once this one is finished.

    Skipped ones have a history of their own: a configuration that is not Ready for a night must
    not push its last real sessions out. One whose retention is still running stays: with it the
    Job would go that holds restic's lock.
    """
    limit = config_session.session_history_limit if config_session is not None else None
    limit = max(_DEFAULT_HISTORY if limit is None else limit, 0)
    older = [item for item in siblings if item.is_finished and age_key(item) < age_key(session)]
    found = []
    for skipped in (False, True):
        group = [item for item in older if (item.phase is BackupSessionPhase.SKIPPED) is skipped]
        kept = limit - 1 if skipped is is_skipped else limit
        found += group[max(kept, 0) :]
    return [item for item in found if not _retention_is_pending(item)]


def _retention_is_pending(session: BackupSession) -> bool:
    applied = (session.status.retention_policy if session.status else None) or ()
    return any(
        # Without a Job there is an error that says why; that one does not keep the session.
        item.phase is RetentionPhase.PENDING and (item.executor is not None or item.error is None)
        for item in applied
    )
