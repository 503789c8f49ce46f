"""What became of a Job, as far as the caches show it.

What follows from an absence is asked of the API server before anything is concluded from it. Where
nothing says why a pod does not start, Kubernetes' Events may: they are asked for once, when that
becomes a failure.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from stashgen.api.job import Job
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, JOB_NAME_LABEL, PLAN_DIGEST_ANNOTATION
from stashgen.api.meta import ObjectMeta, OwnerReference
from stashgen.api.pod import ContainerStateTerminated, Pod
from stashgen.api.shared import Executor
from stashgen.api.snapshot import Phase
from stashgen_controller.jobs.outcome import error_of, result_of
from stashgen_controller.jobs.run import PENDING_FAILS, JobRun, RunState
from stashgen_controller.listers.pods import NODE_ANSWERS, newest_of, owned_by, pods_of, stops_by
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunResult
from stashgen_controller.protocol.run_spec import DEADLINE_GRACE
from stashgen_controller.runtime.kind import Reader


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
    mine = owned_by(pods, uid)
    newest = newest_of(mine)
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
    result = result_of(mine)
    ended = newest.termination if newest is not None else None
    return replace(
        running,
        state=RunState.FINISHED,
        result=result,
        error=error_of(job, mine, result),
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
    mine = owned_by(pods, uid) if uid is not None else list(pods)
    newest, result = newest_of(mine), result_of(mine)
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
    return replace(run, error=error, last_words=result)


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
    annotations = (owner.annotations if owner is not None else None) or {}
    accepted = annotations.get(ACCEPT_LOST_POD_ANNOTATION)
    if not run.is_unaccounted or accepted != (run.pod or job):
        return run
    what = f"pod {run.pod}" if run.pod is not None else f"the pod of Job {job}"
    text = f"{what} is gone, as {ACCEPT_LOST_POD_ANNOTATION} says: no kubelet reported its end"
    error = Reason(ErrorClass.NODE_LOST, text)
    return replace(run, state=RunState.LOST, error=error, is_unaccounted=False)
