"""``kubectl stashgen status`` over what the real reconcilers made of failures."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from tests.integration.kubectl.terminal import Terminal
from tests.support import manifests
from tests.support.harness import Harness, failing_worker, good_worker, name_of

_AWAY = RunError(reason=ErrorClass.UNAVAILABLE, message="connection refused")


def _protect(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)


def test_a_namespace_that_is_well_needs_nobody(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    said = kubectl("status")
    assert (said.code, said.err) == (0, "")
    assert "nothing needs attention" in said.out
    assert said.out.endswith(
        "1 of 1 copy recent enough, 1 of 1 volume backed up, 1 restore point.\n"
    )


def test_a_namespace_that_does_not_exist_is_an_error(harness: Harness, kubectl: Terminal) -> None:
    harness.apply(manifests.namespace("shop"))
    for verb in ("status", "snapshots"):
        said = kubectl(verb, "-n", "shoop")
        assert (said.code, said.out) == (2, "")
        assert said.err == 'stashgen: there is no namespace "shoop"; did you mean shop?\n'


def test_a_namespace_without_anything_is_no_success(harness: Harness, kubectl: Terminal) -> None:
    harness.apply(manifests.namespace("shop"))
    said = kubectl("status", "-n", "shop")
    assert said.code == 1
    assert "namespace shop, 2026-03-01 12:00:00Z: nothing is backed up" in said.out
    assert kubectl("status", "-n", "shop", "-o", "json").json["isWell"] is False
    assert kubectl("snapshots", "-n", "shop").code == 1


def test_before_its_first_backup_a_volume_is_not_backed_up(
    harness: Harness, kubectl: Terminal
) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.run_until(Verb.BACKUP)
    for arguments in (["status"], ["status", "-A"]):
        said = kubectl(*arguments)
        assert said.code == 1
        assert "WITHOUT A BACKUP (1)  there is no good backup yet" in said.out
        assert said.out.endswith(
            "0 of 1 copy recent enough, 0 of 1 volume backed up, 0 restore points.\n"
        )
    said = kubectl("status", "library")
    assert said.code == 1
    assert "1.  session backup in local-k3f9q has no backup yet: BackupSession" in said.out
    harness.settle(work=good_worker)
    assert [kubectl(*arguments).code for arguments in (["status"], ["status", "library"])] == [0, 0]


def _quiet(_harness: Harness) -> None:
    """Nothing happens."""


def _late(harness: Harness) -> None:
    harness.advance(timedelta(hours=9))


def _storage_gone(harness: Harness) -> None:
    harness.delete(known.BACKUP_STORAGES, "demo", "local")
    excused = {"metadata": {"annotations": {"stashgen.dev/opt-out": "the old storage's"}}}
    harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", "backup-store", excused)


def _repository_refused(harness: Harness) -> None:
    patch: JsonObject = {"spec": {"deletionPolicy": "WipeOut"}}
    harness.client.patch(known.REPOSITORIES, "demo", "local-k3f9q", patch)


def _claim_gone(harness: Harness) -> None:
    harness.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library")


def _changed_and_not_looked_at(harness: Harness) -> None:
    harness.settle(work=good_worker)
    patch: JsonObject = {"spec": {"paused": True}}
    harness.client.patch(known.BACKUP_CONFIGURATIONS, "demo", "library", patch)


def _restored_elsewhere(harness: Harness) -> None:
    harness.apply(manifests.claim("demo", "copy"))
    excused = {"metadata": {"annotations": {"stashgen.dev/opt-out": "a copy"}}}
    harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", "copy", excused)
    restore = manifests.restore("demo", "away", claim="copy", repository="local-k3f9q")
    harness.apply(restore)
    harness.settle(work=failing_worker(_AWAY, Verb.RESTORE))
    harness.advance(timedelta(minutes=1))
    harness.apply(manifests.restore("demo", "home", repository="local-k3f9q"))


def _configuration_gone(harness: Harness) -> None:
    harness.delete(known.BACKUP_CONFIGURATIONS, "demo", "library")
    harness.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library")


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (_quiet, 0),
        (_late, 1),
        (_storage_gone, 1),
        (_repository_refused, 1),
        (_claim_gone, 1),
        (_changed_and_not_looked_at, 1),
        (_restored_elsewhere, 1),
        (_configuration_gone, 1),
    ],
)
def test_the_screen_of_all_and_that_of_one_volume_agree(
    harness: Harness, kubectl: Terminal, happens: Callable[[Harness], None], code: int
) -> None:
    _protect(harness)
    happens(harness)
    if happens is not _changed_and_not_looked_at:
        harness.settle(work=good_worker)
    everything = kubectl("status", "-A", "-o", "json")
    one = kubectl("status", "library", "-o", "json")
    assert (everything.code, one.code) == (code, code), (everything.out, one.out)
    findings = [
        entry["why"]
        for entry in everything.json["entries"]
        if entry["section"] not in {"paused", "running"}
    ]
    problems = one.json["problems"]
    assert len(problems) == len(findings)
    assert all(why in problem for why, problem in zip(findings, problems, strict=True))


def test_a_failed_backup_is_told_with_its_reason_before_it_is_late(
    harness: Harness, kubectl: Terminal
) -> None:
    _protect(harness)
    harness.advance(timedelta(minutes=50))
    harness.trigger(configuration="library")
    harness.settle(work=failing_worker(_AWAY, Verb.BACKUP))
    said = kubectl("status", "-o", "json")
    assert said.code == 1
    (entry,) = said.json["entries"]
    assert entry["section"] == "failed"
    assert entry["kind"] == "BackupSession"
    assert "Unavailable: connection refused" in entry["why"]
    assert entry["next"] == "kubectl stashgen trigger library -n demo --wait"


def test_late_is_what_the_metric_says_and_the_reason_is_the_last_runs(
    harness: Harness, kubectl: Terminal
) -> None:
    _protect(harness)
    for _ in range(3):
        harness.advance(timedelta(minutes=50))
        harness.trigger(configuration="library")
        harness.settle(work=failing_worker(_AWAY, Verb.BACKUP))
    said = kubectl("status")
    assert said.code == 1
    assert "LATE (1)" in said.out
    assert "Unavailable: connection refused" in said.out
    assert "FAILED" not in said.out
    (met,) = [
        item
        for item in of_cluster(harness.reader, harness.clock.now())
        if item.name == "stashgen_recovery_point_objective_met"
    ]
    assert [figure for _, figure in met.samples] == [0]


def test_a_paused_configuration_is_named_and_is_late_because_of_it(
    harness: Harness, kubectl: Terminal
) -> None:
    _protect(harness)
    patch = {"spec": {"paused": True}}
    harness.client.patch(known.BACKUP_CONFIGURATIONS, "demo", "library", patch)
    harness.settle(work=good_worker)
    assert kubectl("status").code == 0
    assert "PAUSED (1)" in kubectl("status").out
    harness.advance(timedelta(hours=3))
    said = kubectl("status")
    assert said.code == 1
    assert "it is paused (spec.paused of the BackupConfiguration)" in said.out


def test_unprotected_volumes_are_listed_until_they_are_excused(
    harness: Harness, kubectl: Terminal
) -> None:
    _protect(harness)
    harness.apply(manifests.claim("demo", "scratch"))
    said = kubectl("status")
    assert said.code == 1
    assert "UNPROTECTED (1)" in said.out
    assert "scratch" in said.out
    excused = {"metadata": {"annotations": {"stashgen.dev/opt-out": "a cache"}}}
    harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", "scratch", excused)
    said = kubectl("status")
    assert said.code == 0
    assert "1 opted out" in said.out


def test_what_is_not_ready_is_named_once_at_its_root(harness: Harness, kubectl: Terminal) -> None:
    denied = RunError(reason=ErrorClass.ACCESS_DENIED, message="the key may not write")
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=failing_worker(denied, Verb.INIT_STORAGE))
    said = kubectl("status", "-o", "json")
    not_ready = [item for item in said.json["entries"] if item["section"] == "not ready"]
    assert [(item["kind"], item["name"]) for item in not_ready] == [("BackupStorage", "local")]
    assert "AccessDenied: the key may not write" in not_ready[0]["why"]


def test_a_failed_restore_counts_until_one_worked(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    harness.apply(manifests.restore("demo", "first", repository="local-k3f9q"))
    harness.settle(work=failing_worker(_AWAY, Verb.RESTORE))
    said = kubectl("status")
    assert said.code == 1
    assert "restore first into library" in said.out
    harness.advance(timedelta(minutes=1))
    harness.apply(manifests.restore("demo", "second", repository="local-k3f9q"))
    harness.settle(work=good_worker)
    assert kubectl("status").code == 0


def test_a_pod_that_does_not_start_is_told_of_the_run(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    harness.advance(timedelta(minutes=10))
    harness.trigger(configuration="library")
    job = harness.run_until(Verb.BACKUP)
    condition: JsonObject = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient memory.",
    }
    pod = harness.start_pod(job, {"phase": "Pending", "conditions": [condition]})
    said = kubectl("status")
    assert said.code == 0
    assert "RUNNING (1)" in said.out
    assert "Unschedulable: 0/3 nodes are available: 3 Insufficient memory." in said.out
    said = kubectl("status", "library")
    assert pod in said.out
    assert "Pending: Unschedulable: 0/3 nodes" in said.out
    said = kubectl("logs", "library")
    assert f"pod {pod} of Job {name_of(job)} has not started: Pending: Unschedulable" in said.err


def test_all_namespaces_name_their_own(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    harness.apply(manifests.namespace("other"))
    harness.apply(manifests.claim("other", "forgotten"))
    assert kubectl("status").code == 0
    said = kubectl("status", "-A")
    assert said.code == 1
    assert "all namespaces" in said.out
    assert [line.split() for line in said.out.splitlines() if "forgotten" in line] == [
        ["other", "forgotten", "0s", "1Gi"]
    ]


def test_a_session_that_nobody_looked_at_points_to_the_controller(
    harness: Harness, kubectl: Terminal
) -> None:
    _protect(harness)
    harness.advance(timedelta(minutes=1))
    harness.trigger(configuration="library")
    harness.advance(timedelta(minutes=2))
    said = kubectl("status")
    assert "no controller has reconciled it: kubectl get pods -n stashgen-system" in said.out


def test_one_volume_is_dug_into(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    names = []
    for _ in range(3):
        harness.advance(timedelta(minutes=50))
        names.append(harness.trigger(configuration="library"))
        harness.settle(work=failing_worker(_AWAY, Verb.BACKUP))
    name = names[-1]
    event: JsonObject = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "one", "namespace": "demo"},
        "involvedObject": {"kind": "BackupSession", "name": name, "namespace": "demo"},
        "type": "Warning",
        "reason": "BackupFailed",
        "message": "Unavailable: connection refused",
        "lastTimestamp": "2026-03-01T14:30:00Z",
    }
    harness.client.create(known.EVENTS, "demo", event)
    said = kubectl("status", "library")
    assert said.code == 1
    lines = said.out.splitlines()
    assert lines[0] == "demo/library, 2026-03-01 14:30:00Z: 1 problem"
    assert lines[1].startswith("1.  session backup in local-k3f9q is late: Unavailable: connection")
    assert "PersistentVolumeClaim library" in said.out
    assert "compiled (its source is in Git)" in said.out
    assert "17 * * * *" in said.out
    assert "2026-03-01 15:17:00Z (in 47m)" in said.out
    assert f"backupsession/{name}" in said.out
    assert "BackupFailed" in said.out
    assert "Unavailable: the storage does not respond." in said.out
    assert lines[lines.index("next:") + 1 :] == [
        "  kubectl stashgen trigger library -n demo --wait",
        "  kubectl stashgen logs library -n demo",
        "  kubectl stashgen snapshots library -n demo",
    ]
    data = kubectl("status", "library", "-o", "json").json
    assert data["copies"][0]["isMet"] is False
    assert data["runs"][0]["name"] == name
    assert data["events"][0]["reason"] == "BackupFailed"


def test_a_name_that_is_not_there_says_what_is(harness: Harness, kubectl: Terminal) -> None:
    _protect(harness)
    said = kubectl("status", "libary")
    assert said.code == 2
    assert said.out == ""
    assert said.err == (
        'stashgen: no BackupConfiguration or backed-up volume is named "libary"; '
        "did you mean library?\n"
    )
