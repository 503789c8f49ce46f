"""The types of the conditions that statuses have; phases follow from them (``phases.py``)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from stashgen.api.shared import AffectedFiles, Condition, ConditionStatus
from stashgen.api.snapshot import Component, Phase


class ConditionType(StrEnum):
    """Which aspect of an object a condition is about: KubeStash's constants, then ours."""

    # BackupStorage, Repository, BackupConfiguration
    BACKEND_INITIALIZED = "BackendInitialized"
    BACKEND_SECRET_FOUND = "BackendSecretFound"  # noqa: S105 (a condition)
    REPOSITORY_INITIALIZED = "RepositoryInitialized"
    VALIDATION_PASSED = "ValidationPassed"
    SCHEDULER_ENSURED = "SchedulerEnsured"
    INITIAL_BACKUP_TRIGGERED = "InitialBackupTriggered"
    # BackupSession
    BACKUP_SKIPPED = "BackupSkipped"
    SNAPSHOTS_ENSURED = "SnapshotsEnsured"
    BACKUP_EXECUTOR_ENSURED = "BackupExecutorEnsured"
    PRE_BACKUP_HOOKS_SUCCEEDED = "PreBackupHooksExecutionSucceeded"
    POST_BACKUP_HOOKS_SUCCEEDED = "PostBackupHooksExecutionSucceeded"
    POD_PENDING_TOO_LONG = "PodHasBeenInPendingStateForLongerThanExpected"
    RETENTION_EXECUTOR_ENSURED = "RetentionPolicyExecutorEnsured"
    SNAPSHOT_CLEANUP_INCOMPLETE = "SnapshotCleanupIncomplete"
    SESSION_HISTORY_CLEANED = "SessionHistoryCleaned"
    # the final step of a BackupSession and of a RestoreSession
    METRICS_PUSHED = "MetricsPushed"
    # Snapshot
    SNAPSHOT_METADATA_UPLOADED = "SnapshotMetadataUploaded"
    RECENT_SNAPSHOT_LIST_UPDATED = "RecentSnapshotListUpdated"
    BACKUP_INCOMPLETE = "BackupIncomplete"
    # RestoreSession
    RESTORE_TARGET_FOUND = "RestoreTargetFound"
    RESTORE_EXECUTOR_ENSURED = "RestoreExecutorEnsured"
    PRE_RESTORE_HOOKS_SUCCEEDED = "PreRestoreHooksExecutionSucceeded"
    POST_RESTORE_HOOKS_SUCCEEDED = "PostRestoreHooksExecutionSucceeded"
    RESTORE_INCOMPLETE = "RestoreIncomplete"

    # ours
    TARGET_BOUND = "TargetBound"
    RESTORE_EXPECTED = "RestoreExpected"
    RESTORED_IN_PART = "RestoredInPart"
    SNAPSHOTS_RESYNCED = "SnapshotsResynced"
    RETENTION_APPLIED = "RetentionApplied"
    UPKEEP_SUCCEEDED = "UpkeepSucceeded"
    REPOSITORY_DAMAGED = "RepositoryDamaged"
    ALL_FILES_READ = "AllFilesRead"
    METADATA_RESTORED = "MetadataRestored"
    RESTORED_WITHOUT_LOCK = "RestoredWithoutLock"
    CHANGED_AFTER_START = "ChangedAfterStart"
    RESTORE_SESSION_MISSING = "RestoreSessionMissing"
    # RestoreRequest, as kstatus reads them
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


def status_of(conditions: Iterable[Condition], type_: str) -> ConditionStatus | None:
    """What the first condition of a type says; None where there is none."""
    return next((item.status for item in conditions if item.type == type_), None)


def has_status(conditions: Iterable[Condition], type_: str, status: ConditionStatus) -> bool:
    """Whether the first condition of a type says that."""
    return status_of(conditions, type_) is status


def files_unreadable(files: AffectedFiles | None, now: datetime) -> tuple[Condition, ...]:
    """That a Snapshot lacks what could not be read; nothing for one that is whole."""
    if files is None:
        return ()
    return (
        Condition(
            type=ConditionType.ALL_FILES_READ,
            status=ConditionStatus.FALSE,
            reason="UnreadableFiles",
            message=f"could not read {files.text}",
            last_transition_time=now,
        ),
    )


def repository_damaged(components: Iterable[Component], now: datetime) -> tuple[Condition, ...]:
    """That a good Snapshot was made in a damaged repository; nothing for any other one.

    A failed one has that as its error.
    """
    if not any(item.integrity is False and item.phase is Phase.SUCCEEDED for item in components):
        return ()
    return (
        Condition(
            type=ConditionType.REPOSITORY_DAMAGED,
            status=ConditionStatus.TRUE,
            reason="DamageRecorded",
            message="an earlier check found damage in the repository, and this Snapshot may share "
            "what is damaged with older ones: it meets no objective until a check finds none",
            last_transition_time=now,
        ),
    )


def metadata_refused(files: AffectedFiles | None, now: datetime) -> tuple[Condition, ...]:
    """That a restore wrote all data, but the volume refused to take all of its metadata."""
    if files is None:
        return ()
    return (
        Condition(
            type=ConditionType.METADATA_RESTORED,
            status=ConditionStatus.FALSE,
            reason="RefusedByTarget",
            message="all data is restored; the volume refused owner, mode, times or attributes of "
            f"{files.text}",
            last_transition_time=now,
        ),
    )
