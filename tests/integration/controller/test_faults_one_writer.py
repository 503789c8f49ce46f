"""At most one works on a volume and on a Repository; restores go first and keep their Snapshot."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, ACCEPT_PARTIAL_RESTORE_ANNOTATION
from stashgen.api.pod import Pod
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import (
    ErrorClass,
    RestoredPart,
    Retention,
    RunError,
    RunResult,
)
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.kind import Index
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker, metadata, name_of

_CONFIGURATION = "library-backup"


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with one good Snapshot, and a second session of another schedule."""
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration(
            "demo",
            manifests.session("demo"),
            manifests.session("demo", "weekly", schedule="1 2 * * 0"),
        ),
    ):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))
    return harness


def running(harness: Harness) -> list[Verb]:
    """What is at work: there is a Job and it has not ended."""
    return [plan_of(job).verb for job in harness.open_jobs()]


def finish_one(harness: Harness) -> Verb:
    """Do the only Job that is open."""
    (job,) = harness.open_jobs()
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle()
    return plan_of(job).verb


def backup_session(harness: Harness, name: str) -> JsonObject:
    return harness.status(known.BACKUP_SESSIONS, "demo", name)


def restored_in_part(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A worker whose restores end half way."""
    result = good_worker(harness, job, plan)
    if plan.verb is not Verb.RESTORE:
        return result
    error = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")
    return result.model_copy(
        update={
            "phase": Phase.FAILED,
            "error": error,
            "components": {},
            "restored": RestoredPart(files=135, total_files=200),
        }
    )


@pytest.mark.parametrize("restore_first", [True, False])
def test_of_a_backup_and_a_restore_made_together_the_restore_runs(
    protected: Harness, *, restore_first: bool
) -> None:
    if restore_first:
        protected.apply(manifests.restore("demo", "back"))
    name = protected.trigger()
    if not restore_first:
        protected.apply(manifests.restore("demo", "back"))
    protected.settle()
    assert running(protected) == [Verb.RESTORE]
    assert finish_one(protected) is Verb.RESTORE
    protected.settle(work=good_worker)
    assert protected.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Succeeded"
    assert backup_session(protected, name)["phase"] in {"Skipped", "Succeeded"}


def test_sessions_of_one_volume_run_one_after_the_other_and_say_for_whom_they_wait(
    protected: Harness,
) -> None:
    first, second = protected.trigger(), protected.trigger("weekly")
    protected.settle()
    assert running(protected) == [Verb.BACKUP]
    (job,) = protected.open_jobs()
    (waiting,) = {first, second} - {plan_of(job).backup_session}
    told = conditions(backup_session(protected, waiting))["BackupExecutorEnsured"]
    assert told["reason"] == "WaitingForBackup"
    assert told["message"] == f"BackupSession {plan_of(job).backup_session} is backing up"
    fault("Two sessions of one volume are due at once").check([backup_session(protected, waiting)])
    done = [finish_one(protected) for _ in range(4)]
    assert sorted(done) == [Verb.BACKUP, Verb.BACKUP, Verb.RETAIN, Verb.RETAIN]
    assert running(protected) == []
    for name in (first, second):
        assert backup_session(protected, name)["phase"] == "Succeeded", backup_session(
            protected, name
        )


def test_a_restore_that_waits_goes_before_the_retention_of_the_backup_it_waits_for(
    protected: Harness,
) -> None:
    name = protected.trigger()
    protected.run_until(Verb.BACKUP)
    protected.apply(manifests.restore("demo", "back"))
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    assert conditions(status)["RestoreExecutorEnsured"]["reason"] == "WaitingForBackup"
    fault("A restore is due while a backup runs").check([status])
    assert finish_one(protected) is Verb.BACKUP
    assert finish_one(protected) is Verb.RESTORE
    assert finish_one(protected) is Verb.RETAIN
    (applied,) = cast("list[JsonObject]", backup_session(protected, name)["retentionPolicy"])
    assert applied["phase"] == "Applied"


def test_a_session_waits_for_a_pod_that_outlives_its_own_session(protected: Harness) -> None:
    old = protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    pod = protected.start_pod(job, {"phase": "Running"})
    # Only the objects go: the pod's node has not answered yet.
    protected.client.delete(known.BACKUP_SESSIONS, "demo", old)
    protected.client.delete(known.JOBS, "demo", name_of(job))
    protected.settle()
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle()
    told = conditions(backup_session(protected, name))["BackupExecutorEnsured"]
    assert (told["reason"], told["message"]) == ("WaitingForPod", f"pod {pod} has not ended")
    protected.start_pod(job, {"phase": "Failed"})
    protected.advance(timedelta(minutes=1))
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Succeeded", backup_session(protected, name)


def delete_by_force(harness: Harness, pod: str) -> None:
    path = known.PODS.path("demo", pod)
    harness.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
    harness.settle()


def delete_session(harness: Harness, session: str, job: JsonObject, pod: str | None) -> None:
    """As the garbage collector does it: the pod's node does not answer."""
    harness.client.delete(known.BACKUP_SESSIONS, "demo", session)
    harness.settle()
    harness.client.delete(known.JOBS, "demo", name_of(job))
    if pod is not None:
        harness.client.delete(known.PODS, "demo", pod)
    harness.settle()


@pytest.mark.parametrize("verb", [Verb.BACKUP, Verb.RETAIN])
@pytest.mark.parametrize("is_forced_first", [True, False])
@pytest.mark.parametrize("ends_by", ["deadline", "word"])
def test_a_pod_is_waited_for_whose_session_was_deleted_and_that_was_deleted_by_force(
    protected: Harness, verb: Verb, *, is_forced_first: bool, ends_by: str
) -> None:
    protected.advance(timedelta(minutes=1))
    old = protected.trigger()
    job = protected.run_until(verb)
    pod = protected.start_pod(job, {"phase": "Running"})
    protected.advance(timedelta(seconds=6))
    protected.settle()
    if is_forced_first:
        delete_by_force(protected, pod)
        delete_session(protected, old, job, None)
    else:
        delete_session(protected, old, job, pod)
        delete_by_force(protected, pod)
    assert pod not in protected.names(known.PODS, "demo")
    # Another controller.
    protected.forget()
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    status = backup_session(protected, name)
    fault("A pod is deleted by force, and so is its session").check([status])
    if ends_by == "word":
        accepted: JsonObject = {"metadata": {"annotations": {ACCEPT_LOST_POD_ANNOTATION: pod}}}
        protected.client.patch(known.REPOSITORIES, "demo", "repo-local", accepted)
        protected.advance(timedelta(minutes=1))
    else:
        protected.advance(timedelta(days=1, minutes=10))
    protected.settle(work=good_worker)
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Succeeded", backup_session(protected, name)
    assert "lostPods" not in protected.status(known.REPOSITORIES, "demo", "repo-local")


@pytest.mark.parametrize("is_collected", [True, False])
def test_a_snapshot_is_not_failed_while_the_pod_of_its_deleted_session_runs(
    protected: Harness, *, is_collected: bool
) -> None:
    session = protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.start_pod(job, {"phase": "Running"})
    snapshot = f"repo-local-{session}"
    assert "executor" not in protected.status(known.SNAPSHOTS, "demo", snapshot)
    protected.client.delete(known.BACKUP_SESSIONS, "demo", session)
    if is_collected:
        protected.client.delete(known.JOBS, "demo", name_of(job))
    for _ in range(3):
        protected.settle()
        protected.advance(timedelta(minutes=1))
    assert protected.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Running"
    protected.start_pod(job, {"phase": "Failed"})
    if not is_collected:
        protected.client.delete(known.JOBS, "demo", name_of(job))
    protected.advance(timedelta(minutes=1))
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", snapshot)["phase"] == "Failed"


def test_retention_keeps_what_a_restore_or_a_request_names(protected: Harness) -> None:
    first = protected.names(known.SNAPSHOTS, "demo")
    protected.apply(manifests.restore("demo", "waits", claim="absent", snapshot=first[0]))
    protected.advance(timedelta(minutes=1))
    protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    assert plan_of(retain).pinned_snapshots == (first[0],)


def retention(harness: Harness, name: str) -> JsonObject:
    """How the retention of a session is going."""
    (applied,) = cast("list[JsonObject]", backup_session(harness, name)["retentionPolicy"])
    return applied


@pytest.mark.parametrize("has_pod", [True, False])
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(lambda first: manifests.restore("demo", "back", snapshot=first), id="restore"),
        pytest.param(
            lambda first: manifests.restore_request("demo", "back", snapshot=first), id="request"
        ),
    ],
)
def test_a_retention_that_has_not_begun_gives_way_to_a_restore(
    protected: Harness, asked: Callable[[str], JsonObject], *, has_pod: bool
) -> None:
    first, *_ = protected.names(known.SNAPSHOTS, "demo")
    name = protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    assert plan_of(retain).pinned_snapshots == ()
    pod = protected.start_pod(retain, {"phase": "Pending"}) if has_pod else None
    protected.settle()
    protected.apply(asked(first))
    protected.settle()
    if pod is not None:
        # The garbage collector.
        protected.delete(known.PODS, "demo", pod)
        protected.advance(timedelta(minutes=1))
        protected.settle()
    assert running(protected) == [Verb.RESTORE]
    applied = retention(protected, name)
    assert (applied["phase"], applied.get("executor")) == ("Pending", None)
    told = conditions(backup_session(protected, name))["RetentionPolicyExecutorEnsured"]
    assert told["reason"] == "WaitingForRestore"
    row = fault("A restore is requested while a retention waits for its pod")
    row.check([backup_session(protected, name)])
    assert finish_one(protected) is Verb.RESTORE
    protected.settle(work=good_worker)
    assert retention(protected, name)["phase"] == "Applied"


def test_a_retention_that_runs_is_waited_for_by_a_restore(protected: Harness) -> None:
    first, *_ = protected.names(known.SNAPSHOTS, "demo")
    protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    protected.start_pod(retain, {"phase": "Running"})
    protected.apply(manifests.restore("demo", "back", snapshot=first))
    protected.settle()
    assert running(protected) == [Verb.RETAIN]


def test_a_retention_that_gave_way_is_not_failed_if_nobody_could_record_it(
    protected: Harness,
) -> None:
    first, *_ = protected.names(known.SNAPSHOTS, "demo")
    name = protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    protected.apply(manifests.restore("demo", "back", snapshot=first))
    protected.delete(known.JOBS, "demo", name_of(retain))
    protected.settle()
    assert retention(protected, name)["phase"] == "Pending"
    protected.settle(work=good_worker)
    assert retention(protected, name)["phase"] == "Applied"


def test_retention_goes_on_until_nothing_is_due(protected: Harness) -> None:
    name = protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    (gone, *_) = protected.names(known.SNAPSHOTS, "demo")
    result = good_worker(protected, retain, plan_of(retain))
    more = Retention(removed=(gone,), remaining=5, kept=2)
    protected.finish(retain, result.model_copy(update={"retention": more}))
    protected.settle()
    assert gone not in protected.names(known.SNAPSHOTS, "demo")
    (following,) = protected.open_jobs()
    assert name_of(following) == f"{name_of(retain)}-2"
    assert plan_of(following).attempt == 2
    protected.settle(work=good_worker)
    (applied,) = cast("list[JsonObject]", backup_session(protected, name)["retentionPolicy"])
    assert applied["phase"] == "Applied"
    assert cast("JsonObject", applied["executor"])["attempt"] == 2


# A volume that a restore left half written


def leave_half_written(harness: Harness) -> str:
    """A session whose backup is good and whose retention is to come; a restore fails before it."""
    name = harness.trigger()
    backup = harness.run_until(Verb.BACKUP)
    harness.apply(manifests.restore("demo", "back"))
    harness.settle()
    harness.finish(backup, good_worker(harness, backup, plan_of(backup)))
    harness.settle()
    (restore,) = harness.open_jobs()
    harness.finish(restore, restored_in_part(harness, restore, plan_of(restore)))
    harness.settle()
    return name


def test_a_restore_that_failed_says_how_far_it_came(protected: Harness) -> None:
    leave_half_written(protected)
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    assert status["phase"] == "Failed"
    (component,) = cast("dict[str, JsonObject]", status["components"]).values()
    assert component["error"] == (
        "NoSpace: no space left on device; restored in part (135 of 200 files)"
    )
    assert conditions(status)["RestoredInPart"]["status"] == "True"
    fault("A restore ends half way").check([status])


def test_a_half_restored_volume_is_neither_backed_up_nor_tidied_until_a_restore_succeeds(
    protected: Harness,
) -> None:
    before = leave_half_written(protected)
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Skipped"
    skipped = str(conditions(backup_session(protected, name))["BackupSkipped"]["message"])
    assert "RestoreSession back restored PersistentVolumeClaim library in part" in skipped
    told = conditions(backup_session(protected, before))["RetentionPolicyExecutorEnsured"]
    assert told["reason"] == "RestoredInPart"

    protected.apply(manifests.restore("demo", "again"))
    protected.settle(work=good_worker)
    assert protected.status(known.RESTORE_SESSIONS, "demo", "again")["phase"] == "Succeeded"
    (applied,) = cast("list[JsonObject]", backup_session(protected, before)["retentionPolicy"])
    assert applied["phase"] == "Applied"
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Succeeded", backup_session(protected, name)


def test_a_person_may_accept_a_half_restored_volume(protected: Harness) -> None:
    leave_half_written(protected)
    configuration = protected.get(known.BACKUP_CONFIGURATIONS, "demo", _CONFIGURATION)
    for value, phase in (("another", "Skipped"), ("back", "Succeeded")):
        accepted = {"stashgen.dev/accept-partial-restore": value}
        changed = {
            **configuration,
            "metadata": {**metadata(configuration), "annotations": accepted},
        }
        protected.apply(cast("JsonObject", changed))
        protected.settle(work=good_worker)
        protected.advance(timedelta(minutes=1))
        name = protected.trigger()
        protected.settle(work=good_worker)
        assert backup_session(protected, name)["phase"] == phase
    status = protected.status(known.REPOSITORIES, "demo", "repo-local")
    assert "openRestore" not in status


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_half_restored_volume_stays_so_without_its_restore_session(
    protected: Harness, *, has_ended: bool
) -> None:
    if has_ended:
        leave_half_written(protected)
    else:
        protected.apply(manifests.restore("demo", "back"))
        protected.run_until(Verb.RESTORE)
    protected.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.settle(work=good_worker)
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Skipped"
    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=good_worker)
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Succeeded", backup_session(protected, name)


def test_a_restore_that_wrote_nothing_hides_no_earlier_one(protected: Harness) -> None:
    def expired(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        result = good_worker(harness, job, plan)
        error = RunError(reason=ErrorClass.EXPIRED, message="notAfter has passed")
        update = {"phase": Phase.FAILED, "error": error, "components": {}}
        return result.model_copy(update=update) if plan.verb is Verb.RESTORE else result

    leave_half_written(protected)
    protected.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.settle(work=good_worker)
    protected.apply(manifests.restore("demo", "again"))
    retry = protected.run_until(Verb.RESTORE)
    protected.start_pod(retry, {"phase": "Running"})
    protected.advance(timedelta(minutes=1))
    protected.settle(work=expired)
    assert protected.status(known.RESTORE_SESSIONS, "demo", "again")["phase"] == "Failed"
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Skipped"


def accept(harness: Harness, restore: str) -> None:
    """Say in Git that the volume is to be backed up as a restore left it."""
    found = harness.get(known.BACKUP_CONFIGURATIONS, "demo", _CONFIGURATION)
    said: JsonObject = {ACCEPT_PARTIAL_RESTORE_ANNOTATION: restore}
    harness.apply(found | {"metadata": metadata(found) | {"annotations": said}})
    harness.settle(work=good_worker)


def test_what_a_person_accepted_hides_no_later_restore(protected: Harness) -> None:
    leave_half_written(protected)
    accept(protected, "back")
    protected.apply(manifests.restore("demo", "again"))
    job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    protected.delete(known.RESTORE_SESSIONS, "demo", "again")
    protected.settle(work=good_worker)
    protected.advance(timedelta(minutes=1))
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert backup_session(protected, name)["phase"] == "Skipped"


def next_backup(harness: Harness) -> JsonObject:
    """The status of the next session, once it has ended."""
    harness.advance(timedelta(minutes=1))
    name = harness.trigger()
    harness.settle(work=good_worker)
    return backup_session(harness, name)


def test_a_name_that_was_accepted_accepts_no_later_restore_of_that_name(
    protected: Harness,
) -> None:
    leave_half_written(protected)
    accept(protected, "back")
    assert next_backup(protected)["phase"] == "Succeeded"
    protected.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.settle(work=good_worker)
    assert next_backup(protected)["phase"] == "Succeeded"

    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=restored_in_part)
    uid = metadata(protected.get(known.RESTORE_SESSIONS, "demo", "back"))["uid"]
    status = next_backup(protected)
    fault("A second restore of an accepted name ends half way").check([status])
    assert f"stashgen.dev/accept-partial-restore: back.{uid} on" in str(status)
    accept(protected, f"back.{uid}")
    assert next_backup(protected)["phase"] == "Succeeded"
    accept(protected, "back")
    assert next_backup(protected)["phase"] == "Succeeded"


def test_a_good_restore_that_is_deleted_leaves_the_volume_whole(protected: Harness) -> None:
    leave_half_written(protected)
    protected.advance(timedelta(minutes=1))
    protected.apply(manifests.restore("demo", "again"))
    protected.settle(work=good_worker)
    protected.delete(known.RESTORE_SESSIONS, "demo", "again")
    status = next_backup(protected)
    fault("A good restore is deleted, the one that failed before it is not").check([status])
    protected.advance(timedelta(minutes=1))
    protected.apply(manifests.restore("demo", "later"))
    protected.settle(work=restored_in_part)
    assert next_backup(protected)["phase"] == "Skipped"


def test_a_pod_that_the_cache_does_not_show_is_no_reason_to_give_way(
    protected: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = protected.names(known.SNAPSHOTS, "demo")
    protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    protected.start_pod(retain, {"phase": "Running"})
    cached = protected.reader.by

    def behind(index: Index[Any], *key: str) -> Sequence[Any]:
        return () if index.model is Pod else cached(index, *key)

    monkeypatch.setattr(protected.reader, "by", behind)
    protected.apply(manifests.restore("demo", "back", snapshot=first))
    protected.settle()
    assert running(protected) == [Verb.RETAIN]
