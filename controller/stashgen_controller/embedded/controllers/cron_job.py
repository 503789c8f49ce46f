"""The CronJob controller on a clock that can be moved (Kubernetes, "CronJob", v2 controller)."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar, cast
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time, metadata_of, parse_time
from stashgen.api.cron_job import CronJob, CronJobSpec
from stashgen.api.job import Job
from stashgen.api.resources import CRON_JOBS, JOBS, Resource
from stashgen.cron import CronError, Schedule
from stashgen_controller.embedded.controllers.loop import ControlLoop
from stashgen_controller.kube.client import AlreadyExistsError

_SCHEDULED_ANNOTATION = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_DEFAULT_SUCCESSFUL, _DEFAULT_FAILED = 3, 1


class CronJobController(ControlLoop):
    """Creates a Job for the latest tick that was missed; never more than one a pass."""

    resources: ClassVar[tuple[Resource, ...]] = (CRON_JOBS, JOBS)

    def sync(self) -> None:
        """One pass over all CronJobs."""
        for obj in self.caches[CRON_JOBS].items():
            metadata = cast("JsonObject", obj["metadata"])
            if not metadata.get("deletionTimestamp"):
                self.attempt(partial(self._sync_one, obj))

    def _sync_one(self, obj: JsonObject) -> None:
        metadata = cast("JsonObject", obj["metadata"])
        spec = CronJob.from_wire(obj).spec
        jobs = [
            Job.from_wire(job)
            for job in self.caches[JOBS].items(str(metadata["namespace"]))
            if _is_owned(job, str(metadata["uid"]))
        ]
        self._clean_up(spec, jobs)
        status = dict(cast("JsonObject", obj.get("status") or {}))
        active = [job for job in jobs if not job.is_finished]
        references = [_reference(job) for job in active]
        ended = [job.finished for job in jobs if job.is_complete and job.finished]
        if ended:
            status["lastSuccessfulTime"] = format_time(max(ended))
        last = status.get("lastScheduleTime") or metadata["creationTimestamp"]
        tick = missed_tick(spec, parse_time(str(last)), self.clock.now())
        if tick is not None and self._may_start(spec, active):
            status["lastScheduleTime"] = format_time(tick)
            references += [_reference(job) for job in self._create(obj, tick)]
        status["active"] = cast("JsonValue", references)
        if not references:
            del status["active"]
        if status != (obj.get("status") or {}):
            namespace = str(metadata["namespace"])
            self.client.replace(CRON_JOBS, namespace, {**obj, "status": status}, status=True)

    def _may_start(self, spec: CronJobSpec, active: list[Job]) -> bool:
        policy = spec.concurrency_policy or "Allow"
        if policy == "Forbid":
            return not active
        if policy == "Replace":
            for job in active:
                self.client.delete(JOBS, job.metadata.namespace, job.metadata.name)
        return True

    def _create(self, cron_job: JsonObject, tick: datetime) -> list[Job]:
        """The new Job; none when it was there already."""
        metadata = cast("JsonObject", cron_job["metadata"])
        template = cast("JsonObject", cast("JsonObject", cron_job["spec"])["jobTemplate"])
        inherited = metadata_of(template)
        annotations = cast("JsonObject", inherited.get("annotations") or {})
        namespace = str(metadata["namespace"])
        zone = ZoneInfo(CronJob.from_wire(cron_job).spec.time_zone or "Etc/UTC")
        job: dict[str, object] = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{metadata['name']}-{int(tick.timestamp()) // 60}",
                "namespace": namespace,
                "labels": inherited.get("labels") or {},
                "annotations": annotations | {_SCHEDULED_ANNOTATION: _in_zone(tick, zone)},
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "CronJob",
                        "name": metadata["name"],
                        "uid": metadata["uid"],
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "spec": template["spec"],
        }
        try:
            created = self.client.create(JOBS, namespace, cast("JsonObject", job))
        except AlreadyExistsError:
            return []
        return [Job.from_wire(created)]

    def _clean_up(self, spec: CronJobSpec, jobs: list[Job]) -> None:
        succeeded, failed = spec.successful_jobs_history_limit, spec.failed_jobs_history_limit
        limits = (
            (
                _DEFAULT_SUCCESSFUL if succeeded is None else succeeded,
                [j for j in jobs if j.is_complete],
            ),
            (_DEFAULT_FAILED if failed is None else failed, [j for j in jobs if j.failure]),
        )
        for limit, finished in limits:
            ordered = sorted(finished, key=_age_order)
            for job in ordered[: max(0, len(ordered) - limit)]:
                self.client.delete(
                    JOBS, job.metadata.namespace, job.metadata.name, uid=job.metadata.uid
                )


def missed_tick(spec: CronJobSpec, last: datetime, now: datetime) -> datetime | None:
    """The newest tick after ``last`` and not after ``now``, if it is not too late for it."""
    if spec.suspend:
        return None
    earliest = last
    if spec.starting_deadline_seconds is not None:
        earliest = max(earliest, now - timedelta(seconds=spec.starting_deadline_seconds))
    try:
        schedule = Schedule.parse(spec.schedule)
    except CronError:
        # The API server took it: it never fires.
        return None
    zone = ZoneInfo(spec.time_zone or "Etc/UTC")
    # The interval includes ``now``, so that a clock moved onto a tick fires it.
    newest = None
    tick = schedule.next_tick(earliest, zone)
    while tick is not None and tick <= now:
        newest = tick
        tick = schedule.next_tick(tick, zone)
    return newest


def _reference(job: Job) -> JsonObject:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job.metadata.name,
        "namespace": job.metadata.namespace,
        "uid": job.metadata.uid,
    }


def _in_zone(tick: datetime, zone: ZoneInfo) -> str:
    """RFC 3339 in the schedule's zone, as the controller annotates it."""
    local = tick.astimezone(zone)
    return local.isoformat(timespec="seconds") if local.utcoffset() else format_time(tick)


def _age_order(job: Job) -> tuple[datetime, str]:
    started = job.status.start_time if job.status else None
    return started or datetime.max.replace(tzinfo=UTC), job.metadata.name


def _is_owned(job: JsonObject, uid: str) -> bool:
    metadata = cast("JsonObject", job["metadata"])
    owners = cast("list[dict[str, object]]", metadata.get("ownerReferences") or [])
    return any(owner["uid"] == uid and owner.get("controller") for owner in owners)
