"""BackupSessions and Snapshots as they are created at run time."""

import re
from datetime import UTC, datetime
from typing import cast

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash.sessions import backup_session_manifest, snapshot_id, snapshot_manifest

_TICK = 1704281100


def _configuration(name: str = "nfs-pvc-backup", **session: object) -> BackupConfiguration:
    return BackupConfiguration.model_validate(
        {
            "metadata": {"name": name, "namespace": "demo", "uid": "uid-1"},
            "spec": {"sessions": [{"name": "frequent-backup", **session}]},
        }
    )


def _made(configuration: BackupConfiguration, retry_left: int | None = None) -> JsonObject:
    session = configuration.spec.sessions[0]
    return backup_session_manifest(configuration, session, _TICK, retry_left=retry_left)


def _backup_session(uid: str = "uid-2") -> BackupSession:
    made = _made(_configuration())
    metadata = cast("JsonObject", made["metadata"])
    created = datetime.fromtimestamp(_TICK + 3, UTC).isoformat()
    return BackupSession.model_validate(
        {**made, "metadata": {**metadata, "uid": uid, "creationTimestamp": created}}
    )


def _repository(name: str = "gcs-repository", **spec: object) -> Repository:
    app = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "nfs-pvc", "namespace": "demo"}
    return Repository.model_validate(
        {"metadata": {"name": name, "namespace": "demo"}, "spec": {"appRef": app, **spec}}
    )


def test_backup_session_is_the_documented_one() -> None:
    assert _made(_configuration(backupTimeout="1h")) == {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {
            "name": "nfs-pvc-backup-frequent-backup-1704281100",
            "namespace": "demo",
            "labels": {"kubestash.com/invoker-name": "nfs-pvc-backup"},
            "ownerReferences": [
                {
                    "apiVersion": "core.kubestash.com/v1alpha1",
                    "kind": "BackupConfiguration",
                    "name": "nfs-pvc-backup",
                    "uid": "uid-1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "invoker": {
                "apiGroup": "core.kubestash.com",
                "kind": "BackupConfiguration",
                "name": "nfs-pvc-backup",
            },
            "session": "frequent-backup",
            "retryLeft": 0,
            "backupTimeout": "1h",
        },
    }


@pytest.mark.parametrize(
    ("session", "given", "left"),
    [
        ({}, None, 0),
        ({"retryConfig": {}}, None, 1),
        ({"retryConfig": {"maxRetry": 3}}, None, 3),
        ({"retryConfig": {"maxRetry": 3}}, 1, 1),
        ({"retryConfig": {"maxRetry": 3}}, 0, 0),
    ],
)
def test_retries_come_from_the_session_unless_given(
    session: JsonObject, given: int | None, left: int
) -> None:
    spec = cast("JsonObject", _made(_configuration("bc", **session), given)["spec"])
    assert spec["retryLeft"] == left


def test_label_of_a_long_name_is_cut_to_what_a_label_may_be() -> None:
    name = "c" * 60 + "--.tail"
    metadata = cast("JsonObject", _made(_configuration(name))["metadata"])
    assert metadata["labels"] == {"kubestash.com/invoker-name": "c" * 60}


def test_snapshot_is_the_documented_one_and_has_no_owner() -> None:
    made = snapshot_manifest(_backup_session(), _repository())
    Snapshot.model_validate(made)
    spec = cast("JsonObject", made["spec"])
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", str(spec.pop("snapshotID")))
    assert made == {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {
            "name": "gcs-repository-nfs-pvc-backup-frequent-backup-1704281100",
            "namespace": "demo",
            "labels": {
                "kubestash.com/app-ref-kind": "PersistentVolumeClaim",
                "kubestash.com/app-ref-name": "nfs-pvc",
                "kubestash.com/app-ref-namespace": "demo",
                "kubestash.com/repo-name": "gcs-repository",
            },
        },
        "spec": {
            "type": "FullBackup",
            "repository": "gcs-repository",
            "session": "frequent-backup",
            "backupSession": "nfs-pvc-backup-frequent-backup-1704281100",
            "version": "v1",
            "appRef": {
                "apiGroup": "",
                "kind": "PersistentVolumeClaim",
                "name": "nfs-pvc",
                "namespace": "demo",
            },
            "deletionPolicy": "Delete",
            "paused": False,
        },
    }


def test_snapshot_id_is_the_same_whenever_asked_and_differs_between_copies_and_sessions() -> None:
    session = _backup_session()
    assert snapshot_id(session, "a") == snapshot_id(session, "a")
    assert len({snapshot_id(session, "a"), snapshot_id(session, "b")}) == 2
    assert snapshot_id(_backup_session("uid-3"), "a") != snapshot_id(session, "a")


def test_snapshot_ids_sort_by_time() -> None:
    # The first ten digits of a ULID are its milliseconds.
    assert snapshot_id(_backup_session(), "a")[:10] == _crockford((_TICK + 3) * 1000)


def _crockford(number: int) -> str:
    digits = ""
    for _ in range(10):
        number, digit = divmod(number, 32)
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[digit] + digits
    return digits
