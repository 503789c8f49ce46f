"""BackupSession: one run of a session (core.kubestash.com/v1alpha1)."""

from enum import StrEnum
from typing import ClassVar, Literal

from stashgen.api.base import Bool, Duration, Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import BACKUP_SESSIONS, Resource
from stashgen.api.shared import (
    Condition,
    Executor,
    HookStatus,
    ObjectReference,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from stashgen.api.snapshot import Phase


class BackupSessionSpec(Model):
    """Which session of which invoker; immutable."""

    invoker: TypedLocalObjectReference | None = None
    session: str | None = None
    retry_left: Int | None = None
    backup_timeout: Duration | None = None


class BackupSessionPhase(StrEnum):
    """How far the session is."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {
            BackupSessionPhase.SUCCEEDED,
            BackupSessionPhase.FAILED,
            BackupSessionPhase.SKIPPED,
        }


class SnapshotSummary(Model):
    """One Snapshot of the session."""

    name: str | None = None
    phase: Phase | None = None
    app_ref: TypedObjectReference | None = None
    repository: str | None = None


class RetentionPhase(StrEnum):
    """Whether retention was applied to a repository."""

    PENDING = "Pending"
    APPLIED = "Applied"
    FAILED_TO_APPLY = "FailedToApply"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {RetentionPhase.APPLIED, RetentionPhase.FAILED_TO_APPLY}


class RetentionPolicyApplyStatus(Model):
    """Retention of one repository; ``executor`` is our addition."""

    ref: ObjectReference | None = None
    repository: str | None = None
    phase: RetentionPhase | None = None
    error: str | None = None
    executor: Executor | None = None

    @property
    def is_finished(self) -> bool:
        """Applied or FailedToApply."""
        return self.phase is not None and self.phase.is_final


class SessionHooksStatus(Model):
    """Hooks of the session."""

    pre_hooks: tuple[HookStatus, ...] | None = None
    post_hooks: tuple[HookStatus, ...] | None = None


class BackupSessionStatus(Model):
    """What happened; ``retentionPolicy`` is singular on the wire although it is a list."""

    phase: BackupSessionPhase | None = None
    duration: str | None = None
    backup_deadline: Time | None = None
    total_snapshots: Int | None = None
    snapshots: tuple[SnapshotSummary, ...] | None = None
    hooks: SessionHooksStatus | None = None
    retention_policy: tuple[RetentionPolicyApplyStatus, ...] | None = None
    retried: Bool | None = None
    next_retry: Time | None = None
    conditions: tuple[Condition, ...] = ()


class BackupSession(Kind):
    """One run of a session."""

    resource: ClassVar[Resource] = BACKUP_SESSIONS
    api_version: Literal["core.kubestash.com/v1alpha1"] = "core.kubestash.com/v1alpha1"
    kind: Literal["BackupSession"] = "BackupSession"
    spec: BackupSessionSpec = BackupSessionSpec()
    status: BackupSessionStatus | None = None

    @property
    def phase(self) -> BackupSessionPhase | None:
        """The phase in the status."""
        return self.status.phase if self.status else None

    @property
    def is_finished(self) -> bool:
        """Succeeded, Failed or Skipped."""
        return self.phase is not None and self.phase.is_final
