"""CronJob (batch/v1): what creates a Job at each tick of a schedule."""

from typing import ClassVar, Literal

from stashgen.api.base import Bool, Int, JsonObject, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.pod_template import PodTemplateSpec
from stashgen.api.resources import CRON_JOBS, Resource
from stashgen.api.runtime_settings import TemplateMetadata


class JobTemplateSpec(Model):
    """The ``spec`` of the Jobs."""

    parallelism: Int | None = None
    completions: Int | None = None
    backoff_limit: Int | None = None
    active_deadline_seconds: Int | None = None
    ttl_seconds_after_finished: Int | None = None
    completion_mode: str | None = None
    suspend: Bool | None = None
    template: PodTemplateSpec = PodTemplateSpec()


class JobTemplate(Model):
    """The Jobs."""

    metadata: TemplateMetadata | None = None
    spec: JobTemplateSpec = JobTemplateSpec()


class CronJobSpec(Model):
    """When, and what."""

    schedule: str
    time_zone: str | None = None
    starting_deadline_seconds: Int | None = None
    concurrency_policy: str | None = None
    suspend: Bool | None = None
    successful_jobs_history_limit: Int | None = None
    failed_jobs_history_limit: Int | None = None
    job_template: JobTemplate = JobTemplate()


class CronJobStatus(Model):
    """What the CronJob controller did."""

    active: tuple[JsonObject, ...] | None = None
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class CronJob(Kind):
    """Creates a Job at each tick of a schedule."""

    resource: ClassVar[Resource] = CRON_JOBS
    api_version: Literal["batch/v1"] = "batch/v1"
    kind: Literal["CronJob"] = "CronJob"
    spec: CronJobSpec
    status: CronJobStatus | None = None
