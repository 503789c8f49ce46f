"""What became of a Job that the controller made.

The outcome is the worker's result document in the pod's termination message. Where no worker could
write one, the reason is looked for in the container's state, the pod and the Job, in this order, so
that a failure always has a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from stashgen.api.base import JsonObject
from stashgen.api.job import Job
from stashgen.api.pod import ContainerStateTerminated, Pod
from stashgen.api.shared import Executor
from stashgen.api.snapshot import Phase
from stashgen_controller.result import ErrorClass, RunError, WorkerResult
from stashgen_controller.session_plan import PLAN_DIGEST_ANNOTATION

# The Job controller makes a Job's pod within so long, unless a quota (say) refuses it.
POD_FOLLOWS = timedelta(seconds=5)
# A pod that waits for so long is worth a warning, and after the second time it has failed: its
# volume is held by another node, say, or no node has room for it.
PENDING_TOO_LONG = timedelta(minutes=5)
PENDING_FAILS = timedelta(minutes=15)
_LONGEST_TEXT = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class RunState(StrEnum):
    """How far a Job is."""

    ABSENT = "Absent"
    RUNNING = "Running"
    FINISHED = "Finished"
    LOST = "Lost"
    COLLISION = "Collision"


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of one Job.

    Attributes:
        state: How far it is.
        job_uid: Set once the Job was seen.
        created: When the Job was made; only with RUNNING.
        plan_digest: Of the plan that the Job carries.
        result: The worker's document, if one could be read; only with FINISHED.
        error: Why the run failed; only with FINISHED, LOST and COLLISION.
        finished: When the Job ended, as the worker or the Job controller says.
        exited_well: The Job is complete: its worker ended with 0, whether or not its document is
            still there.
        pending_since: When the pod was created that does not start.
        pending_reason: Why it does not start, in Kubernetes' words.
        pod: Name of the Job's pod, once one was seen.
    """

    state: RunState
    job_uid: str | None = None
    plan_digest: str | None = None
    result: WorkerResult | None = None
    error: RunError | None = None
    finished: datetime | None = None
    exited_well: bool = False
    pending_since: datetime | None = None
    pending_reason: str = ""
    pod: str | None = None
    created: datetime | None = None

    @property
    def succeeded(self) -> bool:
        """The worker itself says that it did what it was asked to."""
        return self.result is not None and self.error is None

    def awaits_pod(self, now: datetime) -> bool:
        """Whether the Job was made this moment: its pod, whose name is recorded too, follows."""
        is_new = self.created is not None and now - self.created < POD_FOLLOWS
        return self.pod is None and is_new

    def is_pending_too_long(self, now: datetime) -> bool:
        """Whether the pod has been waiting for longer than a start may take."""
        return self.pending_since is not None and now - self.pending_since >= PENDING_TOO_LONG

    def never_started(self, now: datetime) -> RunError | None:
        """The failure of a pod that has been waiting for so long that it counts as one."""
        if self.pending_since is None or now - self.pending_since < PENDING_FAILS:
            return None
        return RunError(reason=ErrorClass.UNSCHEDULABLE, message=self.pending_reason)

    def next_look(self, now: datetime) -> timedelta | None:
        """When a waiting pod has to be looked at again: at the warning, then at the failure."""
        if self.pending_since is None:
            return None
        waited = now - self.pending_since
        steps = [step for step in (PENDING_TOO_LONG, PENDING_FAILS) if step > waited]
        return steps[0] - waited if steps else None

    def executor(self, job: str, attempt: int) -> Executor | None:
        """What the status keeps of this run; None as long as no Job was seen."""
        if self.job_uid is None or self.plan_digest is None:
            return None
        return Executor(
            job=job,
            job_uid=self.job_uid,
            plan_digest=self.plan_digest,
            attempt=attempt,
            pod=self.pod,
        )


def observe_run(
    *,
    job: JsonObject | None,
    pods: Sequence[JsonObject],
    executor: Executor | None,
    owner_uid: str | None,
) -> Run:
    """Say what became of a Job.

    Args:
        job: The Job of the wanted name, if there is one.
        pods: The pods that carry its name in their job label.
        executor: What the status recorded of this Job earlier, if anything.
        owner_uid: UID of the object that must own the Job. A Job whose UID was recorded is ours
            even if that object is gone by now.
    """
    known = executor.job_uid if executor is not None else None
    digest = executor.plan_digest if executor is not None else ""
    models = [Pod.from_wire(pod) for pod in pods]
    if job is None:
        if executor is None or known is None:
            return Run(RunState.ABSENT)
        return _lost(executor, models, "the Job was deleted")
    model = Job.from_wire(job)
    uid = model.metadata.uid or ""
    if executor is not None and known is not None and known != uid:
        return _lost(executor, models, "the Job was replaced by another")
    if known is None and not any(o.uid == owner_uid and o.controller for o in model.owners):
        message = f"NameCollision: Job {model.metadata.name} exists and belongs to somebody else"
        return Run(RunState.COLLISION, error=RunError(reason=ErrorClass.INTERNAL, message=message))
    digest = (model.metadata.annotations or {}).get(PLAN_DIGEST_ANNOTATION, digest)
    mine = _owned(models, uid)
    pod = _newest(mine) or (executor.pod if executor is not None else None)
    running = Run(RunState.RUNNING, uid, digest, pod=pod, created=model.metadata.creation_timestamp)
    if not model.is_finished:
        return _running(running, mine)
    if model.is_complete and mine and not any(item.termination for item in mine):
        # The Job is ahead of the pod in our caches: the result is on its way.
        return running
    result = _result(mine)
    return Run(
        RunState.FINISHED,
        uid,
        digest,
        result,
        _error(model, mine, result),
        result.finished if result is not None else model.finished,
        exited_well=model.is_complete,
        pod=pod,
    )


def _owned(pods: Sequence[Pod], uid: str | None) -> list[Pod]:
    return [pod for pod in pods if any(owner.uid == uid for owner in pod.owners)]


def _newest(pods: Sequence[Pod]) -> str | None:
    """The name of the newest pod: the Job controller replaces one that is evicted, say."""
    found = [(pod.metadata.creation_timestamp, pod.metadata.name) for pod in pods]
    return max(found, key=lambda item: (item[0] or _LONG_AGO, item[1]))[1] if found else None


def _running(run: Run, pods: Sequence[Pod]) -> Run:
    waiting = next((pod for pod in pods if pod.is_pending), None)
    if waiting is None:
        return run
    why = waiting.pending_reason or "it is Pending and neither scheduler nor kubelet says why"
    return replace(
        run,
        pending_since=waiting.metadata.creation_timestamp,
        pending_reason=f"pod {waiting.metadata.name}: {why}",
    )


def _lost(executor: Executor, pods: Sequence[Pod], what: str) -> Run:
    message = f"{what} while its session was running"
    error = RunError(reason=ErrorClass.EXECUTOR_LOST, message=message)
    pod = _newest(_owned(pods, executor.job_uid)) or executor.pod
    return Run(RunState.LOST, executor.job_uid, executor.plan_digest, error=error, pod=pod)


def _result(pods: Sequence[Pod]) -> WorkerResult | None:
    for pod in pods:
        terminated = pod.termination
        if terminated is None or not terminated.message:
            continue
        try:
            return WorkerResult.model_validate_json(terminated.message, extra="ignore")
        except ValidationError:
            continue
    return None


def _error(job: Job, pods: Sequence[Pod], result: WorkerResult | None) -> RunError | None:
    if result is not None:
        if result.phase is Phase.SUCCEEDED:
            return None
        return result.error or RunError(
            reason=ErrorClass.INTERNAL, message="the worker failed and gave no reason"
        )
    for pod in pods:
        if pod.termination is not None:
            return _container_error(pod.termination)
        if pod.status is not None and pod.status.reason == "Evicted":
            return RunError(
                reason=ErrorClass.EVICTED, message=pod.status.message or "the pod was evicted"
            )
    condition = job.failure
    if condition is not None:
        is_late = condition.reason == "DeadlineExceeded"
        return RunError(
            reason=ErrorClass.DEADLINE_EXCEEDED if is_late else ErrorClass.KILLED,
            message=f"{condition.reason or 'Failed'}: {condition.message or 'the Job failed'}",
        )
    return RunError(
        reason=ErrorClass.KILLED, message="the Job ended and its pod is gone without a result"
    )


def _container_error(terminated: ContainerStateTerminated) -> RunError:
    if terminated.reason == "OOMKilled":
        return RunError(
            reason=ErrorClass.OUT_OF_MEMORY,
            message="the container was killed because it used more memory than its limit",
        )
    text = (terminated.message or terminated.reason or "").strip() or "no message"
    return RunError(
        reason=ErrorClass.KILLED,
        message=f"the container ended with exit code {terminated.exit_code}: "
        f"{text[:_LONGEST_TEXT]}",
    )
