"""The verbs with real pods, the real worker and the real restic behind them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stashgen.api import resources as known
from tests.integration.kubectl.terminal import Json, Terminal
from tests.support import manifests
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def _protected(cluster: RealCluster, namespace: str) -> tuple[Terminal, Path]:
    volume = cluster.prepare(namespace)
    (volume / "text").write_text("first", encoding="utf-8")
    (volume / "text").chmod(0o666)
    for obj in manifests.one_volume(namespace):
        cluster.apply(obj)
    cluster.finished_session(namespace, [])
    cluster.keep_up_once(namespace, "local-k3f9q")
    return Terminal(cluster.cluster.kubeconfig, cluster.cluster.clock, namespace), volume


def test_a_volume_is_backed_up_and_restored_from_a_terminal(cluster: RealCluster) -> None:
    kubectl, volume = _protected(cluster, "shop")
    (volume / "text").write_text("second", encoding="utf-8")
    said = kubectl("trigger", "library", "--wait", "--timeout", "5m")
    assert said.code == 0, said
    assert said.out.startswith("backupsession/library-backup-")
    assert said.out.split()[1] == "Succeeded"

    # The worker says so itself; the controller then records the restore point.
    def both() -> list[Json]:
        found: list[Json] = kubectl("snapshots", "library", "-o", "json").json["snapshots"]
        return found if len(found) == 2 else []

    points = cluster.wait("both restore points", both)
    place = cluster.volume("shop", "backup-store") / "dem1/demo/library"
    listed = cluster.restic(place / "repository/v1/backup/dump", "snapshots")
    assert isinstance(listed, list)
    assert {item["id"] for item in listed} == {item["resticID"] for item in points}
    (volume / "text").unlink()
    said = kubectl("restore", "library", "--as-of", points[1]["time"], "--now", "--wait")
    assert said.code == 0, said
    assert (volume / "text").read_text(encoding="utf-8") == "first"
    said = kubectl("restore", "library", "--now", "--wait")
    assert said.code == 0, said
    assert (volume / "text").read_text(encoding="utf-8") == "second"
    said = kubectl("status")
    assert said.code == 0, said
    assert "1 of 1 copy recent enough, 1 of 1 volume backed up, 2 restore points." in said.out


def test_a_written_restore_is_carried_out_once(cluster: RealCluster) -> None:
    kubectl, volume = _protected(cluster, "git")
    said = kubectl("restore", "library")
    request = yaml.safe_load(said.out)
    (volume / "text").write_text("lost", encoding="utf-8")
    cluster.client.create(known.RESTORE_REQUESTS, "git", request)
    name = request["metadata"]["name"]
    cluster.wait(
        "the restore",
        lambda: cluster.status(known.RESTORE_REQUESTS, "git", name).get("phase") == "Succeeded",
    )
    assert (volume / "text").read_text(encoding="utf-8") == "first"
    detail = kubectl("status", "library")
    assert detail.code == 0, detail
    assert f"restorerequest/{name}" in detail.out


def test_the_reason_is_the_workers_and_the_next_command_is_about_the_secret(
    cluster: RealCluster,
) -> None:
    kubectl, _ = _protected(cluster, "keyless")
    cluster.client.delete(known.SECRETS, "keyless", "restic-key")
    said = kubectl("trigger", "library", "--wait", "--timeout", "5m")
    assert said.code == 1, said
    assert " Failed" in said.out
    assert "why: " in said.err
    assert "SecretMissing" in said.err
    said = kubectl("status", "-o", "json")
    (entry,) = said.json["entries"]
    assert entry["next"] == "kubectl describe secret restic-key -n keyless"

    # The kubelet reports the pod's end a moment after the worker has reported the session's.
    def detail() -> str | None:
        out = kubectl("status", "library").out
        return out if "Failed: Error, exit code 1" in out else None

    out = cluster.wait("the pod's exit code", detail)
    assert "SecretMissing: a Secret is missing or lacks a key." in out
