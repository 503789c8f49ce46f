"""Attempts of an initialisation: start one, wait for it, try again after a while if it failed.

Each attempt is a new Job; the Job of the attempt before goes when the next one is made, so there
is never more than one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import PLAN_DIGEST_ANNOTATION
from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT, ErrorClass
from stashgen_controller.runtime.decision import Action, Create, Delete

_FIRST_DELAY = timedelta(seconds=10)
_LONGEST_DELAY = timedelta(minutes=5)
# What another attempt alone cannot mend (a wrong password, say) may be mended by a person who
# writes nothing that we watch: a Secret.
_PERMANENT_DELAY = timedelta(minutes=10)
_UNKNOWN = Reason(ErrorClass.INTERNAL, "the attempt failed and nobody says why")


@dataclass(frozen=True, slots=True)
class Progress:
    """How an initialisation goes on.

    Attributes:
        executor: What the status is to record of it.
        actions: Jobs to create and delete.
        succeeded: The attempt at hand did what it should.
        error: Why the last attempt failed; stays set while the next one is running.
        requeue_after: When to look again: the next attempt is due, or a pod waits for too long.
    """

    executor: Executor | None
    actions: tuple[Action, ...] = ()
    succeeded: bool = False
    error: Reason | None = None
    requeue_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """One object's initialisation.

    Attributes:
        executor: What the status recorded, None before the first attempt.
        run: What became of the recorded attempt's Job.
        namespace: Of the Jobs.
        job_for: Makes the Job of an attempt, counted from 1.
        is_enough: Whether a successful run did all that is wanted now; one that was started for
            an older spec did not.
    """

    executor: Executor | None
    run: JobRun
    namespace: str
    job_for: Callable[[int], JsonObject]
    is_enough: Callable[[JobRun], bool]

    def advance(self, now: datetime) -> Progress:
        """Go on: start the first attempt, wait, take over the outcome, or start the next one."""
        executor, run = self.executor, self.run
        if executor is None:
            return self._start(1)
        if run.state is RunState.ABSENT:
            return self._start(executor.attempt)
        kept = run.executor(executor.job, executor.attempt) or executor
        if run.state is RunState.RUNNING:
            error = run.never_started(now)
            if error is not None:
                return self._start(executor.attempt + 1, error)
            return Progress(kept, requeue_after=run.next_look(now))
        if run.succeeded and self.is_enough(run):
            return Progress(kept, succeeded=True)
        if run.succeeded:
            return self._start(executor.attempt + 1)
        if run.state is RunState.LOST:
            # It has no end to wait from but the moment at which it was missed.
            lost = executor.lost_time or now.replace(microsecond=0)
            kept = kept.model_copy(update={"lost_time": lost})
        return self._after_failure(kept, run.error or _UNKNOWN, now)

    def _start(self, attempt: int, error: Reason | None = None) -> Progress:
        """Begin an attempt; the Job of the one before goes."""
        job = self.job_for(attempt)
        metadata = cast("JsonObject", job["metadata"])
        annotations = cast("dict[str, str]", metadata["annotations"])
        executor = Executor(
            job=str(metadata["name"]),
            attempt=attempt,
            plan_digest=annotations[PLAN_DIGEST_ANNOTATION],
        )
        old: tuple[Action, ...] = ()
        if self.executor is not None and self.run.job_uid and self.executor.job != executor.job:
            old = (Delete(JOBS, self.namespace, self.executor.job, self.run.job_uid),)
        return Progress(executor, (*old, Create(JOBS, job)), error=error)

    def _after_failure(self, kept: Executor, error: Reason, now: datetime) -> Progress:
        # A Job whose name is taken never ran: the next attempt has another name.
        ended = self.run.finished or kept.lost_time
        due = ended + retry_delay(kept.attempt, error) if ended is not None else now
        if due > now:
            return Progress(kept, error=error, requeue_after=due - now)
        return self._start(kept.attempt + 1, error)


def retry_delay(attempt: int, error: Reason) -> timedelta:
    """How long to wait after a failed attempt."""
    if error.name not in TRANSIENT:
        return _PERMANENT_DELAY
    doublings = min(max(attempt, 1) - 1, 10)
    return min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY)
