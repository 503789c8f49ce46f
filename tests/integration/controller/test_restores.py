"""Restores: once, from a snapshot that is there, never beside a backup of the same volume."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from tests.support import manifests
from tests.support.harness import Harness, conditions, failing_worker, good_worker, name_of

SNAPSHOT = "repo-local-library-backup-backup-1772366400"


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A plain set with one succeeded Snapshot."""
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    harness.settle(work=good_worker)
    return harness


def restore(harness: Harness, name: str = "back") -> JsonObject:
    return harness.status(known.RESTORE_SESSIONS, "demo", name)


def message(harness: Harness, type_: str, name: str = "back") -> str:
    return str(conditions(restore(harness, name))[type_].get("message"))


@pytest.mark.parametrize("snapshot", ["latest", SNAPSHOT])
def test_a_restore_reads_the_snapshot_and_says_which(protected: Harness, snapshot: str) -> None:
    protected.apply(manifests.restore("demo", "back", snapshot=snapshot))
    job = protected.run_until(Verb.RESTORE)
    assert name_of(job) == "back"
    plan = plan_of(job)
    assert name_of(cast("JsonObject", plan.snapshot)) == SNAPSHOT
    assert "abab" in str(plan.snapshot)
    assert plan.adopt
    paused = cast("list[JsonObject]", restore(protected)["pausedBackups"])
    assert [item["name"] for item in paused] == ["library-backup"]

    protected.settle(work=good_worker)
    status = restore(protected)
    assert status["phase"] == "Succeeded"
    assert "pausedBackups" not in status
    assert cast("list[JsonObject]", status["dependencies"])[0] == {
        "kind": "Snapshot",
        "name": SNAPSHOT,
        "namespace": "demo",
        "found": True,
    }
    with protected.counted() as requests:
        protected.look_at_everything()
    assert not requests


def test_a_finished_restore_does_not_run_again_when_its_job_is_deleted(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=good_worker)
    protected.delete(known.JOBS, "demo", "back")
    protected.look_at_everything()
    protected.settle(work=good_worker)
    assert protected.created.count(("Job", "back")) == 1
    assert restore(protected)["phase"] == "Succeeded"


def report(harness: Harness, phase: str) -> None:
    """A worker writes how it ended into the RestoreSession of its name."""
    words: JsonObject = {"phase": phase, "components": {"dump": {"phase": phase}}}
    harness.client.patch(known.RESTORE_SESSIONS, "demo", "back", {"status": words}, status=True)


def test_what_the_worker_of_a_deleted_restore_reports_ends_no_other(protected: Harness) -> None:
    """It is still being terminated when somebody creates a RestoreSession of its name again."""
    protected.apply(manifests.restore("demo", "back"))
    report(protected, "Failed")
    job = protected.run_until(Verb.RESTORE)
    assert restore(protected)["phase"] == "Running"
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Succeeded"


def run_unseen(harness: Harness) -> None:
    """The controller died after it had made the Job, and somebody deleted that afterwards."""
    harness.run_until(Verb.RESTORE)
    executor = cast("JsonObject", restore(harness)["executor"])
    claim: JsonObject = dict.fromkeys(("jobUID", "created"))
    words: JsonObject = {"executor": executor | claim}
    harness.client.patch(known.RESTORE_SESSIONS, "demo", "back", {"status": words}, status=True)


def test_a_restore_whose_job_came_and_went_unseen_is_not_done_again(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    run_unseen(protected)
    report(protected, "Succeeded")
    protected.delete(known.JOBS, "demo", "back")
    protected.settle(work=good_worker)
    assert protected.created.count(("Job", "back")) == 1
    assert restore(protected)["phase"] == "Succeeded"


def test_a_restore_whose_job_may_have_run_unseen_left_the_volume_in_doubt(
    protected: Harness,
) -> None:
    protected.apply(manifests.restore("demo", "back", more={"restoreTimeout": "1h"}))
    run_unseen(protected)
    protected.delete(known.JOBS, "demo", "back")
    protected.advance(timedelta(hours=2))
    protected.settle(work=good_worker)
    status = restore(protected)
    assert status["phase"] == "Failed"
    assert conditions(status)["RestoredInPart"]["message"] == (
        "its Job may have run unseen: restored in part (how far is not known)"
    )


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_restore_that_has_to_wait_again_may_have_run_unseen(
    protected: Harness, is_deleted: bool
) -> None:
    protected.advance(timedelta(minutes=1))
    session = protected.trigger()
    backup = protected.run_until(Verb.BACKUP)
    protected.start_pod(backup, {"phase": "Running"})
    protected.apply(manifests.restore("demo", "back"))
    executor: JsonObject = {"job": "back", "attempt": 1, "planDigest": "digest"}
    claim: JsonObject = {"status": {"phase": "Running", "executor": executor}}
    protected.client.patch(known.RESTORE_SESSIONS, "demo", "back", claim, status=True)
    protected.settle()
    status = restore(protected)
    assert (status["phase"], status.get("executor")) == ("Pending", None)
    assert conditions(status)["RestoredInPart"]["status"] == "True"
    if is_deleted:
        protected.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.finish(backup, good_worker(protected, backup, plan_of(backup)))
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"
    if not is_deleted:
        assert restore(protected)["phase"] == "Succeeded"
        assert "RestoredInPart" not in conditions(restore(protected))
    protected.advance(timedelta(minutes=1))
    session = protected.trigger()
    protected.settle(work=good_worker)
    phase = protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"]
    assert phase == ("Skipped" if is_deleted else "Succeeded")


def test_a_restore_into_another_claim_replaces_only_the_claim(protected: Harness) -> None:
    protected.apply(manifests.claim("demo", "library-copy"))
    protected.apply(manifests.restore("demo", "back", claim="library-copy"))
    job = protected.run_until(Verb.RESTORE)
    assert not plan_of(job).adopt
    template = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
    volumes = cast("list[JsonObject]", cast("JsonObject", template["spec"])["volumes"])
    claims = {
        item["name"]: cast("JsonObject", item["persistentVolumeClaim"])["claimName"]
        for item in volumes
        if "persistentVolumeClaim" in item
    }
    assert claims == {"kubestash-data-volume": "library-copy", "backend": "backup-store"}


@pytest.mark.parametrize("is_compiled", [True, False])
def test_a_restore_mounts_the_key_that_it_names(harness: Harness, is_compiled: bool) -> None:
    if is_compiled:
        objects = manifests.one_volume("demo")
    else:
        objects = [
            manifests.storage("demo"),
            manifests.retention("demo"),
            manifests.configuration("demo"),
        ]
    for obj in objects:
        harness.apply(obj)
    harness.settle(work=good_worker)
    source = {
        "repository": "local-k3f9q" if is_compiled else "repo-local",
        "snapshot": "latest",
        "encryptionSecret": {"name": "old-key", "namespace": "demo"},
    }
    harness.apply(manifests.restore("demo", "back", more={"dataSource": source}))
    job = harness.run_until(Verb.RESTORE)
    template = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
    volumes = cast("list[JsonObject]", cast("JsonObject", template["spec"])["volumes"])
    keys = [cast("JsonObject", item["secret"]) for item in volumes if item["name"] == "encryption"]
    assert [key["secretName"] for key in keys] == ["old-key"]
    assert all(key["optional"] for key in keys)


def test_a_key_of_another_namespace_is_refused(protected: Harness) -> None:
    source = {
        "repository": "repo-local",
        "snapshot": "latest",
        "encryptionSecret": {"name": "old-key", "namespace": "vault"},
    }
    protected.apply(manifests.restore("demo", "back", more={"dataSource": source}))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Invalid"
    assert message(protected, "ValidationPassed").startswith(
        "spec.dataSource.encryptionSecret.namespace: "
    )


def test_without_a_matching_snapshot_it_fails_and_says_so(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back", snapshot="no-such"))
    protected.apply(manifests.restore("demo", "else", repository="no-such"))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Failed"
    assert message(protected, "RestoreExecutorEnsured").startswith(
        "NoSnapshot: Snapshot no-such does not exist"
    )
    assert restore(protected, "else")["phase"] == "Failed"


def test_a_restore_needs_its_addon(protected: Harness) -> None:
    addon = {"name": "no-such", "tasks": [{"name": "logical-backup-restore"}]}
    protected.apply(manifests.restore("demo", "back", more={"addon": addon}))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Failed"
    assert "Addon no-such does not exist" in message(protected, "RestoreExecutorEnsured")


def test_an_invalid_restore_is_not_started_and_may_be_mended(protected: Harness) -> None:
    hooks = {"preRestore": [{"name": "freeze"}]}
    protected.apply(manifests.restore("demo", "back", more={"hooks": hooks}))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Invalid"
    assert "hooks are not supported" in message(protected, "ValidationPassed")
    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Succeeded"


def test_a_name_that_no_job_can_have_is_refused(protected: Harness) -> None:
    name = "b" * 64
    protected.apply(manifests.restore("demo", name))
    protected.settle(work=good_worker)
    assert restore(protected, name)["phase"] == "Invalid"
    assert protected.errors == []


def test_a_restore_waits_for_its_claim_until_its_deadline(protected: Harness) -> None:
    for name in ("first", "second"):
        protected.apply(
            manifests.restore("demo", name, claim=f"{name}-new", more={"restoreTimeout": "10m"})
        )
    protected.settle(work=good_worker)
    found = conditions(restore(protected, "first"))["RestoreTargetFound"]
    assert (found["status"], found["reason"]) == ("False", "UnableToCheckTargetAvailability")
    protected.apply(manifests.claim("demo", "first-new"))
    protected.settle(work=good_worker)
    assert restore(protected, "first")["phase"] == "Succeeded"
    protected.advance(timedelta(minutes=10))
    protected.settle(work=good_worker)
    assert restore(protected, "second")["phase"] == "Failed"
    assert "DeadlineExceeded" in message(protected, "RestoreExecutorEnsured", "second")


def test_a_restore_waits_for_the_backup_of_its_target_and_then_blocks_the_next(
    protected: Harness,
) -> None:
    protected.advance(timedelta(minutes=1))
    protected.trigger()
    backup = protected.run_until(Verb.BACKUP)
    protected.apply(manifests.restore("demo", "back"))
    protected.settle()
    waiting = conditions(restore(protected))["RestoreExecutorEnsured"]
    assert (waiting["status"], waiting["reason"]) == ("Unknown", "WaitingForBackup")
    protected.finish(backup, good_worker(protected, backup, plan_of(backup)))
    job = protected.run_until(Verb.RESTORE)

    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle()
    session = protected.status(known.BACKUP_SESSIONS, "demo", name)
    assert session["phase"] == "Skipped"
    assert "RestoreSession back is restoring" in str(conditions(session)["BackupSkipped"])
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Succeeded"


def test_a_restore_elsewhere_waits_for_the_backup_of_its_repository_and_goes_next(
    protected: Harness,
) -> None:
    protected.apply(manifests.claim("demo", "elsewhere"))
    protected.advance(timedelta(minutes=1))
    protected.trigger()
    backup = protected.run_until(Verb.BACKUP)
    protected.apply(manifests.restore("demo", "back", claim="elsewhere"))
    protected.settle()
    waiting = conditions(restore(protected))["RestoreExecutorEnsured"]
    assert waiting["reason"] == "WaitingForBackup"
    assert name_of(backup).endswith(str(waiting["message"]).split()[1])
    protected.finish(backup, good_worker(protected, backup, plan_of(backup)))
    protected.settle()
    assert [plan_of(job).verb for job in protected.open_jobs()] == [Verb.RESTORE]
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Succeeded"


def test_two_restores_into_one_claim_run_one_after_the_other(protected: Harness) -> None:
    for name in ("one", "two"):
        protected.apply(manifests.restore("demo", name))
    job = protected.run_until(Verb.RESTORE)
    (other,) = {"one", "two"} - {name_of(job)}
    waiting = conditions(restore(protected, other))["RestoreExecutorEnsured"]
    assert waiting["reason"] == "WaitingForRestore"
    protected.settle(work=good_worker)
    assert restore(protected, "one")["phase"] == "Succeeded"
    assert restore(protected, "two")["phase"] == "Succeeded"


def test_a_restore_whose_job_is_deleted_has_failed_and_is_not_repeated(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    protected.run_until(Verb.RESTORE)
    protected.settle()
    protected.delete(known.JOBS, "demo", "back")
    protected.settle(work=good_worker)
    assert restore(protected)["phase"] == "Failed"
    assert "ExecutorLost" in message(protected, "RestoreIncomplete")
    assert protected.created.count(("Job", "back")) == 1


def test_a_failed_worker_is_quoted(protected: Harness) -> None:
    wrong = RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password")
    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=failing_worker(wrong, Verb.RESTORE))
    status = restore(protected)
    assert status["phase"] == "Failed"
    component = cast("dict[str, JsonObject]", status["components"])["dump"]
    assert component["error"] == "WrongPassword: wrong password"


def test_a_pod_that_never_starts_fails_the_restore_and_goes(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Pending"})
    protected.settle()
    protected.advance(timedelta(minutes=15))
    protected.settle()
    assert restore(protected)["phase"] == "Failed"
    assert message(protected, "RestoreIncomplete").startswith("Unschedulable: pod back-pod: ")
    assert "back" not in protected.names(known.JOBS, "demo")


def test_another_writer_is_told_until_a_restore_in_place_has_succeeded(harness: Harness) -> None:
    """A rebuilt cluster finds the history of another one under its own path."""
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)

    expected = RunError(reason=ErrorClass.RESTORE_EXPECTED, message="another volume wrote here")
    harness.writer_matches = False
    harness.settle(work=failing_worker(expected, Verb.BACKUP))
    repository = harness.status(known.REPOSITORIES, "demo", "local-k3f9q")
    assert repository["phase"] == "Ready"
    assert repository["writerMatches"] is False
    assert conditions(repository)["RestoreExpected"]["status"] == "True"
    # No initial backup: it would bury the history.
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []

    harness.advance(timedelta(minutes=17))
    name = harness.trigger(configuration="library")
    harness.settle(work=failing_worker(expected, Verb.BACKUP))
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Failed"
    failed = harness.get(known.SNAPSHOTS, "demo", f"local-k3f9q-{name}")
    record = {**failed, "status": {**cast("JsonObject", failed["status"]), "phase": "Succeeded"}}
    old = "local-k3f9q-history-1700000000"
    renamed: JsonObject = {"name": old, "namespace": "demo"}
    harness.client.create(known.SNAPSHOTS, "demo", {**record, "metadata": renamed})
    created = harness.get(known.SNAPSHOTS, "demo", old)
    harness.client.replace(
        known.SNAPSHOTS, "demo", {**created, "status": _good(record)}, status=True
    )
    harness.settle()

    harness.advance(timedelta(minutes=1))
    harness.apply(manifests.restore("demo", "back", repository="local-k3f9q", snapshot=old))
    harness.settle(work=good_worker)
    assert restore(harness)["phase"] == "Succeeded"
    repository = harness.status(known.REPOSITORIES, "demo", "local-k3f9q")
    assert repository["writerMatches"] is True
    assert "RestoreExpected" not in conditions(repository)


def _good(record: JsonObject) -> JsonObject:
    status = cast("JsonObject", record["status"])
    component = cast("dict[str, JsonObject]", status["components"])["dump"]
    good = {key: value for key, value in component.items() if key != "error"}
    return {**status, "components": {"dump": {**good, "phase": "Succeeded"}}}
