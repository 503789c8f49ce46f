"""The way back from a disaster by the commands of docs/restore.md, with real pods and restic."""

import re
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.labels import ADOPT_ANNOTATION
from tests.integration.kubectl.terminal import Terminal
from tests.support import manifests
from tests.support.harness import conditions, metadata, name_of
from tests.support.readme import commands_below
from tests.support.real_cluster import RealCluster

SPACE, REPOSITORY = "shop", "local-k3f9q"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    found = RealCluster(tmp_path / "cluster")
    yield found
    found.stop()


class Volume:
    """A volume that was backed up twice, in one cluster after the other.

    Attributes:
        files: What the last backup has.
        bucket: The storage's folder.
    """

    def __init__(self, cluster: RealCluster) -> None:
        self.cluster = cluster
        folder = cluster.prepare(SPACE)
        self.bucket = cluster.volume(SPACE, "backup-store")
        self.write("first")
        self._sync()
        sessions = [cluster.finished_session(SPACE, [])]
        self.write("second")
        cluster.next_tick(SPACE, "library")
        cluster.finished_session(SPACE, sessions)
        self.files = contents(folder)
        self.snapshots = cluster.names(known.SNAPSHOTS, SPACE)
        self.statuses = [self._snapshot(name) for name in self.snapshots]

    def move_to(self, cluster: RealCluster) -> None:
        """The same Git and the same bucket in a cluster that has neither namespace nor volume."""
        self.cluster = cluster
        cluster.prepare(SPACE)
        cluster.volume(SPACE, "backup-store").symlink_to(self.bucket)
        self._sync()

    def lose_the_namespace(self) -> None:
        """Delete it with its volumes, and have Git applied again; the storage's data survives."""
        cluster = self.cluster
        cluster.client.delete(known.NAMESPACES, None, SPACE)
        cluster.wait(
            "the namespace's end",
            lambda: SPACE not in map(name_of, cluster.client.list(known.NAMESPACES)[0]),
        )
        shutil.rmtree(cluster.volume(SPACE, "library"))
        cluster.prepare(SPACE)
        self._sync()

    def run(self, *titles: str) -> None:
        """The commands below some headings, as a person would type them."""
        kubectl = Terminal(self.cluster.cluster.kubeconfig, self.cluster.cluster.clock, None)
        for title in titles:
            for words in commands_below("docs/restore.md", title):
                if words[:2] == ["kubectl", "stashgen"]:
                    said = kubectl(*words[2:])
                    assert said.code == (1 if "status" in words else 0), (words, said)
                    self.said = said.out
                elif words[1] == "wait":
                    (type_,) = re.findall(r"--for=condition=(\w+)", " ".join(words))
                    self.cluster.wait(type_, partial(self.are_all, type_))
                else:
                    assert words[1] == "annotate", words
                    key, _, value = words[-1].partition("=")
                    body: JsonObject = {"metadata": {"annotations": {key: value}}}
                    # The page's has the hash of another volume.
                    assert words[3].startswith("local-"), words
                    self.cluster.client.patch(known.REPOSITORIES, SPACE, REPOSITORY, body)

    def are_all(self, type_: str) -> bool:
        """Whether a condition of every Repository is True."""
        found = self.cluster.items(known.REPOSITORIES, SPACE)
        return bool(found) and all(
            conditions(cast("JsonObject", item.get("status") or {}))
            .get(type_, {}).get("status") == "True"
            for item in found
        )  # fmt: skip

    def restored(self) -> Mapping[str, bytes]:
        """What is in the volume now."""
        return contents(self.cluster.volume(SPACE, "library"))

    def repository(self) -> JsonObject:
        return self.cluster.status(known.REPOSITORIES, SPACE, REPOSITORY)

    def check_history(self) -> None:
        """The Snapshots that came back are what they were."""
        self.cluster.wait(
            "the Snapshots",
            lambda: set(self.snapshots) <= set(self.cluster.names(known.SNAPSHOTS, SPACE)),
        )
        for name, before in zip(self.snapshots, self.statuses, strict=True):
            now = self.cluster.wait(name, partial(self._finished, name))
            for field in ("phase", "totalComponents"):
                assert now[field] == before[field], field
            assert restic_ids(now) == restic_ids(before)

    def fails_to_back_up(self) -> str:
        """The next tick's reason to fail."""
        self._wait_until_scheduled()
        known_ones = set(self.cluster.names(known.BACKUP_SESSIONS, SPACE))
        self.cluster.next_tick(SPACE, "library")

        def probe() -> str | None:
            new = set(self.cluster.names(known.BACKUP_SESSIONS, SPACE)) - known_ones
            for name in new:
                session = self.cluster.status(known.BACKUP_SESSIONS, SPACE, name)
                if session.get("duration") and session["phase"] == "Failed":
                    return str(self._snapshot(f"{REPOSITORY}-{name}"))
            return None

        return self.cluster.wait("the failed session", probe)

    def backs_up(self) -> None:
        """The next tick's backup and its retention are good."""
        self._wait_until_scheduled()
        known_ones = self.cluster.names(known.BACKUP_SESSIONS, SPACE)
        self.cluster.next_tick(SPACE, "library")
        self.cluster.finished_session(SPACE, known_ones)

    def _snapshot(self, name: str) -> JsonObject:
        return self.cluster.status(known.SNAPSHOTS, SPACE, name)

    def _wait_until_scheduled(self) -> None:
        kind = known.BACKUP_CONFIGURATIONS
        self.cluster.wait(
            "the schedule",
            lambda: self.cluster.status(kind, SPACE, "library").get("phase") == "Ready",
        )

    def _finished(self, name: str) -> JsonObject | None:
        found = self._snapshot(name)
        return found if found.get("phase") else None

    def _sync(self) -> None:
        for obj in manifests.one_volume(SPACE):
            self.cluster.apply(obj)

    def write(self, text: str) -> None:
        """Change all files."""
        folder = self.cluster.volume(SPACE, "library")
        for name in ("a.txt", "deep/b.txt"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name}: {text}\n" * 100, encoding="utf-8")
        for path in folder.rglob("*"):
            path.chmod(0o777 if path.is_dir() else 0o666)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def restic_ids(snapshot: JsonObject) -> list[str]:
    component = cast("dict[str, JsonObject]", snapshot["components"])["dump"]
    stats = cast("list[dict[str, JsonObject]]", component["resticStats"])
    return [str(item["summary"]["id"]) for item in stats]


def test_a_deleted_namespace_comes_back_by_the_documented_commands(cluster: RealCluster) -> None:
    volume = Volume(cluster)
    volume.lose_the_namespace()
    assert volume.restored() == {}
    cluster.wait("the resync", lambda: volume.are_all("SnapshotsResynced"))
    # Nothing is backed up meanwhile.
    assert "RestoreExpected" in volume.fails_to_back_up()
    volume.run("A namespace was deleted")
    assert volume.restored() == volume.files
    volume.check_history()
    # The guard is gone, and the history goes on.
    cluster.wait(
        "the end of the guard", lambda: "RestoreExpected" not in conditions(volume.repository())
    )
    volume.backs_up()

    # Objects that somebody deletes come back too.
    for name in cluster.names(known.SNAPSHOTS, SPACE):
        cluster.client.delete(known.SNAPSHOTS, SPACE, name)
    volume.run("Snapshots are missing in the cluster")
    cluster.wait("the Snapshots", lambda: len(cluster.names(known.SNAPSHOTS, SPACE)) == 2)


def test_status_does_not_call_a_lost_volume_backed_up(cluster: RealCluster) -> None:
    volume = Volume(cluster)
    volume.lose_the_namespace()
    cluster.wait("the resync", lambda: volume.are_all("SnapshotsResynced"))
    volume.check_history()
    kubectl = Terminal(cluster.cluster.kubeconfig, cluster.cluster.clock, SPACE)
    said = kubectl("status")
    assert said.code == 1
    assert "RestoreExpected" in said.out
    assert "0 of 1 volume backed up, 2 restore points" in said.out
    assert "kubectl stashgen restore library -n shop" in said.out


def test_a_rebuilt_cluster_takes_over_and_the_old_one_does_not_write(
    cluster: RealCluster, tmp_path: Path
) -> None:
    volume = Volume(cluster)
    rebuilt = RealCluster(tmp_path / "rebuilt")
    try:
        volume.move_to(rebuilt)
        volume.run("A namespace was deleted")
        assert volume.restored() == volume.files
        volume.check_history()
        volume.backs_up()
        bucket = {
            name: data for name, data in contents(volume.bucket).items() if "/locks/" not in name
        }

        # The old one is started again.
        volume.cluster = cluster
        assert "RestoreExpected" in volume.fails_to_back_up()
        cluster.wait(
            "the old cluster's guard",
            lambda: "RestoreExpected" in conditions(volume.repository()),
        )
        after = {
            name: data for name, data in contents(volume.bucket).items() if "/locks/" not in name
        }
        assert after == bucket
    finally:
        rebuilt.stop()


def test_a_volume_that_begins_anew_is_acknowledged_and_backed_up(cluster: RealCluster) -> None:
    volume = Volume(cluster)
    old = metadata(cluster.client.get(known.PERSISTENT_VOLUME_CLAIMS, SPACE, "library"))["uid"]
    volume.lose_the_namespace()
    cluster.wait("the resync", lambda: volume.are_all("SnapshotsResynced"))
    message = str(conditions(volume.repository())["RestoreExpected"]["message"])
    assert f"{ADOPT_ANNOTATION}={old}" in message

    def acknowledge(uid: object) -> None:
        body: JsonObject = {"metadata": {"annotations": {ADOPT_ANNOTATION: str(uid)}}}
        cluster.client.patch(known.BACKUP_CONFIGURATIONS, SPACE, "library", body)

    acknowledge("0ddba115-0000-4000-8000-000000000000")
    assert "RestoreExpected" in volume.fails_to_back_up()
    acknowledge(old)
    # Retention has a guard of its own against a volume that shrank.
    volume.write("other data")
    volume.backs_up()
    cluster.wait(
        "the end of the guard", lambda: "RestoreExpected" not in conditions(volume.repository())
    )
