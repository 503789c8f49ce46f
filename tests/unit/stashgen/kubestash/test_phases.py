"""Phases: the reference's rules one by one, in the order in which the first match wins."""

from collections.abc import Mapping

import pytest

from stashgen.api.backup_configuration import BackupConfiguration, BackupConfigurationStatus
from stashgen.api.backup_session import BackupSessionStatus
from stashgen.api.backup_storage import BackupStorageStatus
from stashgen.api.base import JsonObject
from stashgen.api.repository import RepositoryStatus
from stashgen.api.restore_session import RestoreSessionStatus
from stashgen.api.snapshot import SnapshotStatus
from stashgen.kubestash import phases, snapshot_phases

_SINCE = "2026-01-01T00:00:00Z"


def _conditions(text: str) -> list[JsonObject]:
    """``A=True B=False`` as conditions."""
    pairs = (item.split("=") for item in text.split())
    return [{"type": name, "status": value, "lastTransitionTime": _SINCE} for name, value in pairs]


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ("", "NotReady"),
        ("BackendInitialized=True", "Ready"),
        ("BackendInitialized=False", "NotReady"),
        ("BackendInitialized=Unknown", "NotReady"),
        ("BackendInitialized=True BackendSecretFound=True", "Ready"),
        ("BackendInitialized=True BackendSecretFound=False", "NotReady"),
        ("BackendInitialized=True BackendSecretFound=Unknown", "NotReady"),
        ("BackendSecretFound=True", "NotReady"),
    ],
)
def test_phase_of_a_backup_storage_follows_from_its_status(conditions: str, phase: str) -> None:
    status = BackupStorageStatus.model_validate({"conditions": _conditions(conditions)})
    assert phases.backup_storage_phase(status) == phase


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ("", "NotReady"),
        ("RepositoryInitialized=True", "Ready"),
        ("RepositoryInitialized=False", "NotReady"),
    ],
)
def test_phase_of_a_repository_follows_from_its_status(conditions: str, phase: str) -> None:
    status = RepositoryStatus.model_validate({"conditions": _conditions(conditions)})
    assert phases.repository_phase(status) == phase


_CONFIGURATION = BackupConfiguration.model_validate(
    {
        "metadata": {"name": "library", "namespace": "demo"},
        "spec": {"backends": [{"name": "local"}], "sessions": [{"name": "backup"}]},
    }
)
_SCHEDULED = {"name": "backup", "conditions": _conditions("SchedulerEnsured=True")}
_READY: Mapping[str, object] = {
    "targetFound": True,
    "backends": [{"name": "local", "ready": True}],
    "sessions": [_SCHEDULED],
}


@pytest.mark.parametrize(
    ("changed", "phase"),
    [
        ({}, "Ready"),
        ({"conditions": _conditions("ValidationPassed=True")}, "Ready"),
        ({"conditions": _conditions("ValidationPassed=False")}, "Invalid"),
        ({"targetFound": False}, "NotReady"),
        ({"targetFound": None}, "NotReady"),
        ({"backends": []}, "NotReady"),
        ({"backends": [{"name": "local", "ready": False}]}, "NotReady"),
        ({"backends": [{"name": "local", "ready": True}] * 2}, "NotReady"),
        ({"sessions": []}, "NotReady"),
        ({"sessions": [{"name": "backup"}]}, "NotReady"),
        (
            {"sessions": [{"name": "b", "conditions": _conditions("SchedulerEnsured=False")}]},
            "NotReady",
        ),
        ({"repositories": [{"name": "local-k3f9q", "phase": "NotReady"}]}, "Ready"),
    ],
)
def test_phase_of_a_backup_configuration_follows_from_its_status(
    changed: dict[str, object], phase: str
) -> None:
    status = BackupConfigurationStatus.model_validate({**_READY, **changed})
    assert phases.backup_configuration_phase(_CONFIGURATION, status) == phase


@pytest.mark.parametrize(
    ("conditions", "snapshots", "phase"),
    [
        ("", "", "Pending"),
        ("", "Pending Pending", "Pending"),
        ("SnapshotsEnsured=True", "Pending Running", "Running"),
        ("SnapshotsEnsured=True", "Pending Succeeded", "Running"),
        ("SnapshotsEnsured=True", "Succeeded", "Running"),
        ("MetricsPushed=True", "Succeeded", "Succeeded"),
        ("MetricsPushed=True", "Succeeded Failed", "Failed"),
        ("MetricsPushed=True", "Running Failed", "Running"),
        ("MetricsPushed=True", "", "Pending"),
        ("MetricsPushed=Unknown", "Succeeded", "Succeeded"),
        ("MetricsPushed=False", "Succeeded", "Failed"),
        ("MetricsPushed=False BackupSkipped=True", "", "Failed"),
        ("BackupSkipped=True", "", "Skipped"),
        ("BackupSkipped=True MetricsPushed=True BackupExecutorEnsured=False", "", "Skipped"),
        ("MetricsPushed=True BackupExecutorEnsured=False", "Succeeded", "Failed"),
        ("MetricsPushed=True SnapshotsEnsured=False", "", "Failed"),
        ("MetricsPushed=True PreBackupHooksExecutionSucceeded=False", "Succeeded", "Failed"),
        ("MetricsPushed=True PostBackupHooksExecutionSucceeded=False", "Succeeded", "Failed"),
        ("MetricsPushed=True SessionHistoryCleaned=False", "Succeeded", "Failed"),
        ("MetricsPushed=True RetentionPolicyExecutorEnsured=False", "Succeeded", "Succeeded"),
        ("BackupExecutorEnsured=False", "Running", "Running"),
        ("BackupExecutorEnsured=False", "", "Pending"),
    ],
)
def test_phase_of_a_backup_session_follows_from_its_status(
    conditions: str, snapshots: str, phase: str
) -> None:
    status = BackupSessionStatus.model_validate(
        {
            "conditions": _conditions(conditions),
            "snapshots": [{"name": "s", "phase": item} for item in snapshots.split()],
        }
    )
    assert phases.backup_session_phase(status) == phase


@pytest.mark.parametrize("applied", ["FailedToApply", "Pending", "Applied"])
def test_retention_does_not_fail_a_good_backup(applied: str) -> None:
    status = BackupSessionStatus.model_validate(
        {
            "conditions": _conditions("MetricsPushed=True SnapshotCleanupIncomplete=True"),
            "snapshots": [{"name": "s", "phase": "Succeeded"}],
            "retentionPolicy": [{"repository": "local", "phase": applied}],
        }
    )
    assert phases.backup_session_phase(status) == "Succeeded"


def _snapshot(components: str, conditions: str = "", total: int | None = None) -> SnapshotStatus:
    names = components.split()
    return SnapshotStatus.model_validate(
        {
            "conditions": _conditions(conditions),
            "totalComponents": len(names) if total is None else total,
            "components": {f"c{index}": {"phase": name} for index, name in enumerate(names)},
        }
    )


_UPLOADED = "SnapshotMetadataUploaded=True"


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (_snapshot(""), "Pending"),
        (_snapshot("", _UPLOADED), "Pending"),
        (_snapshot("Running"), "Running"),
        (_snapshot("Succeeded"), "Running"),
        (_snapshot("Failed"), "Running"),
        (_snapshot("Succeeded", _UPLOADED), "Succeeded"),
        (_snapshot("Succeeded Failed", _UPLOADED), "Failed"),
        (_snapshot("Failed Running", _UPLOADED), "Failed"),
        (_snapshot("Succeeded Running", _UPLOADED), "Running"),
        (_snapshot("Succeeded", _UPLOADED, total=2), "Running"),
        (_snapshot("Running", _UPLOADED, total=0), "Succeeded"),
        (_snapshot("Succeeded", "SnapshotMetadataUploaded=Unknown"), "Succeeded"),
        (_snapshot("Succeeded", "SnapshotMetadataUploaded=False"), "Failed"),
        (_snapshot("Succeeded", f"{_UPLOADED} RecentSnapshotListUpdated=False"), "Failed"),
        (_snapshot("Running", "BackupIncomplete=True"), "Failed"),
        (_snapshot("", "BackupIncomplete=True"), "Failed"),
        (_snapshot("Running", "BackupIncomplete=False"), "Running"),
    ],
)
def test_phase_of_a_snapshot_follows_from_its_status(status: SnapshotStatus, phase: str) -> None:
    assert snapshot_phases.snapshot_phase(status) == phase


def _sized(*components: dict[str, object]) -> SnapshotStatus:
    named = {f"c{index}": component for index, component in enumerate(components)}
    return SnapshotStatus.model_validate({"components": named})


@pytest.mark.parametrize(
    ("status", "size"),
    [
        (_sized(), None),
        (_sized({"driver": "Restic"}), None),
        (_sized({"driver": "Restic", "size": "806 B"}), "806 B"),
        (_sized({"driver": "Restic", "size": "1.000 KiB"}, {"driver": "Restic"}), None),
        (
            _sized({"driver": "Restic", "size": "512 B"}, {"driver": "Restic", "size": "512 B"}),
            "1.000 KiB",
        ),
        (_sized({"driver": "Restic", "size": "1 B"}, {"driver": "VolumeSnapshotter"}), "1 B"),
        (_sized({"driver": "VolumeSnapshotter"}), None),
    ],
)
def test_size_of_a_snapshot(status: SnapshotStatus, size: str | None) -> None:
    assert snapshot_phases.snapshot_size(status) == size


@pytest.mark.parametrize(
    ("status", "integrity"),
    [
        (_sized(), None),
        (_sized({"driver": "Restic"}), None),
        (_sized({"driver": "Restic", "integrity": True}), True),
        (_sized({"driver": "Restic", "integrity": False}), False),
        (_sized({"driver": "Restic", "integrity": True}, {"driver": "Restic"}), None),
        (
            _sized({"driver": "Restic", "integrity": True}, {"driver": "WalG", "integrity": False}),
            False,
        ),
        (_sized({"driver": "VolumeSnapshotter", "integrity": True}), None),
    ],
)
def test_integrity_of_a_snapshot(status: SnapshotStatus, integrity: bool | None) -> None:
    assert snapshot_phases.snapshot_integrity(status) is integrity


@pytest.mark.parametrize(
    ("conditions", "components", "phase"),
    [
        ("", "", "Pending"),
        ("ValidationPassed=True", "Running", "Running"),
        ("", "Succeeded", "Running"),
        ("", "Failed", "Running"),
        ("", "Succeeded Unknown", "Unknown"),
        ("MetricsPushed=True", "Succeeded", "Succeeded"),
        ("MetricsPushed=True", "Succeeded Failed", "Failed"),
        ("MetricsPushed=True", "Failed Running", "Failed"),
        ("MetricsPushed=True", "Succeeded Running", "Running"),
        ("MetricsPushed=True", "", "Pending"),
        ("MetricsPushed=False", "Succeeded", "Failed"),
        ("MetricsPushed=False ValidationPassed=False", "", "Failed"),
        ("ValidationPassed=False", "Succeeded", "Invalid"),
        ("ValidationPassed=False MetricsPushed=True", "", "Invalid"),
        ("MetricsPushed=True PreRestoreHooksExecutionSucceeded=False", "", "Failed"),
        ("MetricsPushed=True PostRestoreHooksExecutionSucceeded=False", "Succeeded", "Failed"),
        ("MetricsPushed=True RestoreExecutorEnsured=False", "", "Failed"),
        ("MetricsPushed=True RestoreIncomplete=True", "Running", "Failed"),
        ("RestoreIncomplete=True", "Running", "Running"),
    ],
)
def test_phase_of_a_restore_session_follows_from_its_status(
    conditions: str, components: str, phase: str
) -> None:
    named = {f"c{index}": {"phase": item} for index, item in enumerate(components.split())}
    status = RestoreSessionStatus.model_validate(
        {
            "conditions": _conditions(conditions),
            "components": named,
        }
    )
    assert phases.restore_session_phase(status) == phase
