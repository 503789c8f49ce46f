"""Phases as functions of a status (KubeStash API helpers, first matching rule wins)."""

from collections.abc import Sequence

from stashgen.api.backup_configuration import (
    BackupConfiguration,
    BackupConfigurationPhase,
    BackupConfigurationStatus,
)
from stashgen.api.backup_session import (
    BackupSessionPhase,
    BackupSessionStatus,
)
from stashgen.api.backup_storage import BackupStorageStatus
from stashgen.api.repository import RepositoryStatus
from stashgen.api.restore_request import RestoreRequestPhase
from stashgen.api.restore_session import RestorePhase, RestoreSessionStatus
from stashgen.api.shared import ConditionStatus
from stashgen.api.snapshot import Phase
from stashgen.kubestash.conditions import ConditionType, has_status, status_of

# For objects that are not parsed: the phases after which nothing more happens to a Snapshot, a
# BackupSession, a RestoreSession or a RestoreRequest.
FINAL: frozenset[str] = frozenset(
    phase.value
    for phases in (Phase, BackupSessionPhase, RestorePhase, RestoreRequestPhase)
    for phase in phases
    if phase.is_final
)


def backup_storage_phase(status: BackupStorageStatus) -> str:
    """Ready iff the backend is initialised and its Secret, where one is needed, is there."""
    initialized = has_status(
        status.conditions, ConditionType.BACKEND_INITIALIZED, ConditionStatus.TRUE
    )
    secret = status_of(status.conditions, ConditionType.BACKEND_SECRET_FOUND)
    return "Ready" if initialized and secret in {None, ConditionStatus.TRUE} else "NotReady"


def repository_phase(status: RepositoryStatus) -> str:
    """Ready iff the repository is initialised."""
    initialized = has_status(
        status.conditions, ConditionType.REPOSITORY_INITIALIZED, ConditionStatus.TRUE
    )
    return "Ready" if initialized else "NotReady"


def backup_configuration_phase(
    configuration: BackupConfiguration, status: BackupConfigurationStatus
) -> BackupConfigurationPhase:
    """Ready iff the target is found and bound, the backends are ready, the sessions scheduled."""
    if has_status(status.conditions, ConditionType.VALIDATION_PASSED, ConditionStatus.FALSE):
        return BackupConfigurationPhase.INVALID
    backends = status.backends or ()
    sessions = status.sessions or ()
    spec = configuration.spec
    is_ready = (
        bool(status.target_found)
        and not has_status(status.conditions, ConditionType.TARGET_BOUND, ConditionStatus.FALSE)
        and len(backends) == len(spec.backends)
        and all(backend.ready for backend in backends)
        and len(sessions) == len(spec.sessions)
        and all(
            has_status(session.conditions, ConditionType.SCHEDULER_ENSURED, ConditionStatus.TRUE)
            for session in sessions
        )
    )
    return BackupConfigurationPhase.READY if is_ready else BackupConfigurationPhase.NOT_READY


_SESSION_FAILURES = (
    (ConditionType.BACKUP_EXECUTOR_ENSURED, ConditionStatus.FALSE),
    (ConditionType.SNAPSHOTS_ENSURED, ConditionStatus.FALSE),
    (ConditionType.PRE_BACKUP_HOOKS_SUCCEEDED, ConditionStatus.FALSE),
    (ConditionType.POST_BACKUP_HOOKS_SUCCEEDED, ConditionStatus.FALSE),
    (ConditionType.SESSION_HISTORY_CLEANED, ConditionStatus.FALSE),
)


def backup_session_phase(status: BackupSessionStatus) -> BackupSessionPhase:
    """The phase of a session; it stays Running until MetricsPushed, the final step, is there.

    Deviation: retention is a separate Job after the session. Its failure
    (``SnapshotCleanupIncomplete``) has its own condition and does not fail a good backup.
    """
    conditions = status.conditions
    pushed = status_of(conditions, ConditionType.METRICS_PUSHED)
    if pushed is ConditionStatus.FALSE:
        return BackupSessionPhase.FAILED
    if has_status(conditions, ConditionType.BACKUP_SKIPPED, ConditionStatus.TRUE):
        return BackupSessionPhase.SKIPPED
    failed = any(has_status(conditions, type_, value) for type_, value in _SESSION_FAILURES)
    if pushed is ConditionStatus.TRUE and failed:
        return BackupSessionPhase.FAILED
    phase = _session_phase_of([item.phase for item in status.snapshots or ()])
    if phase is BackupSessionPhase.PENDING or pushed is not None:
        return phase
    return BackupSessionPhase.RUNNING


def _session_phase_of(snapshots: Sequence[Phase | None]) -> BackupSessionPhase:
    known = [phase or Phase.PENDING for phase in snapshots]
    if all(phase is Phase.PENDING for phase in known):
        return BackupSessionPhase.PENDING
    if any(phase in {Phase.PENDING, Phase.RUNNING} for phase in known):
        return BackupSessionPhase.RUNNING
    if any(phase is Phase.FAILED for phase in known):
        return BackupSessionPhase.FAILED
    return BackupSessionPhase.SUCCEEDED


def restore_session_phase(status: RestoreSessionStatus) -> RestorePhase:
    """The phase of a restore."""
    conditions = status.conditions
    pushed = status_of(conditions, ConditionType.METRICS_PUSHED)
    if pushed is ConditionStatus.FALSE:
        return RestorePhase.FAILED
    if has_status(conditions, ConditionType.VALIDATION_PASSED, ConditionStatus.FALSE):
        return RestorePhase.INVALID
    failed = (
        has_status(conditions, ConditionType.PRE_RESTORE_HOOKS_SUCCEEDED, ConditionStatus.FALSE)
        or has_status(conditions, ConditionType.POST_RESTORE_HOOKS_SUCCEEDED, ConditionStatus.FALSE)
        or has_status(conditions, ConditionType.RESTORE_EXECUTOR_ENSURED, ConditionStatus.FALSE)
        or has_status(conditions, ConditionType.RESTORE_INCOMPLETE, ConditionStatus.TRUE)
    )
    if pushed is ConditionStatus.TRUE and failed:
        return RestorePhase.FAILED
    phase = restore_components_phase(status)
    if phase in {RestorePhase.PENDING, RestorePhase.UNKNOWN} or pushed is not None:
        return phase
    return RestorePhase.RUNNING


def restore_components_phase(status: RestoreSessionStatus) -> RestorePhase:
    """The phase that the components of a restore have together."""
    phases = [item.phase for item in (status.components or {}).values()]
    if not phases:
        return RestorePhase.PENDING
    if all(phase is RestorePhase.SUCCEEDED for phase in phases):
        return RestorePhase.SUCCEEDED
    if RestorePhase.FAILED in phases:
        return RestorePhase.FAILED
    if set(phases) <= {RestorePhase.SUCCEEDED, RestorePhase.UNKNOWN}:
        return RestorePhase.UNKNOWN
    return RestorePhase.RUNNING
