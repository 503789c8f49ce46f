"""Attempts of an initialisation: start one, wait for it, try again after a while if it failed.

Each attempt is a new Job; the Job of the attempt before goes when the next one is made, so there
is never more than one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never, cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import PLAN_DIGEST_ANNOTATION
from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.jobs.lifecycle import (
    Absent,
    Failed,
    NeverStarted,
    Succeeded,
    Waiting,
    delete_job,
    stage_of,
)
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT
from stashgen_controller.runtime.decision import Action, Create

_FIRST_DELAY = timedelta(seconds=10)
_LONGEST_DELAY = timedelta(minutes=5)
# What another attempt alone cannot mend (a wrong password, say) may be mended by a person who
# writes nothing that we watch: a Secret.
_PERMANENT_DELAY = timedelta(minutes=10)
_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How an initialisation goes on.

    Attributes:
        executor: What the status is to record of it.
        actions: Jobs to create and delete.
        succeeded: The attempt at hand did what it should.
        error: Why the last attempt failed; stays set while the next one is running.
        never_started: Set where that is because the attempt at hand never started.
        requeue_after: When to look again: the next attempt is due, or a pod waits for too long.
        is_claim: The executor is to be recorded before the actions.
        waits_for: Who is at work where the attempt at hand would begin.
    """

    executor: Executor | None
    actions: tuple[Action, ...] = ()
    succeeded: bool = False
    error: Reason | None = None
    never_started: NeverStarted | None = None
    requeue_after: timedelta | None = None
    is_claim: bool = False
    waits_for: Reason | None = None


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
        waits_for: Who has to end before an attempt begins.
    """

    executor: Executor | None
    run: JobRun
    namespace: str
    job_for: Callable[[int], JsonObject]
    is_enough: Callable[[JobRun], bool]
    waits_for: Reason | None = None

    def advance(self, now: datetime) -> Progress:
        """Go on: start the first attempt, wait, take over the outcome, or start the next one."""
        executor = self.executor
        if executor is None:
            return self._start(1)
        stage = stage_of(
            self.run,
            now,
            namespace=self.namespace,
            job=executor.job,
            attempt=executor.attempt,
        )
        match stage:
            case Absent():
                # Even if it was recorded that it begins: whoever did not hear of that may have
                # begun, too.
                return self._start(executor.attempt)
            case Waiting():
                return Progress(stage.executor or executor, requeue_after=stage.requeue_after)
            case NeverStarted():
                following = self.follow(executor, stage.error)
                return replace(following, never_started=stage)
            case Succeeded() if self.is_enough(self.run):
                return Progress(_ended(stage.executor or executor), succeeded=True)
            case Succeeded():
                return self.follow(executor)
            case Failed():
                return self._after_failure(executor, stage, now)
            case _:
                assert_never(stage)

    def _start(self, attempt: int) -> Progress:
        """Begin an attempt, once it is our turn."""
        if self.waits_for is not None:
            kept = released(self.executor)
            return Progress(kept, requeue_after=_AGAIN, waits_for=self.waits_for)
        return self._begin(attempt)

    def _begin(self, attempt: int) -> Progress:
        """Record an attempt, then make its Job."""
        job = self.job_for(attempt)
        metadata = cast("JsonObject", job["metadata"])
        annotations = cast("dict[str, str]", metadata["annotations"])
        executor = Executor(
            job=str(metadata["name"]),
            attempt=attempt,
            plan_digest=annotations[PLAN_DIGEST_ANNOTATION],
        )
        return Progress(executor, (Create(JOBS, job),), is_claim=True)

    def follow(self, last: Executor, error: Reason | None = None) -> Progress:
        """Begin the next attempt; the Job of the one before goes."""
        started = self._start(last.attempt + 1)
        if started.waits_for is not None:
            return replace(started, error=error)
        old = delete_job(self.namespace, self.run.executor(last.job, last.attempt))
        return replace(started, actions=(*old, *started.actions), error=error)

    def _after_failure(self, recorded: Executor, failed: Failed, now: datetime) -> Progress:
        """Wait with the next attempt, longer after each failure."""
        kept, error = failed.executor or recorded, failed.error
        finished = self.run.finished
        if self.run.state is RunState.LOST or (finished is not None and finished > now):
            # It has no end to wait from but the moment at which it was missed, or at which it was
            # found to have ended by a node's clock that is ahead.
            lost = recorded.lost_time or now.replace(microsecond=0)
            kept = kept.model_copy(update={"lost_time": lost})
        kept = _ended(kept)
        # A Job whose name is taken never ran: the next attempt has another name.
        ended = kept.lost_time or finished
        due = ended + retry_delay(kept.attempt, error) if ended is not None else now
        if due > now:
            return Progress(kept, error=error, requeue_after=due - now)
        return self.follow(kept, error)


def released(executor: Executor | None) -> Executor | None:
    """What is recorded of an attempt whose Job the API server refused: it claims nothing."""
    return _ended(executor) if executor is not None else None


def _ended(executor: Executor) -> Executor:
    return executor.model_copy(update={"ended": True})


def retry_delay(attempt: int, error: Reason) -> timedelta:
    """How long to wait after a failed attempt."""
    if error.name not in TRANSIENT:
        return _PERMANENT_DELAY
    doublings = min(max(attempt, 1) - 1, 10)
    return min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY)
