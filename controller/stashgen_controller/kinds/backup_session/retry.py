"""The retry of a failed BackupSession: a new one, within the budget that the session carries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.backup_session import BackupSessionPhase, BackupSessionStatus
from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen.api.snapshot import Phase
from stashgen.kubestash import quantities
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.observe import Observed
from stashgen_controller.protocol.run_result import TRANSIENT
from stashgen_controller.runtime.decision import Action, Create


@dataclass(frozen=True, slots=True)
class RetryStep:
    """A session's status with what is known of its retry, and what is to be done."""

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def next_retry(seen: Observed, now: datetime) -> datetime | None:
    """When a session that is failing now is to be tried again; None if it is not.

    Asked once, at the end of the session: what is gone later must not make a failure look like one
    that passes. In whole seconds: the status keeps no more, and the next session's name is made of
    them.
    """
    if not seen.session.spec.retry_left or seen.config_session is None:
        return None
    if not any(_may_pass(copy) for copy in seen.copies if copy.phase is Phase.FAILED):
        return None
    config = seen.config_session.retry_config
    delay = quantities.parse_duration(config.delay) if config and config.delay else timedelta()
    return (now + delay + timedelta(seconds=1)).replace(microsecond=0)


def _may_pass(copy: Copy) -> bool:
    """Whether another try can help; a permanent failure (a wrong password, say) is not tried."""
    if copy.collides:
        return False
    return copy.run.error is None or copy.run.error.name in TRANSIENT


def advance_retry(seen: Observed, now: datetime) -> RetryStep:
    """Make the next session once it is due; then remember that it was made."""
    status, session, configuration = seen.status, seen.config_session, seen.configuration
    if seen.session.phase is not BackupSessionPhase.FAILED or status.next_retry is None:
        return RetryStep(status)
    if status.retried or session is None or configuration is None:
        return RetryStep(status)
    if now < status.next_retry:
        return RetryStep(status, requeue_after=status.next_retry - now)
    manifest = backup_session_manifest(
        configuration,
        session,
        int(status.next_retry.timestamp()),
        retry_left=max((seen.session.spec.retry_left or 1) - 1, 0),
    )
    retried = status.model_copy(update={"retried": True})
    name = cast("JsonObject", manifest["metadata"])["name"]
    if any(item.metadata.name == name for item in seen.siblings):
        # A tick, or a person, was there in this very second: that one is the next try.
        return RetryStep(retried)
    return RetryStep(retried, (Create(BACKUP_SESSIONS, manifest),))
