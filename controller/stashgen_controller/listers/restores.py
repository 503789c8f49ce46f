"""How far a RestoreSession is, by the controller's word: its worker reports a phase first."""

from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.runtime.conditions import is_true


def is_over(restore: RestoreSession) -> bool:
    """Whether it has ended."""
    is_pushed = restore.status is not None and is_true(
        restore.status.conditions, ConditionType.METRICS_PUSHED
    )
    return restore.phase is RestorePhase.INVALID or (restore.is_finished and is_pushed)


def is_writing(restore: RestoreSession) -> bool:
    """Whether it has begun and has not ended."""
    has_begun = restore.status is not None and restore.status.executor is not None
    return has_begun and not is_over(restore)
