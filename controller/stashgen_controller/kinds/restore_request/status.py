"""A RestoreRequest's status in each of its phases, with the conditions that kstatus reads."""

from datetime import datetime

from stashgen.api.restore_request import RestoreRequestPhase, RestoreRequestStatus
from stashgen.api.shared import Condition
from stashgen_controller.kinds.restore_request.observe import Observed
from stashgen_controller.runtime.conditions import condition, with_condition, without

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"


def going_on(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    *,
    reason: str,
    message: str,
    now: datetime,
) -> RestoreRequestStatus:
    """A request that is waited for: Reconciling, and not Ready."""
    told = (reason, message)
    not_ready = _said(seen, READY, told, now, status=False)
    going = _said(seen, RECONCILING, told, now, status=True)
    conditions = with_condition(with_condition(status.conditions, not_ready), going)
    return _written(seen, status, phase, without(conditions, STALLED))


def succeeded(
    seen: Observed, status: RestoreRequestStatus, *, reason: str, message: str, now: datetime
) -> RestoreRequestStatus:
    """The act is done."""
    return _at_rest(seen, status, RestoreRequestPhase.SUCCEEDED, (reason, message), now)


def failed(
    seen: Observed, status: RestoreRequestStatus, text: str, now: datetime
) -> RestoreRequestStatus:
    """The act was not done, and this request will not do it: Stalled."""
    return _stalled(seen, status, RestoreRequestPhase.FAILED, text, now)


def expired(
    seen: Observed, status: RestoreRequestStatus, text: str, now: datetime
) -> RestoreRequestStatus:
    """Nothing was started in time.

    A request that was applied after its time is history that is replayed (a rebuilt cluster, a
    prune and re-add): that is no failure which a syncer should stop at.
    """
    created = seen.request.metadata.creation_timestamp or now
    phase = RestoreRequestPhase.EXPIRED
    if created < seen.request.spec.not_after:
        return _stalled(seen, status, phase, text, now)
    reason, _, message = text.partition(": ")
    update = status.model_copy(update={"error": text})
    return _at_rest(seen, update, phase, (reason, message), now)


def _at_rest(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    told: tuple[str, str],
    now: datetime,
) -> RestoreRequestStatus:
    ready = _said(seen, READY, told, now, status=True)
    conditions = with_condition(status.conditions, ready)
    return _written(seen, status, phase, without(without(conditions, RECONCILING), STALLED))


def _stalled(
    seen: Observed,
    status: RestoreRequestStatus,
    phase: RestoreRequestPhase,
    text: str,
    now: datetime,
) -> RestoreRequestStatus:
    reason, _, message = text.partition(": ")
    if not message or not reason.isalnum():
        reason, message = "RestoreFailed", text
    told = (reason, message)
    not_ready = _said(seen, READY, told, now, status=False)
    stalled = _said(seen, STALLED, told, now, status=True)
    known = without(status.conditions, RECONCILING)
    conditions = with_condition(with_condition(known, not_ready), stalled)
    return _written(seen, status.model_copy(update={"error": text}), phase, conditions)


def _said(
    seen: Observed, type_: str, told: tuple[str, str], now: datetime, *, status: bool
) -> Condition:
    reason, message = told
    generation = seen.request.metadata.generation
    return condition(
        type_, status=status, reason=reason, message=message, now=now, generation=generation
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
