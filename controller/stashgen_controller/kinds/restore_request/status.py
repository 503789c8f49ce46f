"""A RestoreRequest's status in each of its phases, with the conditions that kstatus reads."""

from datetime import datetime

from stashgen.api.restore_request import RestoreRequestPhase, RestoreRequestStatus
from stashgen.api.shared import Condition
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kinds.restore_request.observe import Observed
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import condition, with_condition, without


def going_on(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    why: Reason,
    now: datetime,
) -> RestoreRequestStatus:
    """A request that is waited for: Reconciling, and not Ready."""
    not_ready = _condition(seen, ConditionType.READY, why, now, status=False)
    going = _condition(seen, ConditionType.RECONCILING, why, now, status=True)
    conditions = with_condition(with_condition(status.conditions, not_ready), going)
    return _written(seen, status, phase, without(conditions, ConditionType.STALLED))


def succeeded(
    seen: Observed, status: RestoreRequestStatus, how: Reason, now: datetime
) -> RestoreRequestStatus:
    """The act is done."""
    return _at_rest(seen, status, RestoreRequestPhase.SUCCEEDED, how, now)


def failed(
    seen: Observed, status: RestoreRequestStatus, why: Reason, now: datetime
) -> RestoreRequestStatus:
    """The act was not done, and this request will not do it: Stalled."""
    return _stalled(seen, status, RestoreRequestPhase.FAILED, why, now)


def expired(
    seen: Observed, status: RestoreRequestStatus, why: Reason, now: datetime
) -> RestoreRequestStatus:
    """Nothing was started in time.

    A request that was applied after its time is history that is replayed (a rebuilt cluster, a
    prune and re-add): that is no failure which a syncer should stop at.
    """
    created = seen.request.metadata.creation_timestamp or now
    phase = RestoreRequestPhase.EXPIRED
    if created < seen.request.spec.not_after:
        return _stalled(seen, status, phase, why, now)
    update = status.model_copy(update={"error": why.text})
    return _at_rest(seen, update, phase, why, now)


def _at_rest(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    how: Reason,
    now: datetime,
) -> RestoreRequestStatus:
    ready = _condition(seen, ConditionType.READY, how, now, status=True)
    conditions = with_condition(status.conditions, ready)
    return _written(
        seen,
        status,
        phase,
        without(without(conditions, ConditionType.RECONCILING), ConditionType.STALLED),
    )


def _stalled(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    why: Reason,
    now: datetime,
) -> RestoreRequestStatus:
    # A condition needs a reason (Kubernetes API conventions), whatever was found.
    shown = why if why.name and why.message else Reason("RestoreFailed", why.text)
    not_ready = _condition(seen, ConditionType.READY, shown, now, status=False)
    stalled = _condition(seen, ConditionType.STALLED, shown, now, status=True)
    known = without(status.conditions, ConditionType.RECONCILING)
    conditions = with_condition(with_condition(known, not_ready), stalled)
    return _written(seen, status.model_copy(update={"error": why.text}), phase, conditions)


def _condition(
    seen: Observed, type_: str, why: Reason, now: datetime, *, status: bool
) -> Condition:
    return condition(
        type_,
        status=status,
        reason=why.name,
        message=why.message,
        now=now,
        generation=seen.request.metadata.generation,
    )


def _written(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    conditions: tuple[Condition, ...],
) -> RestoreRequestStatus:
    return status.model_copy(
        update={
            "observed_generation": seen.request.metadata.generation,
            "phase": phase,
            "conditions": conditions,
        }
    )
