"""Phases as functions of a status (KubeStash API helpers, first matching rule wins)."""

from collections.abc import Iterable, Sequence

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
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.api.snapshot import Driver, Phase, SnapshotStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.quantities import format_size, parse_size

# For objects that are not parsed: the phases after which nothing more happens to a Snapshot, a
# BackupSession, a RestoreSession or a RestoreRequest.
FINAL: frozenset[str] = frozenset(
    phase.value
    for phases in (Phase, BackupSessionPhase, RestorePhase, RestoreRequestPhase)
    for phase in phases
    if phase.is_final
)


def _status(conditions: Iterable[Condition], type_: str) -> ConditionStatus | None:
    return next((item.status for item in conditions if item.type == type_), None)


def _is(conditions: Iterable[Condition], type_: str, status: ConditionStatus) -> bool:
    return _status(conditions, type_) is status


def backup_storage_phase(status: BackupStorageStatus) -> str:
    """Ready iff the backend is initialised and its Secret, where one is needed, is there."""
    initialized = _is(status.conditions, ConditionType.BACKEND_INITIALIZED, ConditionStatus.TRUE)
    secret = _status(status.conditions, ConditionType.BACKEND_SECRET_FOUND)
    return "Ready" if initialized and secret in {None, ConditionStatus.TRUE} else "NotReady"


def repository_phase(status: RepositoryStatus) -> str:
    """Ready iff the repository is initialised."""
    initialized = _is(status.conditions, ConditionType.REPOSITORY_INITIALIZED, ConditionStatus.TRUE)
    return "Ready" if initialized else "NotReady"


def backup_configuration_phase(
    configuration: BackupConfiguration, status: BackupConfigurationStatus
) -> BackupConfigurationPhase:
    """Ready iff the target is found and bound, the backends are ready, the sessions scheduled."""
    if _is(status.conditions, ConditionType.VALIDATION_PASSED, ConditionStatus.FALSE):
        return BackupConfigurationPhase.INVALID
    backends = status.backends or ()
    sessions = status.sessions or ()
    spec = configuration.spec
    is_ready = (
        bool(status.target_found)
        and not _is(status.conditions, ConditionType.TARGET_BOUND, ConditionStatus.FALSE)
        and len(backends) == len(spec.backends)
        and all(backend.ready for backend in backends)
        and len(sessions) == len(spec.sessions)
        and all(
            _is(session.conditions, ConditionType.SCHEDULER_ENSURED, ConditionStatus.TRUE)
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
    pushed = _status(conditions, ConditionType.METRICS_PUSHED)
    if pushed is ConditionStatus.FALSE:
        return BackupSessionPhase.FAILED
    if _is(conditions, ConditionType.BACKUP_SKIPPED, ConditionStatus.TRUE):
        return BackupSessionPhase.SKIPPED
    failed = any(_is(conditions, type_, value) for type_, value in _SESSION_FAILURES)
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


def snapshot_phase(status: SnapshotStatus) -> Phase:
    """The phase of a snapshot; its components decide once the metadata upload was tried."""
    conditions = status.conditions
    if (
        _is(conditions, ConditionType.SNAPSHOT_METADATA_UPLOADED, ConditionStatus.FALSE)
        or _is(conditions, ConditionType.RECENT_SNAPSHOT_LIST_UPDATED, ConditionStatus.FALSE)
        or _is(conditions, ConditionType.BACKUP_INCOMPLETE, ConditionStatus.TRUE)
    ):
        return Phase.FAILED
    if not status.components:
        return Phase.PENDING
    if _status(conditions, ConditionType.SNAPSHOT_METADATA_UPLOADED) is not None:
        return components_phase(status)
    return Phase.RUNNING


def components_phase(status: SnapshotStatus) -> Phase:
    """The phase that the components have together."""
    phases = [component.phase for component in (status.components or {}).values()]
    total = status.total_components or 0
    succeeded, failed = phases.count(Phase.SUCCEEDED), phases.count(Phase.FAILED)
    if succeeded == total:
        return Phase.SUCCEEDED
    return Phase.FAILED if failed else Phase.RUNNING


def snapshot_size(status: SnapshotStatus) -> str | None:
    """The sum of the components' sizes; None while a restic component has none."""
    components = (status.components or {}).values()
    sizes = [item.size for item in components if item.size]
    is_known = all(item.size for item in components if item.driver is Driver.RESTIC)
    return format_size(sum(map(parse_size, sizes))) if sizes and is_known else None


def snapshot_integrity(status: SnapshotStatus) -> bool | None:
    """Whether all components are intact; None while a restic component does not say.

    None also without any restic component: a volume snapshot cannot be checked.
    """
    components = (status.components or {}).values()
    restic = [item.integrity for item in components if item.driver is Driver.RESTIC]
    if not restic or None in restic:
        return None
    return all(item.integrity for item in components if item.integrity is not None)


def restore_session_phase(status: RestoreSessionStatus) -> RestorePhase:
    """The phase of a restore."""
    conditions = status.conditions
    pushed = _status(conditions, ConditionType.METRICS_PUSHED)
    if pushed is ConditionStatus.FALSE:
        return RestorePhase.FAILED
    if _is(conditions, ConditionType.VALIDATION_PASSED, ConditionStatus.FALSE):
        return RestorePhase.INVALID
    failed = (
        _is(conditions, ConditionType.PRE_RESTORE_HOOKS_SUCCEEDED, ConditionStatus.FALSE)
        or _is(conditions, ConditionType.POST_RESTORE_HOOKS_SUCCEEDED, ConditionStatus.FALSE)
        or _is(conditions, ConditionType.RESTORE_EXECUTOR_ENSURED, ConditionStatus.FALSE)
        or _is(conditions, ConditionType.RESTORE_INCOMPLETE, ConditionStatus.TRUE)
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
