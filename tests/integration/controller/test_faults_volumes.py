"""Volumes that cannot be read or written whole: what docs/faults.md says of them, in real pods."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart, RunError, RunResult
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker
from tests.support.real_cluster import RealCluster

_REPOSITORY = "repo-local"
_CONFIGURATION = "library-backup"
_ENDED = {"Succeeded", "Failed", "Skipped", "Invalid"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def protect(cluster: RealCluster, namespace: str, on_unreadable: str | None = None) -> Path:
    """A volume with a file that the backup's user can read; plain manifests."""
    folder = cluster.prepare(namespace)
    (folder / "good").write_text("precious")
    configuration = manifests.configuration(namespace)
    spec = cast("JsonObject", configuration["spec"])
    for session in cast("list[JsonObject]", spec["sessions"]):
        (task,) = cast("list[JsonObject]", cast("JsonObject", session["addon"])["tasks"])
        if on_unreadable is not None:
            task["params"] = {"onUnreadable": on_unreadable}
    for obj in (
        manifests.storage(namespace),
        manifests.retention(namespace, last=1),
        configuration,
    ):
        cluster.apply(obj)
    return folder


def ended(cluster: RealCluster, resource: Resource, namespace: str, name: str) -> JsonObject:
    def probe() -> JsonObject | None:
        status = cluster.status(resource, namespace, name)
        is_over = any(
            item["type"] == "MetricsPushed"
            for item in cast("list[JsonObject]", status.get("conditions") or [])
        )
        return status if status.get("phase") in _ENDED and is_over else None

    return cluster.wait(f"the end of {name}", probe)


def next_session(cluster: RealCluster, namespace: str, seen: list[str]) -> tuple[str, JsonObject]:
    """The next BackupSession, once it has ended."""

    def probe() -> str | None:
        names = cluster.names(known.BACKUP_SESSIONS, namespace)
        return next((name for name in names if name not in seen), None)

    name = cluster.wait("a session", probe)
    seen.append(name)
    return name, ended(cluster, known.BACKUP_SESSIONS, namespace, name)


def snapshot_of(cluster: RealCluster, namespace: str, session: str) -> tuple[str, JsonObject]:
    name = f"{_REPOSITORY}-{session}"

    def probe() -> JsonObject | None:
        status = cluster.status(known.SNAPSHOTS, namespace, name)
        return status if status.get("phase") in _ENDED and status.get("conditions") else None

    return name, cluster.wait("the Snapshot", probe)


def restore(cluster: RealCluster, namespace: str, name: str, snapshot: str) -> JsonObject:
    cluster.apply(manifests.restore(namespace, name, snapshot=snapshot))
    return ended(cluster, known.RESTORE_SESSIONS, namespace, name)


def make_unreadable(folder: Path) -> None:
    """For the backup's user, who is none of the file's."""
    path = folder / "private.key"
    path.write_text("secret")
    path.chmod(0)


def test_unreadable_files_fail_the_session_and_leave_a_restore_point(cluster: RealCluster) -> None:
    folder = protect(cluster, "fails")
    make_unreadable(folder)
    session, status = next_session(cluster, "fails", [])
    name, snapshot = snapshot_of(cluster, "fails", session)
    assert status["phase"] == "Failed"
    fault("Some files cannot be read").check([status, snapshot])
    (component,) = cast("dict[str, JsonObject]", snapshot["components"]).values()
    assert component["unreadable"] == {"count": 1, "first": ["private.key"]}
    assert conditions(snapshot)["AllFilesRead"]["status"] == "False"

    (folder / "good").unlink()
    assert restore(cluster, "fails", "latest", "latest")["phase"] == "Failed"
    assert not (folder / "good").exists()
    assert restore(cluster, "fails", "named", name)["phase"] == "Succeeded"
    assert (folder / "good").read_text() == "precious"


def test_a_policy_may_accept_unreadable_files_and_keeps_the_last_whole_snapshot(
    cluster: RealCluster,
) -> None:
    folder = protect(cluster, "warns", "warn")
    whole = cluster.finished_session("warns", [])
    make_unreadable(folder)
    seen = [whole]
    for _ in range(2):
        cluster.next_tick("warns", _CONFIGURATION)
        seen.append(cluster.finished_session("warns", seen))
    _, snapshot = snapshot_of(cluster, "warns", seen[-1])
    session = cluster.status(known.BACKUP_SESSIONS, "warns", seen[-1])
    fault("Some files cannot be read, and the policy accepts that").check([session, snapshot])
    # The policy keeps the last one, which lacks a file.
    kept = cluster.names(known.SNAPSHOTS, "warns")
    assert kept == sorted(f"{_REPOSITORY}-{name}" for name in (whole, seen[-1]))

    for name in kept:
        cluster.client.delete(known.SNAPSHOTS, "warns", name)
    note: JsonObject = {"metadata": {"annotations": {"stashgen.dev/resync": "again"}}}
    cluster.client.patch(known.REPOSITORIES, "warns", _REPOSITORY, note)
    _, back = snapshot_of(cluster, "warns", seen[-1])
    assert conditions(back)["AllFilesRead"]["status"] == "False"
    (component,) = cast("dict[str, JsonObject]", back["components"]).values()
    assert component["unreadable"] == {"count": 1, "first": ["private.key"]}


def test_what_belongs_to_the_file_system_or_is_no_file_is_no_failure(cluster: RealCluster) -> None:
    folder = protect(cluster, "odd")
    os.mkfifo(folder / "pipe")
    lost = folder / "lost+found"
    lost.mkdir()
    lost.chmod(0)
    _, status = next_session(cluster, "odd", [])
    fault("Files come and go during a backup").check([status])


def test_a_volume_that_refuses_attributes_is_restored_and_backed_up_again(
    cluster: RealCluster,
) -> None:
    """The claim was made anew, and the kernel lets no pod set the attributes that it had."""
    folder = cluster.prepare("refuses")
    (folder / "good").write_text("precious")
    os.setxattr(folder / "good", "security.other", b"label")
    for obj in manifests.one_volume("refuses"):
        cluster.apply(obj)
    seen = [cluster.finished_session("refuses", [])]
    (repository,) = cluster.names(known.REPOSITORIES, "refuses")
    cluster.client.delete(known.PERSISTENT_VOLUME_CLAIMS, "refuses", "library")
    cluster.wait("the claim's end", lambda: "library" not in claims(cluster, "refuses"))
    shutil.rmtree(folder, ignore_errors=True)
    cluster.apply(manifests.claim("refuses", "library"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)

    cluster.apply(manifests.restore("refuses", "back", repository=repository))
    status = ended(cluster, known.RESTORE_SESSIONS, "refuses", "back")
    fault("The volume of a restore refuses owners, modes or attributes").check([status])
    (component,) = cast("dict[str, JsonObject]", status["components"]).values()
    assert component["metadataRefused"] == {"count": 1, "first": ["good"]}
    assert (folder / "good").read_text() == "precious"
    cluster.next_tick("refuses", "library")
    assert cluster.finished_session("refuses", seen)


def claims(cluster: RealCluster, namespace: str) -> list[str]:
    return cluster.names(known.PERSISTENT_VOLUME_CLAIMS, namespace)


def test_a_volume_that_is_too_small_is_not_the_storage(harness: Harness) -> None:
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    harness.settle(work=small_volume)
    harness.apply(manifests.restore("demo", "back"))
    harness.settle(work=small_volume)
    status = harness.status(known.RESTORE_SESSIONS, "demo", "back")
    fault("The volume of a restore is too small").check([status])
    assert conditions(status)["RestoredInPart"]["status"] == "True"


def small_volume(harness: Harness, job: JsonObject, plan: object) -> RunResult:
    """Has no room for what is restored."""
    del plan
    if plan_of(job).verb is not Verb.RESTORE:
        return good_worker(harness, job, plan_of(job))
    said = "restic restore: There were 1 errors; write /kubestash-data/a: no space left on device"
    return RunResult(
        verb=Verb.RESTORE.value,
        phase=Phase.FAILED,
        error=RunError(reason=ErrorClass.TARGET_FULL, message=said),
        restored=RestoredPart(files=135, total_files=200),
        started=harness.clock.now() - timedelta(seconds=1),
        finished=harness.clock.now(),
    )
