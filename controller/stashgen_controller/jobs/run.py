"""What became of a Job that the controller made.

The outcome is the worker's result document in the pod's termination message. Where no worker could
write one, the reason is looked for in the container's state, the pod and the Job, in this order, so
that a failure always has a text. Where none of them says why a pod does not start, Kubernetes'
Events may: they are asked for once, when that becomes a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from stashgen.api.job import Job
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, JOB_NAME_LABEL, PLAN_DIGEST_ANNOTATION
from stashgen.api.meta import ObjectMeta, OwnerReference
from stashgen.api.pod import ContainerStateTerminated, Pod
from stashgen.api.shared import Executor
from stashgen.api.snapshot import Phase
from stashgen_controller.listers.pods import NODE_ANSWERS, pods_of, stops_by
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunResult
from stashgen_controller.protocol.run_spec import DEADLINE_GRACE
from stashgen_controller.runtime.kind import Reader

# Within so long the Job controller makes a Job's pod, unless a quota (say) refuses it, many a Job
# has ended, and what one watch shows another shows too: what is recorded then is recorded once.
SETTLES = timedelta(seconds=5)
# A pod that waits for so long is worth a warning, and after the second time it has failed: its
# volume is held by another node, say, or no node has room for it.
PENDING_TOO_LONG = timedelta(minutes=5)
PENDING_FAILS = timedelta(minutes=15)
# How often a pod is looked at of which nothing is heard: no event says whose it is.
_UNACCOUNTED = timedelta(minutes=1)
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
class JobRun:
    """What is known of one Job.

    Attributes:
        state: How far it is.
        job_uid: Set once the Job was seen.
        created: When the API server made the Job.
        plan_digest: Of the plan that the Job carries.
        result: The worker's document, if one could be read; only with FINISHED.
        error: Why the run failed; only with FINISHED, LOST and COLLISION.
        finished: When the Job ended, as the worker or the Job controller says.
        exited_well: The Job is complete: its worker ended with 0, whether or not its document is
            still there.
        pending_since: When the pod was created that does not start, or the Job that has none.
        pending_until: When that counts as a failure.
        pending_reason: Why it does not start, in Kubernetes' words.
        events_of: Kind and name of the object whose Events may say why; None where that is known.
        pod: Name of the Job's pod, once one was seen.
        pod_terminated: The kubelet reported the end of that pod.
        stops_by: From when on nothing of it runs, even if no kubelet ever says so.
        is_to_end: The Job controller, by its own clock, says too that it had to end.
        is_unaccounted: Nothing is heard of its pod: its Job was deleted or has failed, and no
            kubelet has said that the pod has ended.
        is_confirmed: The API server was asked for the Job's pods.
        is_from_absence: What is said here follows from what was not seen; only with the API
            server's word is it more than a cache that is behind.
        lingers: The worker has ended, and a sidecar keeps its Job and its pod from ending.
        was_prevented: The pod is over, and the worker never started in it.
        has_unseen_pod: There was a pod, whether or not anybody has seen it.
        has_failed: The Job controller says that a pod failed.
    """

    state: RunState
    job_uid: str | None = None
    plan_digest: str | None = None
    result: RunResult | None = None
    error: Reason | None = None
    finished: datetime | None = None
    exited_well: bool = False
    pending_since: datetime | None = None
    pending_until: datetime | None = None
    pending_reason: str = ""
    events_of: tuple[str, str] | None = None
    pod: str | None = None
    created: datetime | None = None
    pod_terminated: bool = False
    stops_by: datetime | None = None
    is_to_end: bool = False
    is_unaccounted: bool = False
    is_confirmed: bool = False
    is_from_absence: bool = False
    lingers: bool = False
    was_prevented: bool = False
    has_unseen_pod: bool = False
    has_failed: bool = False

    @property
    def succeeded(self) -> bool:
        """The worker itself says that it did what it was asked to."""
        return self.result is not None and self.error is None

    @property
    def never_ran(self) -> bool:
        """There was no pod, or the worker did not start in the one that was seen."""
        has_pod = self.pod is not None or self.has_unseen_pod
        return not has_pod or self.pending_since is not None or self.was_prevented

    def is_new(self, now: datetime) -> bool:
        """Whether the Job was made this moment: its pod follows, and it may end soon."""
        return self.created is not None and now - self.created < SETTLES

    def awaits_pod(self, now: datetime) -> bool:
        """Whether a complete Job's pod has not been seen: the caches may be behind for a moment."""
        is_recent = self.finished is not None and now - self.finished < SETTLES
        return self.exited_well and self.result is None and self.pod is None and is_recent

    def is_pending_too_long(self, now: datetime) -> bool:
        """Whether the pod has been waiting for longer than a start may take."""
        return self.pending_since is not None and now - self.pending_since >= PENDING_TOO_LONG

    def never_started(self, now: datetime) -> Reason | None:
        """The failure of a pod that has been waiting for so long that it counts as one."""
        if self.pending_until is None or now < self.pending_until:
            return None
        return Reason(ErrorClass.UNSCHEDULABLE, self.pending_reason)

    def node_is_lost(self, now: datetime) -> Reason | None:
        """The failure of a Job that had to end long ago and whose node does not say that it did."""
        # Our clock may be wrong: the Job controller has to agree, where there is still a Job.
        if self.stops_by is None or now < self.stops_by or not self.is_to_end:
            return None
        what = f"pod {self.pod}" if self.pod is not None else "the Job"
        text = f"{what} had to end and did not: its node does not respond"
        return Reason(ErrorClass.NODE_LOST, text)

    def next_look(self, now: datetime) -> timedelta | None:
        """When a Job that runs has to be looked at again, even if nothing is heard of it.

        That is at the warning and at the failure of a pod that does not start, and when its node
        counts as lost.
        """
        steps = [] if self.stops_by is None else [max(self.stops_by, now + _UNACCOUNTED)]
        if self.pending_since is not None and self.pending_until is not None:
            steps += [self.pending_since + PENDING_TOO_LONG, self.pending_until]
        if self.is_unaccounted or self.is_confirmed:
            # In the latter case the caches are behind.
            steps.append(now + _UNACCOUNTED)
        return min((step - now for step in steps if step > now), default=None)

    def confirmed(self, pods: Sequence[Pod]) -> "JobRun":
        """With the API server's word on the pods of a Job that has not started by the caches.

        One that is there and does not wait any more may run, and so may one that the caches show
        and that was deleted: by whom, and when, nobody says. They are waited for.
        """
        mine = _owned(pods, self.job_uid)
        is_gone = self.pod is not None and all(pod.metadata.name != self.pod for pod in mine)
        if all(pod.is_pending for pod in mine) and not is_gone:
            return replace(self, is_confirmed=True)
        newest = _newest(mine)
        return replace(
            self,
            pod=newest.metadata.name if newest is not None else self.pod,
            pending_since=None,
            pending_until=None,
            pending_reason="",
            events_of=None,
            is_confirmed=True,
        )

    def explained(self, events: str) -> "JobRun":
        """With what the Events say about a start that does not come; they may say nothing."""
        if self.events_of is None:
            return self
        kind, name = self.events_of
        why = f"{kind.lower()} {name}: {events}" if events else self.pending_reason
        return replace(self, pending_reason=why, events_of=None)

    def executor(self, job: str, attempt: int) -> Executor | None:
        """What the status keeps of this run; None as long as no Job was seen."""
        if self.job_uid is None or self.plan_digest is None:
            return None
        return Executor(
            job=job,
            job_uid=self.job_uid,
            plan_digest=self.plan_digest,
            attempt=attempt,
            created=self.created,
            pod=self.pod,
            pod_terminated=self.pod_terminated or None,
            stops_by=self.stops_by,
        )


def observe_run(
    *,
    job: Job | None,
    pods: Sequence[Pod],
    executor: Executor | None,
    owner: ObjectMeta | None,
    was_started: bool = False,
) -> JobRun:
    """Say what became of a Job.

    Args:
        job: The Job of the wanted name, if there is one.
        pods: The pods that carry its name in their job label.
        executor: What the status recorded of this Job earlier, if anything.
        owner: The metadata of the object that must own the Job; without a UID where it is gone.
            A Job whose UID was recorded is ours even without it.
        was_started: It is recorded that a Job is made, if not which one: there may be none yet.
    """
    known = executor.job_uid if executor is not None else None
    digest = executor.plan_digest if executor is not None else ""
    if job is None:
        is_claimed = was_started or executor is not None
        if known is None:
            pods = _younger(pods, owner)
        if known is None and not (is_claimed and pods):
            return JobRun(RunState.ABSENT, is_from_absence=is_claimed)
        return _lost(executor, pods, "the Job was deleted")
    uid = job.metadata.uid or ""
    if executor is not None and known is not None and known != uid:
        return _lost(executor, pods, "the Job was replaced by another")
    whose = next((item for item in job.owners if item.controller), None)
    is_ours = whose is not None and owner is not None and _is_same(owner, whose)
    if known is None and not is_ours and whose is not None and owner and whose.name == owner.name:
        # It was made for an object of our name that was deleted, and goes with it.
        return JobRun(RunState.ABSENT)
    if known is None and not is_ours:
        message = f"NameCollision: Job {job.metadata.name} exists and is not owned by this object"
        error = Reason(ErrorClass.INTERNAL, message)
        return JobRun(RunState.COLLISION, error=error, is_from_absence=True)
    digest = (job.metadata.annotations or {}).get(PLAN_DIGEST_ANNOTATION, digest)
    mine = _owned(pods, uid)
    newest = _newest(mine)
    pod = newest.metadata.name if newest else executor.pod if executor is not None else None
    terminated = newest.has_ended if newest else _was_terminated(executor)
    running = JobRun(
        RunState.RUNNING,
        uid,
        digest,
        pod=pod,
        created=job.metadata.creation_timestamp,
        pod_terminated=terminated,
        stops_by=_stops_by(job),
        is_to_end=job.is_to_end or job.failure is not None,
        has_unseen_pod=job.had_pod,
        has_failed=job.failure is not None or job.is_to_end,
    )
    lingers = not job.is_finished and newest is not None and newest.outlives_worker
    if not job.is_finished and not lingers:
        # That its pod has ended is recorded once, with the Job's end.
        return _running(replace(running, pod_terminated=False), job, mine)
    is_unheard = not terminated and (pod is not None or job.had_pod)
    has_deadline = running.stops_by is not None
    if not job.is_complete and is_unheard and has_deadline and not lingers:
        # Deleted by force, say, perhaps before its name was recorded: its container may run on.
        return replace(running, is_unaccounted=True, is_from_absence=True)
    if job.is_complete and mine and not any(item.termination for item in mine):
        # The Job is ahead of the pod in our caches: the result follows.
        return replace(running, pod_terminated=False)
    result = _result(mine)
    ended = newest.termination if newest is not None else None
    return replace(
        running,
        state=RunState.FINISHED,
        result=result,
        error=_error(job, mine, result),
        finished=_finished(job, result, ended if lingers else None),
        exited_well=job.is_complete or (lingers and ended is not None and ended.exit_code == 0),
        is_from_absence=result is None and not lingers,
        lingers=lingers,
        was_prevented=newest is not None and newest.never_ran,
    )


def _is_same(owner: ObjectMeta, whose: OwnerReference) -> bool:
    """Whether a Job is of an object; of one that is gone only its name may be known."""
    return whose.name == owner.name if owner.uid is None else whose.uid == owner.uid


def _finished(
    job: Job, result: RunResult | None, ended: ContainerStateTerminated | None
) -> datetime | None:
    """When a run ended: as the worker says, else the kubelet, else the Job controller."""
    if result is not None:
        return result.finished
    return ended.finished_at if ended is not None else job.finished


def _younger(pods: Sequence[Pod], owner: ObjectMeta | None) -> list[Pod]:
    """Without those of an earlier object of the owner's name, whose Job had the same name."""
    since = owner.creation_timestamp if owner is not None else None
    made = ((pod, pod.metadata.creation_timestamp) for pod in pods)
    return [pod for pod, when in made if since is None or when is None or when >= since]


def _owned(pods: Sequence[Pod], uid: str | None) -> list[Pod]:
    return [pod for pod in pods if any(owner.uid == uid for owner in pod.owners)]


def _newest(pods: Sequence[Pod]) -> Pod | None:
    """The newest pod: the Job controller replaces one that is evicted, say."""
    return max(
        pods,
        key=lambda pod: (pod.metadata.creation_timestamp or _LONG_AGO, pod.metadata.name),
        default=None,
    )


def _was_terminated(executor: Executor | None) -> bool:
    return executor is not None and bool(executor.pod_terminated)


def _stops_by(job: Job) -> datetime | None:
    """When the node of a Job's pod counts as lost.

    Since Kubernetes 1.31 a Job whose deadline has passed ends only when its pods have, and those of
    a dead node stay Terminating for ever. Not before the deadline: a node may only be cut off, and
    its worker goes on until it stops itself.
    """
    created = job.metadata.creation_timestamp
    if created is None or job.active_deadline is None:
        return None
    return created + job.active_deadline + NODE_ANSWERS


def _running(run: JobRun, job: Job, pods: Sequence[Pod]) -> JobRun:
    waiting = next((pod for pod in pods if pod.is_pending), None)
    if waiting is not None:
        why = waiting.pending_reason
        reason = why or "it is Pending and neither the scheduler nor the kubelet reports a reason"
        since, name = waiting.metadata.creation_timestamp, waiting.metadata.name
        events_of = None if why else ("Pod", name)
    elif run.pod is None:
        reason = "the Job controller has not created its pod and reports no reason"
        since, name = job.metadata.creation_timestamp, job.metadata.name
        events_of = ("Job", name)
    else:
        return run
    what = "pod" if waiting is not None else "job"
    return replace(
        run,
        pending_since=since,
        pending_until=_pending_until(job, since),
        pending_reason=f"{what} {name}: {reason}",
        events_of=events_of,
    )


def _pending_until(job: Job, since: datetime | None) -> datetime | None:
    """When the worker had to be done by its plan, if that comes before the usual patience ends."""
    created = job.metadata.creation_timestamp
    if since is None:
        return None
    if created is None or job.active_deadline is None:
        return since + PENDING_FAILS
    return min(since + PENDING_FAILS, created + job.active_deadline - DEADLINE_GRACE)


def _lost(executor: Executor | None, pods: Sequence[Pod], what: str) -> JobRun:
    """A run whose Job is not there any more: it is over once its pod is."""
    uid = executor.job_uid if executor is not None else None
    mine = _owned(pods, uid) if uid is not None else list(pods)
    newest, result = _newest(mine), _result(mine)
    run = JobRun(
        RunState.LOST,
        uid,
        executor.plan_digest if executor is not None else None,
        created=executor.created if executor is not None else None,
        pod=newest.metadata.name if newest else executor.pod if executor is not None else None,
        pod_terminated=newest.has_ended if newest else _was_terminated(executor),
        is_from_absence=True,
    )
    known = executor.stops_by if executor is not None else None
    until = known or (stops_by(newest) if newest is not None else None)
    if run.pod is not None and not run.pod_terminated and until is not None:
        return replace(
            run, state=RunState.RUNNING, is_unaccounted=True, stops_by=until, is_to_end=True
        )
    if result is not None and result.phase is Phase.SUCCEEDED:
        # It was done before anybody deleted its Job.
        return replace(run, state=RunState.FINISHED, result=result, finished=result.finished)
    error = Reason(ErrorClass.EXECUTOR_LOST, f"{what} while its session was running")
    return replace(run, error=error)


def _result(pods: Sequence[Pod]) -> RunResult | None:
    for pod in pods:
        terminated = pod.termination
        if terminated is None or not terminated.message:
            continue
        try:
            return RunResult.model_validate_json(terminated.message, extra="ignore")
        except ValidationError:
            continue
    return None


def _error(job: Job, pods: Sequence[Pod], result: RunResult | None) -> Reason | None:
    if result is not None:
        if result.phase is Phase.SUCCEEDED:
            return None
        if result.error is None:
            return Reason(ErrorClass.INTERNAL, "the worker failed without reporting a reason")
        return result.error.why
    for pod in pods:
        if pod.termination is not None:
            return _container_error(pod.termination)
        if pod.status is not None and pod.status.reason == "Evicted":
            return Reason(ErrorClass.EVICTED, pod.status.message or "the pod was evicted")
        if pod.never_ran and pod.failed_other is not None:
            name, how = pod.failed_other
            text = _container_error(how).message.removeprefix("the container ")
            message = f"the worker did not start: container {name} {text}"
            return Reason(ErrorClass.KILLED, message)
    condition = job.failure
    if condition is not None:
        is_late = condition.reason == "DeadlineExceeded"
        return Reason(
            ErrorClass.DEADLINE_EXCEEDED if is_late else ErrorClass.KILLED,
            f"{condition.reason or 'Failed'}: {condition.message or 'the Job failed'}",
        )
    return Reason(ErrorClass.KILLED, "the Job ended without a result and its pod no longer exists")


def _container_error(terminated: ContainerStateTerminated) -> Reason:
    if terminated.reason == "OOMKilled":
        message = "the container was killed because it exceeded its memory limit"
        return Reason(ErrorClass.OUT_OF_MEMORY, message)
    text = (terminated.message or terminated.reason or "").strip() or "no message"
    message = f"the container ended with exit code {terminated.exit_code}: {text[:_LONGEST_TEXT]}"
    return Reason(ErrorClass.KILLED, message)


def observe_job(
    reader: Reader,
    *,
    namespace: str,
    name: str,
    executor: Executor | None,
    owner: ObjectMeta | None,
    was_started: bool = False,
    is_settled: bool = False,
    reported: Phase | None = None,
) -> JobRun:
    """What became of the Job of a name; ``executor`` counts only if it speaks of that Job.

    What the caches do not show is asked of the API server before anything follows from it, unless
    the outcome is recorded already (``is_settled``). Where it has no pod either, and no kubelet
    said that it ended, a person may: by an annotation of the owner.

    Args:
        reader: What is known.
        namespace: Of the Job.
        name: Of the Job.
        executor: What the status recorded.
        owner: As of ``observe_run``.
        was_started: As of ``observe_run``.
        is_settled: The outcome is recorded already.
        reported: How the worker itself said in the status that it ended: its last word, where
            nothing is heard of its pod.

    Raises:
        Whatever a request raises: then nothing is known.
    """
    known = executor if executor is not None and executor.job == name else None

    def seen(job: Job | None, pods: Sequence[Pod]) -> JobRun:
        return observe_run(
            job=job,
            pods=pods,
            executor=known,
            owner=owner,
            was_started=was_started,
        )

    run = seen(reader.get(Job, namespace, name), pods_of(reader, namespace, name))
    if is_settled:
        return _accepted(run, owner, name)
    if not run.is_from_absence:
        return run
    live = reader.live_items(Pod, namespace, (JOB_NAME_LABEL, name))
    there = {pod.metadata.uid for pod in live}
    # The cache remembers pods that ended before they were deleted.
    ended = [
        pod
        for pod in pods_of(reader, namespace, name)
        if pod.has_ended and pod.metadata.uid not in there
    ]
    run = seen(reader.live(Job, namespace, name), [*live, *ended])
    # A Job that came and went before anybody saw it: whether it did, only its worker's word says.
    is_unseen = run.state is RunState.ABSENT
    if live or not (run.is_unaccounted or is_unseen):
        return run
    if reported is None or not reported.is_final:
        return _accepted(run, owner, name)
    error = Reason(ErrorClass.EXECUTOR_LOST, "its pod was deleted before its result was read")
    is_good = reported is Phase.SUCCEEDED and not run.has_failed
    return replace(
        run, state=RunState.FINISHED, error=error, exited_well=is_good, has_unseen_pod=True
    )


def _accepted(run: JobRun, owner: ObjectMeta | None, job: str) -> JobRun:
    """The run as it is at its deadline, if a person says that nothing of its pod runs any more.

    The pod still does not count as terminated: its lock stays until restic itself calls it stale,
    which a living restic does not let happen, so that an error costs no repository.
    """
    said = (owner.annotations or {}).get(ACCEPT_LOST_POD_ANNOTATION) if owner is not None else None
    if not run.is_unaccounted or said != (run.pod or job):
        return run
    what = f"pod {run.pod}" if run.pod is not None else f"the pod of Job {job}"
    text = f"{what} is gone, as {ACCEPT_LOST_POD_ANNOTATION} says: no kubelet reported its end"
    error = Reason(ErrorClass.NODE_LOST, text)
    return replace(run, state=RunState.LOST, error=error, is_unaccounted=False)
