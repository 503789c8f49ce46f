"""Conditions of a status: set one, find one; a transition time moves only with the status."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from stashgen.api.base import JsonObject
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause

_STATUS = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}

# What earlier versions said of an object and nobody decides about any more: it would stay for ever,
# and Argo CD and Flux go by every condition that is there.
RETIRED_TYPES = frozenset(
    {
        # BackupConfiguration, BackupStorage, Repository: beside Ready, with what is not supported.
        # Such an object is invalid since then (UnsupportedField in the conditions that say so).
        "FieldsSupported",
    }
)

_SOON, _SELDOM = timedelta(minutes=1), timedelta(minutes=10)

# Refusals that pass by themselves: a sync is under way.
_PASSING = frozenset({Cause.ADMISSION_POLICY_MISSING, Cause.NOT_REVIEWED_YET})


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of a type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether a condition is there and True."""
    condition = find(conditions, type_)
    return condition is not None and condition.status is ConditionStatus.TRUE


def with_condition(conditions: tuple[Condition, ...], wanted: Condition) -> tuple[Condition, ...]:
    """The conditions with one set; ``lastTransitionTime`` stays where the status stays.

    Order is kept, a new type goes to the end (Kubernetes API conventions, "Typical status
    properties").
    """
    known = find(conditions, wanted.type)
    if known is None:
        return (*conditions, wanted)
    if known.status == wanted.status:
        wanted = wanted.model_copy(update={"last_transition_time": known.last_transition_time})
    return tuple(wanted if item.type == wanted.type else item for item in conditions)


def without(conditions: tuple[Condition, ...], type_: str) -> tuple[Condition, ...]:
    """The conditions without one type."""
    return tuple(condition for condition in conditions if condition.type != type_)


def without_retired(status: JsonObject) -> JsonObject:
    """A status as it is written, without conditions that are not set any more."""
    found = status.get("conditions")
    if not isinstance(found, list):
        return status
    kept = [
        item for item in found if not (isinstance(item, dict) and item.get("type") in RETIRED_TYPES)
    ]
    if len(kept) == len(found):
        return status
    rest = {key: value for key, value in status.items() if key != "conditions"}
    return {**rest, "conditions": kept} if kept else rest


def condition(
    type_: str,
    *,
    status: bool | None,
    reason: str,
    message: str = "",
    now: datetime,
    generation: int | None = None,
) -> Condition:
    """A condition as of now; ``status`` None means Unknown, an empty message is left out."""
    return Condition(
        type=type_,
        status=_STATUS[status],
        reason=reason,
        message=message or None,
        last_transition_time=now,
        observed_generation=generation,
    )


def not_done(type_: str, reason: str, why: Reason, now: datetime) -> Condition:
    """A condition for what could not be done: False with the reason that is given.

    A refusal that passes by itself is no failure: Unknown, with its own name as the reason.
    """
    if why.name in _PASSING:
        return waiting(type_, why, now)
    return condition(type_, status=False, reason=reason, message=why.text, now=now)


def waiting(type_: str, why: Reason, now: datetime) -> Condition:
    """A condition for what is not decided yet: Unknown, with what it waits for."""
    return condition(type_, status=None, reason=why.name, message=why.message, now=now)


def look_again(since: datetime | None, now: datetime) -> timedelta:
    """When to look again at what waits since a time, even if no watch shows anything new.

    Watches wake it; this is for what passes without an event, such as the deadline of a pod that
    was deleted by force. A minute at first, then a tenth of the time that it has waited already,
    ten minutes at most: a wait may take a day.
    """
    waited = now - since if since is not None else timedelta()
    return min(max(_SOON, waited / 10), _SELDOM)


def waited_since(conditions: Iterable[Condition], wanted: Condition) -> datetime | None:
    """Since when the conditions have said what is to be set now."""
    known = find(conditions, wanted.type)
    is_same = known is not None and known.status == wanted.status
    return known.last_transition_time if known is not None and is_same else None


def metrics_pushed(now: datetime) -> Condition:
    """KubeStash's final step of a BackupSession or RestoreSession: its phase is the last word."""
    return condition(
        ConditionType.METRICS_PUSHED,
        status=True,
        reason="SuccessfullyPushedMetrics",
        message="Metrics have been pushed successfully.",
        now=now,
    )
