"""What is known of a Job that the controller made: how far it is, and what follows from that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stashgen.api.pod import Pod
from stashgen.api.shared import Executor
from stashgen_controller.listers.pods import newest_of, owned_by
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunResult
from stashgen_controller.runtime.conditions import look_again

# Within so long the Job controller makes a Job's pod, unless a quota (say) refuses it, many a Job
# has ended, and what one watch shows another shows too: what is recorded then is recorded once.
SETTLES = timedelta(seconds=5)
# A pod that waits for so long is worth a warning, and after the second time it has failed: its
# volume is held by another node, say, or no node has room for it.
PENDING_TOO_LONG = timedelta(minutes=5)
PENDING_FAILS = timedelta(minutes=15)
# How long to wait for a node that is late, and for caches that are behind.
_OVERDUE = timedelta(minutes=1)


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
        last_words: The document of a worker that was stopped with its Job; only with LOST.
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
    last_words: RunResult | None = None

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
        steps = [] if self.stops_by is None else [max(self.stops_by, now + _OVERDUE)]
        if self.pending_since is not None and self.pending_until is not None:
            steps += [self.pending_since + PENDING_TOO_LONG, self.pending_until]
        if self.is_unaccounted:
            # No event says whose it is: its Job may take a day.
            steps.append(now + look_again(self.created, now))
        if self.is_confirmed:
            steps.append(now + _OVERDUE)
        return min((step - now for step in steps if step > now), default=None)

    def confirmed(self, pods: Sequence[Pod]) -> "JobRun":
        """With the API server's word on the pods of a Job that has not started by the caches.

        One that is there and does not wait any more may run, and so may one that the caches show
        and that was deleted: by whom, and when, nobody says. They are waited for.
        """
        mine = owned_by(pods, self.job_uid)
        is_gone = self.pod is not None and all(pod.metadata.name != self.pod for pod in mine)
        if all(pod.is_pending for pod in mine) and not is_gone:
            return replace(self, is_confirmed=True)
        newest = newest_of(mine)
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
