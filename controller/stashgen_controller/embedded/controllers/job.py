"""The Job controller: one pod for a Job, again after a failure as long as the limit allows.

Kubernetes, "Jobs": only what our Jobs use, that is one completion and no indexes.
"""

import secrets
from datetime import datetime
from functools import partial
from typing import ClassVar, cast

from stashgen.api.base import JsonObject, format_time, mapping_of, metadata_of
from stashgen.api.job import Job
from stashgen.api.resources import JOBS, PODS, Resource
from stashgen_controller.embedded.controllers.loop import ControlLoop
from stashgen_controller.kube.client import AlreadyExistsError

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MAX_POD_PREFIX = 57
_ACTIVE = frozenset({"Pending", "Running"})


class JobController(ControlLoop):
    """Makes pods for Jobs and says how the Jobs went."""

    resources: ClassVar[tuple[Resource, ...]] = (JOBS, PODS)

    def sync(self) -> None:
        """One pass over all Jobs that are not finished."""
        for obj in self.caches[JOBS].items():
            job = Job.from_wire(obj)
            if not job.is_finished and not job.metadata.deletion_timestamp:
                self.attempt(partial(self._sync_one, obj, job))

    def _sync_one(self, obj: JsonObject, job: Job) -> None:
        now = self.clock.now()
        pods = self._pods(job)
        known = job.status
        status: dict[str, object] = dict(cast("JsonObject", obj.get("status") or {}))
        started = known.start_time if known and known.start_time else now
        status["startTime"] = format_time(started)
        succeeded = [pod for pod in pods if _phase(pod) == "Succeeded"]
        failed = [pod for pod in pods if _phase(pod) == "Failed"]
        active = [pod for pod in pods if _phase(pod) in _ACTIVE]
        # A pod that somebody deleted is gone, but it was counted as active.
        lost = 1 if known and known.active and not pods else 0
        failures = max(len(failed), (known.failed or 0) if known else 0) + lost
        limit = 6 if job.spec.backoff_limit is None else job.spec.backoff_limit
        deadline = job.active_deadline
        if succeeded:
            status |= _done(now, "Complete", "CompletionsReached", "Reached expected number", 1)
            status["completionTime"] = format_time(now)
            active = []
        elif deadline is not None and now - started > deadline:
            text = "Job was active longer than specified deadline"
            status |= _done(now, "Failed", "DeadlineExceeded", text, 0)
            self._delete(active)
            active = []
        elif failures > limit:
            text = "Job has reached the specified backoff limit"
            status |= _done(now, "Failed", "BackoffLimitExceeded", text, 0)
        elif not active and not job.spec.suspend:
            self._create_pod(obj, job)
            active = [{}]
        status |= {"active": len(active), "failed": failures}
        shown = {key: value for key, value in status.items() if value or value is None}
        if shown != (obj.get("status") or {}):
            body = cast("JsonObject", {**obj, "status": shown})
            self.client.replace(JOBS, job.metadata.namespace, body, status=True)

    def _pods(self, job: Job) -> list[JsonObject]:
        """The Job's pods; the cache may be behind where none is active: the server is asked."""
        namespace, uid = job.metadata.namespace, job.metadata.uid or ""
        cached = [pod for pod in self.caches[PODS].items(namespace) if _is_owned(pod, uid)]
        if any(_phase(pod) in _ACTIVE for pod in cached):
            return cached
        return [pod for pod in self.client.list(PODS, namespace)[0] if _is_owned(pod, uid)]

    def _create_pod(self, obj: JsonObject, job: Job) -> None:
        template = mapping_of(mapping_of(obj, "spec"), "template")
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
        metadata = metadata_of(template)
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job.metadata.name,
            "uid": job.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        pod: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **metadata,
                "name": f"{job.metadata.name[:_MAX_POD_PREFIX]}-{suffix}",
                "namespace": job.metadata.namespace,
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
        }
        try:
            self.client.create(PODS, job.metadata.namespace, cast("JsonObject", pod))
        except AlreadyExistsError:
            return

    def _delete(self, pods: list[JsonObject]) -> None:
        for pod in pods:
            metadata = cast("dict[str, str]", pod["metadata"])
            self.client.delete(PODS, metadata["namespace"], metadata["name"])


def _done(now: datetime, type_: str, reason: str, message: str, succeeded: int) -> JsonObject:
    """The conditions of a finished Job as Kubernetes 1.34 sets them: first why, then that."""
    before = "SuccessCriteriaMet" if type_ == "Complete" else "FailureTarget"
    conditions = [
        {
            "type": name,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastProbeTime": format_time(now),
            "lastTransitionTime": format_time(now),
        }
        for name in (before, type_)
    ]
    return cast("JsonObject", {"conditions": conditions, "succeeded": succeeded})


def _phase(pod: JsonObject) -> str:
    return str(cast("JsonObject", pod.get("status") or {}).get("phase") or "Pending")


def _is_owned(pod: JsonObject, uid: str) -> bool:
    metadata = cast("JsonObject", pod["metadata"])
    owners = cast("list[dict[str, object]]", metadata.get("ownerReferences") or [])
    return any(owner["uid"] == uid and owner.get("controller") for owner in owners)
