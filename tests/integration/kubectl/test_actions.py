"""``trigger``, ``snapshots`` and ``restore`` against the real reconcilers."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from stashgen.api import resources as known
from stashgen.api.restore_request import RestoreRequest
from stashgen.kubestash.verbs import Verb
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from tests.integration.kubectl.terminal import Terminal
from tests.support import manifests
from tests.support.harness import Harness, failing_worker, good_worker, metadata

_DENIED = RunError(reason=ErrorClass.ACCESS_DENIED, message="the key may not write")


@pytest.fixture(autouse=True)
def _protected(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=30))


def test_trigger_makes_what_the_cronjob_makes(harness: Harness, kubectl: Terminal) -> None:
    said = kubectl("trigger", "library")
    name = f"library-backup-{int(harness.clock.now().timestamp())}"
    assert (said.code, said.out, said.err) == (0, f"backupsession/{name} created\n", "")
    made = harness.get(known.BACKUP_SESSIONS, "demo", name)
    harness.client.delete(known.BACKUP_SESSIONS, "demo", name)
    assert harness.trigger(configuration="library") == name
    same = harness.get(known.BACKUP_SESSIONS, "demo", name)
    assert made["spec"] == same["spec"]
    for field in ("labels", "ownerReferences"):
        assert metadata(made)[field] == metadata(same)[field]
    harness.settle(work=good_worker)
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"


def test_trigger_takes_the_volumes_name_and_meets_a_tick_of_the_same_second(
    harness: Harness, kubectl: Terminal
) -> None:
    name = harness.trigger(configuration="library")
    said = kubectl("trigger", "library", "--session", "backup")
    assert (said.code, said.out) == (0, f"backupsession/{name} created\n")


def test_trigger_refuses_what_would_be_skipped(harness: Harness, kubectl: Terminal) -> None:
    harness.client.patch(known.BACKUP_CONFIGURATIONS, "demo", "library", {"spec": {"paused": True}})
    before = harness.names(known.BACKUP_SESSIONS, "demo")
    said = kubectl("trigger", "library")
    assert (said.code, said.out) == (1, "")
    assert said.err == "BackupConfiguration library is paused; nothing was created\n"
    assert harness.names(known.BACKUP_SESSIONS, "demo") == before


def test_trigger_of_a_session_that_is_not_there_says_which_are(kubectl: Terminal) -> None:
    said = kubectl("trigger", "library", "--session", "nightly")
    assert said.code == 2
    assert said.err == (
        'stashgen: BackupConfiguration library has no session "nightly"; it has backup\n'
    )


def test_snapshots_are_newest_first_with_what_retention_does(
    harness: Harness, kubectl: Terminal
) -> None:
    for _ in range(2):
        harness.advance(timedelta(hours=1))
        harness.trigger(configuration="library")
        harness.settle(work=good_worker)
    # Retention kept two; one more is there before it is applied again.
    harness.advance(timedelta(hours=1))
    harness.trigger(configuration="library")
    harness.run_until(Verb.RETAIN)
    data = kubectl("snapshots", "library", "-o", "json").json["snapshots"]
    assert [item["retention"] for item in data] == ["kept", "kept", "removed next"]
    assert [item["time"] for item in data] == sorted((i["time"] for i in data), reverse=True)
    assert {item["resticID"] for item in data} == {"ab" * 32}
    said = kubectl("snapshots")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["NAME", "TIME", "AGE", "PHASE"]
    assert [line.split()[0] for line in lines[1:]] == [item["name"] for item in data]
    assert "abababab " in lines[1]


def test_restore_writes_a_request_that_the_cluster_takes(
    harness: Harness, kubectl: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "restore.yaml"
    said = kubectl("restore", "library", "--reason", "TICKET-1", "-f", str(path))
    assert (said.code, said.out) == (0, "")
    assert said.err.endswith("into demo/library; commit it\n")
    text = path.read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    request = RestoreRequest.model_validate(written)
    (point,) = harness.names(known.SNAPSHOTS, "demo")
    assert request.spec.snapshot == point
    assert request.spec.repository == "local-k3f9q"
    assert request.spec.not_after == harness.clock.now() + timedelta(hours=24)
    assert request.spec.reason == "TICKET-1"
    annotations = written["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    stored = harness.client.create(known.RESTORE_REQUESTS, "demo", written)
    assert stored["spec"] == written["spec"]
    # Another restore is another file, and another act.
    again = kubectl("restore", "library", "-f", str(path))
    assert again.code == 2
    assert "already exists" in again.err
    other = yaml.safe_load(kubectl("restore", "library").out)
    assert other["spec"]["nonce"] != written["spec"]["nonce"]


def test_restore_chooses_by_time(harness: Harness, kubectl: Terminal) -> None:
    (first,) = harness.names(known.SNAPSHOTS, "demo")
    harness.trigger(configuration="library")
    harness.settle(work=good_worker)
    said = kubectl("restore", "library", "--as-of", "2026-03-01T12:10Z")
    assert yaml.safe_load(said.out)["spec"]["snapshot"] == first
    said = kubectl("restore", "library", "--as-of", "2026-03-01T11:00Z")
    assert (said.code, said.out) == (1, "")
    assert "no good restore point taken by 2026-03-01 11:00:00Z" in said.err


def test_restore_of_what_is_not_there_yet_can_wait_for_it(kubectl: Terminal) -> None:
    wanted = ("restore", "library", "--snapshot", "of-tomorrow")
    assert kubectl(*wanted).code == 1
    said = kubectl(*wanted, "--wait-for-snapshot", "--to", "other")
    spec = yaml.safe_load(said.out)["spec"]
    assert (spec["snapshot"], spec["onMissing"]) == ("of-tomorrow", "Wait")
    assert spec["target"] == {"name": "other"}
    assert "PersistentVolumeClaim other does not exist" in said.err


def test_restore_now_makes_a_session_that_is_carried_out(
    harness: Harness, kubectl: Terminal
) -> None:
    said = kubectl("restore", "library", "--now")
    assert said.code == 0
    name = said.out.removeprefix("restoresession/").removesuffix(" created\n")
    harness.settle(work=good_worker)
    assert harness.status(known.RESTORE_SESSIONS, "demo", name)["phase"] == "Succeeded"


def test_what_waits_is_followed_to_its_end(harness: Harness, kubectl: Terminal) -> None:
    harness.trigger(configuration="library")
    harness.settle(work=failing_worker(_DENIED, Verb.BACKUP))
    # The session of this second is there and has failed.
    said = kubectl("trigger", "library", "--wait")
    assert said.code == 1
    assert "Failed" in said.out
    assert "AccessDenied: the key may not write" in said.err


def test_waiting_ends_with_its_time(kubectl: Terminal) -> None:
    said = kubectl("trigger", "library", "--wait", "--timeout", "1ms")
    assert said.code == 2
    assert "is still Pending after 0 seconds; it continues without this command" in said.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ["--now", "--reason", "x"],
            "--reason applies only to RestoreRequests and cannot be combined with --now",
        ),
        (
            ["--now", "--only-if-empty", "-f", "x"],
            "--file, --only-if-empty apply only to RestoreRequests",
        ),
        (["--wait"], "--wait requires --now"),
        (["--repository", "s3"], 'has no Repository "s3"; it has local-k3f9q'),
    ],
)
def test_restore_refuses_flags_that_do_not_go_together(
    kubectl: Terminal, arguments: list[str], why: str
) -> None:
    said = kubectl("restore", "library", *arguments)
    assert (said.code, said.out) == (2, "")
    assert why in said.err


def test_a_volume_without_a_configuration_is_still_restored(
    harness: Harness, kubectl: Terminal
) -> None:
    harness.delete(known.BACKUP_CONFIGURATIONS, "demo", "library")
    harness.settle(work=good_worker)
    said = kubectl("restore", "library")
    assert said.code == 0
    assert yaml.safe_load(said.out)["spec"]["repository"] == "local-k3f9q"
    said = kubectl("status", "library")
    assert said.code == 1
    assert "PersistentVolumeClaim library: no BackupConfiguration targets it" in said.out
    assert "configuration  none: it is not backed up any more" in said.out
    said = kubectl("trigger", "library")
    assert said.code == 1
