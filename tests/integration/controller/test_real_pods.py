"""Both paths with real pods, the real worker and the real restic, on a clock that is moved."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.support import manifests
from tests.support.harness import conditions
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def write_tree(folder: Path, text: str) -> None:
    for name in ("a.txt", "deep/b.txt", "deep/er/c.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}: {text}\n" * 50, encoding="utf-8")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def read_tree(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def plain(namespace: str) -> list[JsonObject]:
    return [
        manifests.storage(namespace),
        manifests.retention(namespace),
        manifests.configuration(namespace),
    ]


@pytest.mark.parametrize(
    ("path", "configuration", "repository", "directory"),
    [
        ("compiled", "library", "local-k3f9q", "dem1/demo/library"),
        ("plain", "library-backup", "repo-local", "plain/library/local"),
    ],
)
def test_a_volume_is_protected_lost_and_recovered(
    cluster: RealCluster, path: str, configuration: str, repository: str, directory: str
) -> None:
    volume = cluster.prepare(path)
    write_tree(volume, "first")
    objects = manifests.one_volume(path) if path == "compiled" else plain(path)
    for obj in objects:
        cluster.apply(obj)
    sessions = [cluster.finished_session(path, [])]
    first = read_tree(volume)
    for text in ("second", "third"):
        write_tree(volume, text)
        cluster.next_tick(path, configuration)
        sessions.append(cluster.finished_session(path, sessions))
    last = read_tree(volume)
    assert first != last

    # Retention kept two, in the objects, in the bucket's records and in restic itself.
    snapshots = [f"{repository}-{name}" for name in sessions[1:]]
    assert cluster.names(known.SNAPSHOTS, path) == sorted(snapshots)
    place = cluster.volume(path, "backup-store") / directory
    assert sorted(item.stem for item in (place / "snapshots").iterdir()) == sorted(snapshots)
    listed = cast("list[object]", cluster.restic(place / "repository/v1/backup/dump", "snapshots"))
    assert len(listed) == 2

    for item in volume.rglob("*"):
        if item.is_file():
            item.unlink()
    cluster.apply(manifests.restore(path, "back", repository=repository))
    phase = cluster.wait(
        "the restore", lambda: cluster.status(known.RESTORE_SESSIONS, path, "back").get("duration")
    )
    assert phase
    status = cluster.status(known.RESTORE_SESSIONS, path, "back")
    assert status["phase"] == "Succeeded", status
    assert read_tree(volume) == last
    for name in sessions:
        assert cluster.status(known.BACKUP_SESSIONS, path, name)["phase"] == "Succeeded"


def test_children_of_a_deleted_configuration_are_collected(cluster: RealCluster) -> None:
    volume = cluster.prepare("gone")
    write_tree(volume, "once")
    for obj in plain("gone"):
        cluster.apply(obj)
    name = cluster.finished_session("gone", [])
    cluster.client.delete(known.BACKUP_CONFIGURATIONS, "gone", "library-backup")
    cluster.wait(
        "the garbage collector",
        lambda: (
            not cluster.names(known.CRON_JOBS, "gone")
            and not cluster.names(known.BACKUP_SESSIONS, "gone")
        ),
    )
    assert cluster.names(known.REPOSITORIES, "gone") == ["repo-local"]
    assert cluster.names(known.SNAPSHOTS, "gone") == [f"repo-local-{name}"]


def test_a_missing_key_is_named_and_mended_without_a_restart(cluster: RealCluster) -> None:
    volume = cluster.prepare("keyless")
    write_tree(volume, "once")
    secret = cluster.client.get(known.SECRETS, "keyless", "restic-key")
    cluster.client.delete(known.SECRETS, "keyless", "restic-key")
    for obj in plain("keyless"):
        cluster.apply(obj)

    def message() -> str | None:
        status = cluster.status(known.REPOSITORIES, "keyless", "repo-local")
        initialized = conditions(status).get("RepositoryInitialized", {})
        text = str(initialized.get("message"))
        return text if initialized.get("status") == "False" else None

    assert "SecretMissing" in cluster.wait("the failure's name", message)
    metadata: JsonObject = {"name": "restic-key", "namespace": "keyless"}
    cluster.client.create(known.SECRETS, "keyless", {**secret, "metadata": metadata})
    assert cluster.finished_session("keyless", [])
