"""Job (batch/v1): what the controller reads of one."""

from datetime import datetime, timedelta
from typing import ClassVar, Literal

from stashgen.api.base import LENIENT, Bool, Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import JOBS, Resource


class JobCondition(Model):
    """One condition of a Job."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: Time | None = None


class JobSpec(Model):
    """What the controller reads of a Job's settings; its pod template is long and is not read."""

    model_config = LENIENT

    backoff_limit: Int | None = None
    active_deadline_seconds: Int | None = None
    suspend: Bool | None = None


class JobStatus(Model):
    """What the Job controller saw."""

    active: Int | None = None
    succeeded: Int | None = None
    failed: Int | None = None
    start_time: Time | None = None
    completion_time: Time | None = None
    conditions: tuple[JobCondition, ...] | None = None


class Job(Kind):
    """One run of a pod template."""

    resource: ClassVar[Resource] = JOBS
    api_version: Literal["batch/v1"] = "batch/v1"
    kind: Literal["Job"] = "Job"
    spec: JobSpec = JobSpec()
    status: JobStatus | None = None

    def _condition(self, type_: str) -> JobCondition | None:
        conditions = (self.status.conditions if self.status else None) or ()
        return next(
            (item for item in conditions if item.type == type_ and item.status == "True"), None
        )

    @property
    def active_deadline(self) -> timedelta | None:
        """How long the Job may take, from its creation on."""
        seconds = self.spec.active_deadline_seconds
        return timedelta(seconds=seconds) if seconds is not None else None

    @property
    def is_to_end(self) -> bool:
        """The Job controller has decided that the Job fails and waits for its pods to end."""
        return self._condition("FailureTarget") is not None

    @property
    def is_complete(self) -> bool:
        """The Job succeeded."""
        return self._condition("Complete") is not None

    @property
    def failure(self) -> JobCondition | None:
        """The condition that says why the Job failed, or None."""
        return self._condition("Failed")

    @property
    def had_pod(self) -> bool:
        """The Job controller counted a pod that has failed, or was deleted before it ended."""
        return bool(self.status and self.status.failed)

    @property
    def is_finished(self) -> bool:
        """Nothing more will run."""
        return self.is_complete or self.failure is not None

    @property
    def finished(self) -> datetime | None:
        """When the Job ended."""
        condition = self._condition("Complete") or self.failure
        return condition.last_transition_time if condition else None
