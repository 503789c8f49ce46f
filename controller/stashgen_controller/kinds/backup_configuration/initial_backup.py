"""The initial backup: a session whose repositories hold no history is started once, at once."""

from datetime import datetime

from stashgen.api.backup_configuration import BackupConfigurationStatus, Session, SessionStatus
from stashgen.api.repository import Repository
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen.api.shared import Condition
from stashgen.kubestash import layout
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen_controller.kinds.backup_configuration.observe import Observed
from stashgen_controller.runtime.conditions import condition, is_true, with_condition
from stashgen_controller.runtime.decision import Action, Create


def initial_backups(
    seen: Observed, status: BackupConfigurationStatus, now: datetime
) -> tuple[BackupConfigurationStatus, list[Action]]:
    """Start the sessions that need it; what was decided once stays decided."""
    actions: list[Action] = []
    sessions = []
    for item in status.sessions or ():
        session = seen.configuration.session(item.name or "")
        if session is None or is_true(item.conditions, ConditionType.INITIAL_BACKUP_TRIGGERED):
            sessions.append(item)
            continue
        repositories = [
            seen.repositories.get(wanted.name or "") for wanted in session.repositories or ()
        ]
        if not all(_is_initialized(repository, session) for repository in repositories):
            sessions.append(item)
            continue
        if any(map(_has_history, repositories)):
            message = "The repository has a history: no initial backup is needed."
        else:
            message = "Initial backup has been triggered successfully."
            # The name must not change if this has to be done twice: it carries the time at
            # which the configuration was made.
            created = seen.configuration.metadata.creation_timestamp or now
            manifest = backup_session_manifest(
                seen.configuration, session, int(created.timestamp())
            )
            actions.append(Create(BACKUP_SESSIONS, manifest))
        sessions.append(_with_triggered(item, message, now))
    return status.model_copy(update={"sessions": tuple(sessions)}), actions


def _with_triggered(item: SessionStatus, message: str, now: datetime) -> SessionStatus:
    triggered = condition(
        ConditionType.INITIAL_BACKUP_TRIGGERED,
        status=True,
        reason="SuccessfullyTriggeredInitialBackup",
        message=message,
        now=now,
    )
    return item.model_copy(update={"conditions": with_condition(item.conditions, triggered)})


def not_triggered(why: str, now: datetime) -> Condition:
    """A session whose initial backup could not be started; it is tried again."""
    return condition(
        ConditionType.INITIAL_BACKUP_TRIGGERED,
        status=False,
        reason="FailedToTriggerInitialBackup",
        message=why,
        now=now,
    )


def _is_initialized(repository: Repository | None, session: Session) -> bool:
    """Whether a repository is Ready and has a place for the session."""
    if repository is None or repository.status is None or repository.status.phase != "Ready":
        return False
    path = layout.component_path(session.name or "", COMPONENT)
    return path in (repository.status.component_paths or ())


def _has_history(repository: Repository | None) -> bool:
    """Whether the bucket's directory holds a snapshot, or the record of another writer."""
    if repository is None or repository.status is None:
        return False
    return bool(repository.status.snapshot_count) or repository.status.writer_matches is False
