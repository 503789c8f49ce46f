"""How a Repository's upkeep ended, and when it goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.repository import UpkeepStatus
from stashgen.api.shared import Condition, Executor
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.attempts import released
from stashgen_controller.jobs.lifecycle import NeverStarted, next_look
from stashgen_controller.jobs.run import SETTLES
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.upkeep_due import (
    FIRST_DELAY,
    LONGEST_WAIT,
    TRIES,
    damage_answer,
    full_storage,
    is_overdue,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT, Upkeep
from stashgen_controller.runtime.conditions import condition, not_done, waiting
from stashgen_controller.runtime.decision import Action

AGAIN = timedelta(minutes=5)
_FAILED = "UpkeepFailed"
_OVERDUE = "UpkeepOverdue"
# Beyond that it is LONGEST_WAIT.
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class UpkeepStep:
    """How the upkeep goes on.

    Attributes:
        status: What is to be recorded; None where there never was any.
        done: What a run that has just ended did.
        condition: Of the Repository; None where the one that is there stays.
        actions: Jobs to create and delete.
        requeue_after: When to look again.
        never_started: The Job never started.
        is_claim: The status is to be written before the actions.
    """

    status: UpkeepStatus | None
    done: Upkeep | None = None
    condition: Condition | None = None
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    never_started: NeverStarted | None = None
    is_claim: bool = False


def upkeep_refused(why: Reason, now: datetime) -> Condition:
    """A run failed, or the API server refused its Job."""
    return not_done(ConditionType.UPKEEP_SUCCEEDED, _FAILED, why, now)


def stopped(
    seen: Observed,
    known: UpkeepStatus,
    executor: Executor,
    done: Upkeep | None,
    why: Reason,
    now: datetime,
) -> UpkeepStep:
    """It gave way: that is no failure, and what it had done by then is done.

    The first few times it goes on as soon as it may. What was stopped more often does not fit
    between two backups, and would fetch the same data again each time.
    """
    status = _with_done(known, done, executor, now) if done is not None else known
    stops = known.stops + 1
    update: dict[str, object] = {"stops": stops, "stopped_for": None}
    if stops > TRIES:
        delay = min(FIRST_DELAY * (1 << min(stops - TRIES - 1, _MOST_DOUBLINGS)), LONGEST_WAIT)
        update["next_try_time"] = (now + delay).replace(microsecond=0)
    status = ended(status.model_copy(update=update), executor)
    text = f"{why.message}: {was_stopped(status)}, goes on afterwards"
    word = late(seen, status, was_stopped(status), now)
    if word is None and not known.failures:
        word = waiting(ConditionType.UPKEEP_SUCCEEDED, Reason(why.name, text), now)
    return UpkeepStep(status, done, word, requeue_after=AGAIN)


def was_stopped(known: UpkeepStatus) -> str:
    """How often backups and restores went first."""
    return f"stopped {known.stops} times since the last success"


def late(seen: Observed, known: UpkeepStatus, why: str, now: datetime) -> Condition | None:
    """That a check or prune is overdue, and what it waits for; None where it is not."""
    if not is_overdue(seen, known, now):
        return None
    text = f"more than a day late: {why}"
    return not_done(ConditionType.UPKEEP_SUCCEEDED, _OVERDUE, Reason("", text), now)


def succeeded(seen: Observed, known: UpkeepStatus, executor: Executor, now: datetime) -> UpkeepStep:
    """All that was due is done."""
    result = seen.upkeep.run.result
    done = (result.upkeep if result is not None else None) or Upkeep()
    status = _with_done(known, done, executor, now)
    update: dict[str, object] = {
        "failures": 0,
        "next_try_time": None,
        "stops": 0,
        "stopped_for": None,
    }
    if done.pruned:
        update["full_storage"] = full_storage(seen)
    status = ended(status.model_copy(update=update), executor)
    word = condition(ConditionType.UPKEEP_SUCCEEDED, status=True, reason="UpkeepSucceeded", now=now)
    return UpkeepStep(status, done, word, requeue_after=next_look(seen.upkeep.run) or SETTLES)


def failed(
    seen: Observed,
    known: UpkeepStatus,
    executor: Executor,
    error: Reason,
    done: Upkeep | None,
    now: datetime,
) -> UpkeepStep:
    """Some of it could not be done: what may pass is tried again soon, a few times."""
    status = _with_done(known, done, executor, now) if done is not None else known
    failures = known.failures + 1
    is_worth_a_try = error.name in TRANSIENT and failures <= TRIES
    delay = FIRST_DELAY * (1 << (failures - 1)) if is_worth_a_try else LONGEST_WAIT
    update: dict[str, object] = {
        "failures": failures,
        "next_try_time": (now + delay).replace(microsecond=0),
        "stopped_for": None,
    }
    if not is_worth_a_try:
        # Once for each backup that found no room, and for each word on damage.
        update["full_storage"] = full_storage(seen)
        update["damage_answered"] = damage_answer(seen)
    status = ended(status.model_copy(update=update), executor)
    return UpkeepStep(status, done, upkeep_refused(error, now), requeue_after=delay)


def _with_done(
    known: UpkeepStatus, done: Upkeep, executor: Executor, now: datetime
) -> UpkeepStatus:
    """With what a run did, by our own clock, which is the one that asks when the next is due."""
    when = now.replace(microsecond=0)
    update: dict[str, object] = {}
    if done.checked:
        # The next one reads the part of the data again in which this one found damage.
        checks = known.checks if done.intact is False else known.checks + 1
        update |= {"last_check_time": when, "checks": checks}
    if done.intact is not None:
        update["last_check_created"] = executor.created
    if done.pruned:
        update["last_prune_time"] = when
    # Damage makes a check of all of it necessary, whatever was whole before.
    if done.checked or done.intact is False:
        update["checked_paths"] = None
    elif done.checked_paths:
        update["checked_paths"] = done.checked_paths
    if done.pruned:
        update["pruned_paths"] = None
    elif done.pruned_paths:
        update["pruned_paths"] = done.pruned_paths
    return known.model_copy(update=update)


def ended(status: UpkeepStatus, executor: Executor) -> UpkeepStatus:
    """The status of a run that claims nothing any more."""
    return status.model_copy(update={"executor": released(executor)})
