"""How far a Job is as of now, written once for every kind that runs Jobs.

What was seen of a Job is a ``JobRun``; what it means depends on the time. A kind matches on the
stage and adds what is its own: when a Job may start, which conditions it sets, what it records.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.resources import JOBS
from stashgen.api.shared import Executor
from stashgen_controller.jobs.run import SETTLES, JobRun, RunState
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.runtime.decision import (
    Decision,
    Delete,
    EventsQuestion,
    PodsQuestion,
    Question,
)

# The kubelet ends native sidecars after the worker, within the pod's grace period as a rule.
LINGERS = timedelta(minutes=1)
_UNEXPLAINED = Reason(ErrorClass.INTERNAL, "the Job failed without reporting a reason")


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no Job: the kind makes it, if it may start."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The Job has not ended.

    Attributes:
        executor: What the status is to record.
        is_new: It was made, or ended, this moment: what is to be recorded follows. It is looked at
            again after ``SETTLES``.
        requeue_after: When a pod that does not start has to be looked at again.
    """

    executor: Executor | None
    is_new: bool = False
    requeue_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """The Job's pod has waited for so long that this is a failure; the Job still exists.

    The Job must not start later, so it is deleted: at once where that is not mistaken for a loss
    (``deletion``), else once the failure is recorded (``after_end``).

    Attributes:
        executor: What the status is to record.
        error: Why it does not start.
        run: What was seen of the Job.
        namespace, job: Of the Job.
    """

    executor: Executor | None
    error: Reason
    run: JobRun
    namespace: str
    job: str

    @property
    def deletion(self) -> tuple[Delete, ...]:
        """The Job's."""
        return delete_job(self.namespace, self.executor)

    def once_confirmed(self, decision: Decision, again: Callable[[JobRun], Decision]) -> Decision:
        """A decision that takes this for a failure, once the API server was asked.

        First whether the pod has started meanwhile: that a cache does not show it is no reason to
        call a run over and to delete its Job. Then Kubernetes' Events for the cause.

        Args:
            decision: As far as the caches know.
            again: Decides once more, with what is known of the run then.
        """
        question: Question
        if not self.run.is_confirmed:
            question = PodsQuestion(
                self.namespace, self.job, lambda pods: again(self.run.confirmed(pods))
            )
        elif self.run.events_of is not None:
            kind, name = self.run.events_of
            question = EventsQuestion(
                kind, self.namespace, name, lambda events: again(self.run.explained(events))
            )
        else:
            return decision
        return replace(decision, question=question)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The Job ended and its worker says that it did what it was asked to."""

    executor: Executor | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The Job ended otherwise, was lost, or its name belongs to another (no ``executor`` then)."""

    executor: Executor | None
    error: Reason


Stage = Absent | Waiting | NeverStarted | Succeeded | Failed


def stage_of(run: JobRun, now: datetime, *, namespace: str, job: str, attempt: int = 1) -> Stage:
    """How far a Job is.

    Args:
        run: What was seen of it.
        now: The time.
        namespace: Of the Job.
        job: Its name.
        attempt: Which of a row of Jobs it is, for the record.
    """
    executor = run.executor(job, attempt)
    match run.state:
        case RunState.ABSENT:
            return Absent()
        case RunState.RUNNING:
            error = run.never_started(now)
            if error is not None:
                return NeverStarted(executor, error, run, namespace, job)
            lost = run.node_is_lost(now)
            if lost is not None:
                return Failed(executor, lost)
            return Waiting(executor, run.is_new(now), run.next_look(now))
        case RunState.FINISHED if run.awaits_pod(now):
            return Waiting(executor, is_new=True, requeue_after=SETTLES)
        case RunState.FINISHED | RunState.LOST | RunState.COLLISION:
            if run.succeeded:
                return Succeeded(executor)
            return Failed(executor, run.error or _UNEXPLAINED)
        case _:
            assert_never(run.state)


def delete_job(namespace: str, executor: Executor | None) -> tuple[Delete, ...]:
    """The deletion of a recorded Job; none where it was not seen."""
    if executor is None or executor.job_uid is None:
        return ()
    return (Delete(JOBS, namespace, executor.job, executor.job_uid),)


def next_look(run: JobRun) -> timedelta | None:
    """When to look again at what has just ended, so that ``after_end`` has its turn."""
    return LINGERS if run.lingers else None


def after_end(run: JobRun, namespace: str, recorded: Executor | None, now: datetime) -> Decision:
    """What is left to do for an object whose end is recorded.

    A Job that never started must not now, and one that a sidecar keeps from ending is deleted with
    its pod: until then the volume stays attached to its node.

    Args:
        run: The recorded Job.
        namespace: Of the Job.
        recorded: The Job, as the status keeps it.
        now: The time.
    """
    if run.lingers:
        left = run.finished + LINGERS - now if run.finished is not None else timedelta()
        # The end is told by the node's clock, which may be wrong.
        if timedelta() < left <= LINGERS:
            return Decision(requeue_after=left)
    is_unstarted = run.state is RunState.RUNNING and run.never_ran
    return Decision(delete_job(namespace, recorded) if is_unstarted or run.lingers else ())
