"""Attempts of an initialisation: start one, wait for it, try again after a while if it failed.

Each attempt is a new Job; the Job of the attempt before goes when the next one is made, so there
is never more than one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.decision import Action, Create, Delete
from stashgen_controller.jobs import PLAN_DIGEST_ANNOTATION, Run, RunState
from stashgen_controller.result import TRANSIENT, RunError

_FIRST_DELAY = timedelta(seconds=10)
_LONGEST_DELAY = timedelta(minutes=5)
# What another attempt alone cannot mend (a wrong password, say) may be mended by a person who
# writes nothing that we watch: a Secret.
_PERMANENT_DELAY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Progress:
    """How an initialisation goes on.

    Attributes:
        executor: What the status is to record of it.
        actions: Jobs to create and delete.
        succeeded: The attempt at hand did what it should.
        error: Why the last attempt failed; stays set while the next one is running.
        requeue_after: When the next attempt is due.
    """

    executor: Executor | None
    actions: tuple[Action, ...] = ()
    succeeded: bool = False
    error: RunError | None = None
    requeue_after: timedelta | None = None


def advance(
    *,
    executor: Executor | None,
    run: Run,
    namespace: str,
    job_for: Callable[[int], JsonObject],
    now: datetime,
) -> Progress:
    """Go on with an initialisation.

    Args:
        executor: What the status recorded, None before the first attempt.
        run: What became of the recorded attempt's Job.
        namespace: Of the Job.
        job_for: Makes the Job of an attempt, counted from 1.
        now: The current time.
    """
    if executor is None:
        return start(job_for(1), 1)
    match run.state:
        case RunState.ABSENT:
            return start(job_for(executor.attempt), executor.attempt)
        case RunState.RUNNING:
            return Progress(run.executor(executor.job, executor.attempt))
        case RunState.FINISHED if run.succeeded:
            return Progress(run.executor(executor.job, executor.attempt), succeeded=True)
        case _:
            return _after_failure(executor, run, namespace, job_for, now)


def start(job: JsonObject, attempt: int, *extra: Action) -> Progress:
    """Begin an attempt; the extra actions come first."""
    metadata = cast("dict[str, str]", job["metadata"])
    annotations = cast("dict[str, str]", cast("JsonObject", job["metadata"])["annotations"])
    executor = Executor(
        job=metadata["name"], attempt=attempt, plan_digest=annotations[PLAN_DIGEST_ANNOTATION]
    )
    return Progress(executor, (*extra, Create(JOBS, job)))


def retry_delay(attempt: int, error: RunError) -> timedelta:
    """How long to wait after a failed attempt."""
    if error.reason not in TRANSIENT:
        return _PERMANENT_DELAY
    return min(_FIRST_DELAY * 2 ** min(attempt - 1, 10), _LONGEST_DELAY)


def _after_failure(
    executor: Executor,
    run: Run,
    namespace: str,
    job_for: Callable[[int], JsonObject],
    now: datetime,
) -> Progress:
    error = cast("RunError", run.error)
    # A Job that is gone, or whose name is taken, has no end to wait from: the next has another name.
    due = run.finished + retry_delay(executor.attempt, error) if run.finished else now
    if (wait := due - now) > timedelta():
        kept = run.executor(executor.job, executor.attempt) or executor
        return Progress(kept, error=error, requeue_after=wait)
    attempt = executor.attempt + 1
    old = (Delete(JOBS, namespace, executor.job, run.job_uid),) if run.job_uid else ()
    begun = start(job_for(attempt), attempt, *old)
    return Progress(begun.executor, begun.actions, error=error)
