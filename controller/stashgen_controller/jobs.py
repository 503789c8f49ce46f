"""The Jobs that the controller makes, and what became of them.

A Job is created once from a reviewed or resolved pod template and never updated. Its outcome is
the worker's result document in the pod's termination message; where no worker could write one,
the reason is looked for in the container's state, the pod and the Job, in this order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from pydantic import ValidationError

from stashgen.api.base import JsonObject
from stashgen.api.job import Job
from stashgen.api.pod import ContainerStateTerminated, Pod
from stashgen.api.shared import Executor
from stashgen.api.snapshot import Phase
from stashgen_controller.result import ErrorClass, RunError, WorkerResult
from stashgen_controller.session_plan import (
    NAME_ANNOTATION,
    PLAN_ANNOTATION,
    SNAPSHOT_ANNOTATION,
    VERB_ANNOTATION,
    SessionPlan,
)

PLAN_DIGEST_ANNOTATION = "stashgen.dev/plan-digest"
INVOKER_NAME_LABEL = "kubestash.com/invoker-name"
INVOKER_NAMESPACE_LABEL = "kubestash.com/invoker-namespace"
SESSION_NAME_LABEL = "kubestash.com/session-name"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
COMPONENT_LABEL = "app.kubernetes.io/component"
MANAGED_BY = "kubestash.com"

# The worker stops itself at the plan's deadline and needs a moment to release its lock and to
# report; the Job's own deadline is only for a worker that cannot.
_DEADLINE_GRACE = timedelta(minutes=2)
_WITHOUT_TIMEOUT = timedelta(hours=24)
PENDING_TOO_LONG = timedelta(minutes=5)


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
        plan_digest: Of the plan that the Job carries.
        result: The worker's document, if one could be read; only with FINISHED.
        error: Why the run failed; only with FINISHED, LOST and COLLISION.
        finished: When the Job ended, as the worker or the Job controller says.
        pending_since: When the pod was created that does not start.
        pending_reason: Why it does not start, in Kubernetes' words.
    """

    state: RunState
    job_uid: str | None = None
    plan_digest: str | None = None
    result: WorkerResult | None = None
    error: RunError | None = None
    finished: datetime | None = None
    pending_since: datetime | None = None
    pending_reason: str = ""

    @property
    def succeeded(self) -> bool:
        """The worker itself says that it did what it was asked to."""
        return self.result is not None and self.error is None

    def is_pending_too_long(self, now: datetime) -> bool:
        """Whether the pod has been waiting for longer than a start may take."""
        return self.pending_since is not None and now - self.pending_since > PENDING_TOO_LONG

    def executor(self, job: str, attempt: int) -> Executor | None:
        """What the status keeps of this run; None as long as no Job was seen."""
        if self.job_uid is None or self.plan_digest is None:
            return None
        return Executor(
            job=job, job_uid=self.job_uid, plan_digest=self.plan_digest, attempt=attempt
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
        owner_uid: UID of the object that must own the Job.
    """
    if job is None:
        if executor is not None and executor.job_uid is not None:
            return _lost(executor.job_uid, executor.plan_digest, "the Job was deleted")
        return Run(RunState.ABSENT)
    model = Job.from_wire(job)
    uid = model.metadata.uid or ""
    if executor is not None and executor.job_uid not in {None, uid}:
        return _lost(
            executor.job_uid or "", executor.plan_digest, "the Job was replaced by another"
        )
    if not any(owner.uid == owner_uid and owner.controller for owner in model.owners):
        message = f"Job {model.metadata.name} exists and belongs to somebody else"
        error = RunError(reason=ErrorClass.INTERNAL, message=f"NameCollision: {message}")
        return Run(RunState.COLLISION, error=error)
    digest = (model.metadata.annotations or {}).get(PLAN_DIGEST_ANNOTATION, "")
    mine = [pod for pod in map(Pod.from_wire, pods) if any(o.uid == uid for o in pod.owners)]
    if not model.is_finished:
        waiting = next((pod for pod in mine if pod.is_pending), None)
        if waiting is None:
            return Run(RunState.RUNNING, uid, digest)
        return Run(
            RunState.RUNNING,
            uid,
            digest,
            pending_since=waiting.metadata.creation_timestamp,
            pending_reason=f"pod {waiting.metadata.name}: {waiting.pending_reason}",
        )
    if model.is_complete and mine and not any(pod.termination for pod in mine):
        # The Job is ahead of the pod in our caches: the result is on its way.
        return Run(RunState.RUNNING, uid, digest)
    result = _result(mine)
    error = _error(model, mine, result)
    finished = result.finished if result is not None else model.finished
    return Run(RunState.FINISHED, uid, digest, result, error, finished)


def _lost(uid: str, digest: str, what: str) -> Run:
    message = f"{what} while its session was running"
    error = RunError(reason=ErrorClass.EXECUTOR_LOST, message=message)
    return Run(RunState.LOST, uid, digest, error=error)


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
        terminated = pod.termination
        if terminated is not None:
            return _container_error(terminated)
        if pod.status is not None and pod.status.reason == "Evicted":
            return RunError(
                reason=ErrorClass.EVICTED, message=pod.status.message or "the pod was evicted"
            )
    condition = job.failure
    if condition is not None:
        reason = (
            ErrorClass.DEADLINE_EXCEEDED
            if condition.reason == "DeadlineExceeded"
            else ErrorClass.KILLED
        )
        return RunError(
            reason=reason, message=f"{condition.reason}: {condition.message or 'the Job failed'}"
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
    text = (terminated.message or terminated.reason or "no message").strip()[:500]
    return RunError(
        reason=ErrorClass.KILLED,
        message=f"the container ended with exit code {terminated.exit_code}: {text}",
    )


@dataclass(frozen=True, slots=True)
class Owner:
    """The object that a Job belongs to and goes with."""

    api_version: str
    kind: str
    name: str
    namespace: str
    uid: str

    def reference(self) -> JsonObject:
        """A controller owner reference."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def owner_of(obj: Mapping[str, object]) -> Owner:
    """The owner that an API object can be."""
    metadata = cast("Mapping[str, str]", obj["metadata"])
    return Owner(
        api_version=str(obj["apiVersion"]),
        kind=str(obj["kind"]),
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
    )


def job_manifest(
    *,
    name: str,
    owner: Owner,
    template: JsonObject,
    plan: SessionPlan,
    labels: Mapping[str, str],
    now: datetime,
) -> JsonObject:
    """A Job that runs a pod template once with a plan.

    The template's spec is taken as it is; the session comes as annotations of the pod. Job
    settings are constants: no retry by the Job controller (an attempt is ours to count), no TTL
    (the history limit deletes).
    """
    pod_labels = cast(
        "dict[str, str]", cast("JsonObject", template.get("metadata") or {}).get("labels") or {}
    )
    pod_annotations = cast(
        "dict[str, str]",
        cast("JsonObject", template.get("metadata") or {}).get("annotations") or {},
    )
    session = {
        NAME_ANNOTATION: plan.backup_session or plan.restore_session or "",
        SNAPSHOT_ANNOTATION: _snapshot_name(plan),
        VERB_ANNOTATION: plan.verb.value,
        PLAN_ANNOTATION: plan.to_json(),
    }
    ours = {
        MANAGED_BY_LABEL: MANAGED_BY,
        INVOKER_NAME_LABEL: owner.name,
        INVOKER_NAMESPACE_LABEL: owner.namespace,
        **labels,
    }
    component = pod_labels.get(COMPONENT_LABEL)
    timeout = plan.deadline - now + _DEADLINE_GRACE if plan.deadline else _WITHOUT_TIMEOUT
    return cast(
        "JsonObject",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": owner.namespace,
                "labels": ours | ({COMPONENT_LABEL: component} if component else {}),
                "annotations": {PLAN_DIGEST_ANNOTATION: plan.digest()},
                "ownerReferences": [owner.reference()],
            },
            "spec": {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 0,
                "activeDeadlineSeconds": max(1, int(timeout.total_seconds())),
                "template": {
                    "metadata": {
                        "labels": pod_labels | ours,
                        "annotations": pod_annotations
                        | {key: value for key, value in session.items() if value},
                    },
                    "spec": template["spec"],
                },
            },
        },
    )


def _snapshot_name(plan: SessionPlan) -> str:
    metadata = cast("Mapping[str, str]", (plan.snapshot or {}).get("metadata") or {})
    return metadata.get("name", "")
