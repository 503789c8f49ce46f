"""Both paths on the embedded cluster with real pods, the copies in a bucket of a real server."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.api_contract.s3.project import keys_secret, rendered
from tests.support import manifests
from tests.support.gateway import BUCKET, READER, WRITER, Gateway
from tests.support.harness import conditions
from tests.support.real_cluster import RealCluster

_SECRET = "backup-s3"
_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: far}
spec:
  namespace: compiled
  backend:
    provider: s3
    s3: {bucket: BUCKET, prefix: "PREFIX", endpoint: "ENDPOINT"}
  credentials: {from: Namespace, secretName: backup-s3}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {volumes: {names: [library]}}
  sessions:
  - {name: backup, every: 1h, timeout: 1h, copies: [{storage: far, keep: {last: 2}}]}
"""
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: compiled}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def _plain(namespace: str, gateway: Gateway) -> list[JsonObject]:
    """As KubeStash's guides write it, the prefix with a slash in front."""
    storage = manifests.storage(namespace)
    spec = cast("JsonObject", storage["spec"])
    spec["storage"] = {
        "provider": "s3",
        "s3": {
            "endpoint": gateway.url,
            "bucket": BUCKET,
            "prefix": f"/{gateway.prefix}",
            "secretName": _SECRET,
        },
    }
    return [storage, manifests.retention(namespace), manifests.configuration(namespace)]


def _write_tree(folder: Path, text: str) -> Mapping[str, bytes]:
    for name in ("a.txt", "deep/b.txt", "deep/er/c.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}: {text}\n" * 50, encoding="utf-8")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return _read_tree(folder)


def _read_tree(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("path", "configuration", "storage", "directory"),
    [
        ("compiled", "library", "far", "compiled/library"),
        ("plain", "library-backup", "local", "plain/library/local"),
    ],
)
def test_a_volume_is_protected_lost_and_recovered(
    cluster: RealCluster,
    gateway: Gateway,
    tmp_path: Path,
    path: str,
    configuration: str,
    storage: str,
    directory: str,
) -> None:
    volume = cluster.prepare(path)
    first = _write_tree(volume, "first")
    cluster.apply(keys_secret(path, _SECRET, gateway.secret()))
    objects = (
        rendered(tmp_path, gateway, BUCKET, policies=_POLICIES, claims=_CLAIM)
        if path == "compiled"
        else _plain(path, gateway)
    )
    assert WRITER[1] not in str(objects)
    for obj in objects:
        cluster.apply(obj)
    sessions = [cluster.finished_session(path, [])]
    last = first
    for text in ("second", "third"):
        last = _write_tree(volume, text)
        cluster.next_tick(path, configuration)
        sessions.append(cluster.finished_session(path, sessions))
    assert first != last
    assert cluster.status(known.BACKUP_STORAGES, path, storage)["phase"] == "Ready"

    # Retention kept two, in the objects, in the bucket's records and in restic itself.
    (repository,) = cluster.names(known.REPOSITORIES, path)
    snapshots = sorted(f"{repository}-{name}" for name in sessions[1:])
    assert cluster.names(known.SNAPSHOTS, path) == snapshots
    place = gateway.files / directory
    assert sorted(item.stem for item in (place / "snapshots").iterdir()) == snapshots
    listed = cast("list[object]", cluster.restic(place / "repository/v1/backup/dump", "snapshots"))
    assert len(listed) == 2

    for item in volume.rglob("*"):
        if item.is_file():
            item.unlink()
    cluster.apply(manifests.restore(path, "back", repository=repository))
    cluster.wait(
        "the restore", lambda: cluster.status(known.RESTORE_SESSIONS, path, "back").get("duration")
    )
    status = cluster.status(known.RESTORE_SESSIONS, path, "back")
    assert status["phase"] == "Succeeded", status
    assert _read_tree(volume) == last


@pytest.mark.parametrize(
    ("name", "keys", "reason"),
    [
        ("absent", None, "SecretMissing"),
        ("wrong", (WRITER[0], "wrong"), "AccessDenied"),
        ("reader", READER, "AccessDenied"),
    ],
)
def test_a_storage_whose_keys_do_not_open_it_says_so(
    cluster: RealCluster,
    gateway: Gateway,
    name: str,
    keys: tuple[str, str] | None,
    reason: str,
) -> None:
    cluster.prepare(name)
    if keys is not None:
        cluster.apply(keys_secret(name, _SECRET, gateway.secret(keys)))
    for obj in _plain(name, gateway):
        cluster.apply(obj)

    def message() -> str | None:
        status = cluster.status(known.BACKUP_STORAGES, name, "local")
        initialized = conditions(status).get("BackendInitialized", {})
        return str(initialized["message"]) if initialized.get("status") == "False" else None

    assert cluster.wait("the failure's name", message).startswith(f"{reason}: ")
    assert cluster.status(known.BACKUP_STORAGES, name, "local")["phase"] == "NotReady"
    if keys is None:
        cluster.apply(keys_secret(name, _SECRET, gateway.secret()))
        cluster.wait(
            "the storage",
            lambda: cluster.status(known.BACKUP_STORAGES, name, "local").get("phase") == "Ready",
        )


def test_a_server_that_was_away_is_used_again(cluster: RealCluster, gateway: Gateway) -> None:
    volume = cluster.prepare("away")
    _write_tree(volume, "first")
    cluster.apply(keys_secret("away", _SECRET, gateway.secret()))
    for obj in _plain("away", gateway):
        cluster.apply(obj)
    first = cluster.finished_session("away", [])

    def failed() -> JsonObject | None:
        """The Snapshot that was not made; the worker's word on its session comes before it."""
        for item in cluster.items(known.SNAPSHOTS, "away"):
            status = cast("JsonObject", item.get("status") or {})
            if status.get("phase") == "Failed":
                return item
        return None

    gateway.stop()
    try:
        cluster.next_tick("away", "library-backup")
        snapshot = cluster.wait("the session without a server", failed)
    finally:
        gateway.start()
    assert "Unavailable: " in str(snapshot)
    assert "Connection refused" in str(snapshot)

    _write_tree(volume, "second")
    cluster.next_tick("away", "library-backup")
    second = cast("JsonObject", snapshot["spec"])["backupSession"]
    assert cluster.status(known.BACKUP_SESSIONS, "away", str(second))["phase"] == "Failed"
    assert cluster.finished_session("away", [first, str(second)])
