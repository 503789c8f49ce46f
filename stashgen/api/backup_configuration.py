"""BackupConfiguration: what is backed up, when and where to (core.kubestash.com/v1alpha1)."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Duration, Int, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import BACKUP_CONFIGURATIONS, Resource
from stashgen.api.runtime_settings import OffshootPodTemplate
from stashgen.api.shared import (
    AddonInfo,
    Condition,
    Dependency,
    HookInfo,
    ObjectReference,
    RetryConfig,
    TypedObjectReference,
)


class BackendReference(Model):
    """A named storage with the retention that applies there."""

    name: str | None = None
    storage_ref: ObjectReference | None = None
    retention_policy: ObjectReference | None = None


class SchedulerJobTemplate(Model):
    """Settings of the trigger Job."""

    parallelism: Int | None = None
    completions: Int | None = None
    active_deadline_seconds: Int | None = None
    backoff_limit: Int | None = None
    template: OffshootPodTemplate | None = None
    ttl_seconds_after_finished: Int | None = None
    completion_mode: str | None = None
    suspend: Bool | None = None


class Scheduler(Model):
    """Settings of the CronJob."""

    schedule: str
    job_template: SchedulerJobTemplate
    starting_deadline_seconds: Int | None = None
    concurrency_policy: str | None = None
    suspend: Bool | None = None
    successful_jobs_history_limit: Int | None = None
    failed_jobs_history_limit: Int | None = None


class BackupHooks(Model):
    """Hooks around a backup."""

    pre_backup: tuple[HookInfo, ...] | None = None
    post_backup: tuple[HookInfo, ...] | None = None


class RepositoryDeletionPolicy(StrEnum):
    """What happens to a Repository when its BackupConfiguration is deleted."""

    DELETE = "Delete"
    WIPE_OUT = "WipeOut"
    RETAIN = "Retain"


class SessionRepository(Model):
    """Where a session writes to."""

    name: str | None = None
    backend: str | None = None
    directory: str | None = None
    encryption_secret: ObjectReference | None = None
    deletion_policy: RepositoryDeletionPolicy | None = None
    backup_verifier: ObjectReference | None = None


class Session(Model):
    """One schedule with its addon task and repositories."""

    name: str | None = None
    scheduler: Scheduler | None = None
    hooks: BackupHooks | None = None
    retry_config: RetryConfig | None = None
    backup_timeout: Duration | None = None
    session_history_limit: Int | None = Field(default=None, json_schema_extra={"default": 1})
    addon: AddonInfo | None = None
    repositories: tuple[SessionRepository, ...] | None = None


class BackupConfigurationSpec(Model):
    """What a user wants."""

    target: TypedObjectReference | None = None
    backends: tuple[BackendReference, ...] = ()
    sessions: tuple[Session, ...] = ()
    paused: Bool | None = None


class StorageStatus(Model):
    """The storage of a backend as seen now."""

    ref: ObjectReference | None = None
    phase: str | None = None
    reason: str | None = None


class RetentionPolicyStatus(Model):
    """The retention policy of a backend as seen now."""

    ref: ObjectReference | None = None
    found: Bool | None = None
    reason: str | None = None


class BackendStatus(Model):
    """One backend as seen now."""

    name: str | None = None
    ready: Bool | None = None
    storage: StorageStatus | None = None
    retention_policy: RetentionPolicyStatus | None = None


class SessionRepositoryStatus(Model):
    """One repository as seen now."""

    name: str | None = None
    phase: str | None = Field(default=None, json_schema_extra={"enum": ["NotReady", "Ready"]})
    reason: str | None = None
    verification_configured: Bool | None = None


class SessionStatus(Model):
    """One session as seen now; ``nextSchedule`` is RFC 3339."""

    name: str | None = None
    next_schedule: str | None = None
    conditions: tuple[Condition, ...] = ()


class BackupConfigurationPhase(StrEnum):
    """Whether sessions can run."""

    NOT_READY = "NotReady"
    READY = "Ready"
    INVALID = "Invalid"


class BackupConfigurationStatus(Model):
    """What the controller saw."""

    phase: BackupConfigurationPhase | None = None
    target_found: Bool | None = None
    backends: tuple[BackendStatus, ...] | None = None
    repositories: tuple[SessionRepositoryStatus, ...] | None = None
    dependencies: tuple[Dependency, ...] | None = None
    sessions: tuple[SessionStatus, ...] | None = None
    conditions: tuple[Condition, ...] = ()


class BackupConfiguration(Kind):
    """What is backed up, when and where to."""

    resource: ClassVar[Resource] = BACKUP_CONFIGURATIONS
    api_version: Literal["core.kubestash.com/v1alpha1"] = "core.kubestash.com/v1alpha1"
    kind: Literal["BackupConfiguration"] = "BackupConfiguration"
    spec: BackupConfigurationSpec = BackupConfigurationSpec()
    status: BackupConfigurationStatus | None = None

    @property
    def repository_names(self) -> tuple[str, ...]:
        """The repositories of all sessions, each once, in order."""
        names = (
            repository.name or ""
            for session in self.spec.sessions
            for repository in session.repositories or ()
        )
        return tuple(dict.fromkeys(names))

    def session(self, name: str) -> Session | None:
        """The session of a name, or None."""
        return next((item for item in self.spec.sessions if item.name == name), None)

    def backend(self, name: str | None) -> BackendReference | None:
        """The backend of a name; an empty name means the backend without one."""
        return next(
            (item for item in self.spec.backends if (item.name or "") == (name or "")), None
        )
