"""How a RestoreSession ends: with its Job's word, without one, or without a Job."""

from datetime import datetime, timedelta

from stashgen.api.restore_session import (
    RestoreComponent,
    RestorePhase,
    RestoreSessionStatus,
)
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash import quantities
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen_controller.kinds.restore_session.observe import Observed
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import (
    EXECUTOR_ENSURED,
    condition,
    metrics_pushed,
    not_done,
    with_condition,
)

INCOMPLETE = "RestoreIncomplete"


def finished(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    """The last word: the worker's document; without one its status patch and its exit code."""
    run = seen.run
    reported = (run.result.components if run.result is not None else {}).get(COMPONENT)
    own = (status.components or {}).get(COMPONENT)
    if run.succeeded or (reported is not None and reported.phase is Phase.FAILED):
        component = RestoreComponent(
            phase=RestorePhase.SUCCEEDED if run.succeeded else RestorePhase.FAILED,
            duration=reported.duration if reported is not None else None,
            error=None
            if run.succeeded
            else _error(reported.error if reported else None, run.error),
        )
    elif run.exited_well and own is not None and own.phase is RestorePhase.SUCCEEDED:
        component = own
    elif run.result is None:
        return incomplete(seen, status, run.error, now)
    else:
        component = RestoreComponent(phase=RestorePhase.FAILED, error=_error(None, run.error))
    if run.result is not None:
        update = {"restored_before": run.result.restored_before}
        status = status.model_copy(update=update)
    return _pushed(seen, _with_component(seen, status, component), now)


def _error(reported: str | None, error: Reason | None) -> str:
    return reported or (error.text if error is not None else "the Job gave no reason")


def _with_component(
    seen: Observed, status: RestoreSessionStatus, component: RestoreComponent
) -> RestoreSessionStatus:
    executor = seen.run.executor(seen.restore.metadata.name, 1) or status.executor
    return status.model_copy(update={"executor": executor, "components": {COMPONENT: component}})


def incomplete(
    seen: Observed, status: RestoreSessionStatus, error: Reason | None, now: datetime
) -> RestoreSessionStatus:
    """A restore whose Job never started, was lost, or ended without a word."""
    text = _error(None, error)
    component = RestoreComponent(phase=RestorePhase.FAILED, error=text)
    word = condition(
        INCOMPLETE,
        status=True,
        reason="RestoreExecutorTerminatedBeforeCompletion",
        message=text,
        now=now,
    )
    return _pushed(seen, set_condition(_with_component(seen, status, component), word), now)


def failed(
    seen: Observed, status: RestoreSessionStatus, why: Reason, now: datetime
) -> RestoreSessionStatus:
    """A restore that never had a Job."""
    return _pushed(seen, set_condition(status, not_ensured(why, now)), now)


def not_ensured(why: Reason, now: datetime) -> Condition:
    """A restore whose Job could not be made."""
    return not_done(EXECUTOR_ENSURED, "FailedToEnsureRestoreExecutor", why, now)


def _pushed(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    created = seen.restore.metadata.creation_timestamp or now
    duration = max((seen.run.finished or now) - created, timedelta())
    return set_condition(status, metrics_pushed(now)).model_copy(
        update={"duration": quantities.format_duration(duration), "paused_backups": None}
    )


def set_condition(status: RestoreSessionStatus, wanted: Condition) -> RestoreSessionStatus:
    """The status with one condition set."""
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})
