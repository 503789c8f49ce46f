"""Sessions that were deleted and that a finalizer keeps: nothing reconciles them any more."""

from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, ACCEPT_PARTIAL_RESTORE_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import (
    ErrorClass,
    RestoredPart,
    RunError,
    RunResult,
)
from stashgen_controller.runtime.decision import Key
from tests.integration.controller.kept_up import DAY, MINUTE, backed_up_once, later, open_plans
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker

_NO_SPACE = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with one good backup, and nothing due for now."""
    return backed_up_once(harness)


def delete_and_keep(harness: Harness, resource: Resource, name: str) -> None:
    """Delete an object that somebody else's finalizer keeps."""
    kept: JsonObject = {"metadata": {"finalizers": ["corp/keep"]}}
    harness.client.patch(resource, "demo", name, kept)
    harness.client.delete(resource, "demo", name)


def test_a_restore_that_has_not_begun_goes_first_no_more(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    delete_and_keep(protected, known.RESTORE_SESSIONS, "back")
    protected.trigger()
    protected.settle()
    assert [plan.verb for plan in open_plans(protected)] == [Verb.BACKUP]


def test_a_backup_that_ran_holds_its_volume_for_a_day(protected: Harness) -> None:
    first = protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    delete_and_keep(protected, known.BACKUP_SESSIONS, first)
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    protected.settle()
    protected.advance(timedelta(hours=25))
    second = protected.trigger()
    protected.settle()
    assert open_plans(protected) == []
    session = protected.status(known.BACKUP_SESSIONS, "demo", second)
    fault("A BackupSession is deleted while it runs and a finalizer keeps it").check([session])
    later(protected, timedelta(hours=2), good_worker)
    protected.trigger()
    protected.settle()
    assert Verb.BACKUP in {plan.verb for plan in open_plans(protected)}


def test_a_backup_that_waited_stops_no_upkeep(protected: Harness) -> None:
    later(protected, DAY)
    (job,) = protected.open_jobs()
    protected.start_pod(job, {"phase": "Running"})
    name = protected.trigger()
    for _ in range(3):
        protected.look(Key(known.BACKUP_SESSIONS, "demo", name))
    waits = conditions(protected.status(known.BACKUP_SESSIONS, "demo", name))
    assert waits["BackupExecutorEnsured"]["reason"] == "WaitingForUpkeep"
    delete_and_keep(protected, known.BACKUP_SESSIONS, name)
    later(protected, MINUTE)
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]
    assert protected.status(known.SNAPSHOTS, "demo", f"repo-local-{name}")["phase"] == "Failed"


def test_upkeep_begins_although_the_session_of_the_newest_snapshot_never_ends(
    protected: Harness,
) -> None:
    name = protected.trigger()
    protected.settle()
    (job,) = protected.open_jobs()
    delete_and_keep(protected, known.BACKUP_SESSIONS, name)
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    later(protected, 2 * DAY)
    later(protected, MINUTE)
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]


def keep_running(harness: Harness, work: Verb) -> tuple[JsonObject, str]:
    """A Job of a verb whose pod runs, and has been seen: the Job and the pod's name."""
    job = harness.run_until(work)
    pod = harness.start_pod(job, {"phase": "Running"})
    harness.advance(timedelta(seconds=6))
    harness.settle()
    return job, pod


def annotate(harness: Harness, resource: Resource, name: str, key: str, value: str) -> None:
    said: JsonObject = {"metadata": {"annotations": {key: value}}}
    harness.client.patch(resource, "demo", name, said)
    later(harness, MINUTE)


def next_session(harness: Harness) -> JsonObject:
    harness.advance(MINUTE)
    name = harness.trigger()
    harness.settle(work=good_worker)
    return harness.status(known.BACKUP_SESSIONS, "demo", name)


@pytest.mark.parametrize("ends_by", ["word", "kubelet", "deadline"])
def test_a_restore_that_ran_holds_its_volume_until_it_is_over(
    protected: Harness, ends_by: str
) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job, pod = keep_running(protected, Verb.RESTORE)
    delete_and_keep(protected, known.RESTORE_SESSIONS, "back")
    # Its node says nothing any more.
    protected.end_job(job, "Failed", "BackoffLimitExceeded")
    if ends_by != "kubelet":
        protected.client.raw("DELETE", known.PODS.path("demo", pod), {"gracePeriodSeconds": 0})
    protected.apply(manifests.restore("demo", "again"))
    protected.settle()
    assert open_plans(protected) == []
    waiting = protected.status(known.RESTORE_SESSIONS, "demo", "again")
    row = fault("A RestoreSession is deleted while it runs and a finalizer keeps it")
    row.check([waiting])
    assert f"annotate it with {ACCEPT_LOST_POD_ANNOTATION}={pod}" in str(waiting)
    if ends_by == "word":
        annotate(protected, known.RESTORE_SESSIONS, "back", ACCEPT_LOST_POD_ANNOTATION, pod)
    elif ends_by == "kubelet":
        protected.start_pod(job, {"phase": "Failed"})
        later(protected, MINUTE)
    else:
        later(protected, timedelta(hours=25, minutes=10))
    assert [plan.restore_session for plan in open_plans(protected)] == ["again"]


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_volume_that_a_kept_restore_left_half_written_can_be_accepted(
    protected: Harness, *, has_ended: bool
) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job, pod = keep_running(protected, Verb.RESTORE)
    if has_ended:
        protected.finish(job, restored_in_part(good_worker(protected, job, plan_of(job))))
        protected.settle()
    delete_and_keep(protected, known.RESTORE_SESSIONS, "back")
    protected.client.raw("DELETE", known.PODS.path("demo", pod), {"gracePeriodSeconds": 0})
    protected.settle()
    if not has_ended:
        protected.end_job(job, "Failed", "BackoffLimitExceeded")
        annotate(protected, known.RESTORE_SESSIONS, "back", ACCEPT_LOST_POD_ANNOTATION, pod)
    skipped = next_session(protected)
    assert skipped["phase"] == "Skipped"
    word = f"{ACCEPT_PARTIAL_RESTORE_ANNOTATION}: back on its BackupConfiguration"
    assert word in str(skipped)
    said = ACCEPT_PARTIAL_RESTORE_ANNOTATION, "back"
    annotate(protected, known.BACKUP_CONFIGURATIONS, "library-backup", *said)
    assert next_session(protected)["phase"] == "Succeeded"


def test_a_backup_that_never_ends_does_not_have_all_others_skipped(protected: Harness) -> None:
    first = protected.trigger()
    job, pod = keep_running(protected, Verb.BACKUP)
    delete_and_keep(protected, known.BACKUP_SESSIONS, first)
    protected.end_job(job, "Failed", "BackoffLimitExceeded")
    protected.client.raw("DELETE", known.PODS.path("demo", pod), {"gracePeriodSeconds": 0})
    later(protected, timedelta(hours=27))
    assert next_session(protected)["phase"] == "Succeeded"


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_request_whose_restore_is_deleted_and_kept_has_failed(
    protected: Harness, attempt: int
) -> None:
    protected.apply(manifests.restore_request("demo", "act"))
    job = protected.run_until(Verb.RESTORE)
    if attempt == 2:
        killed = RunError(reason=ErrorClass.KILLED, message="exit code 137")
        protected.finish(job, restored_in_part(good_worker(protected, job, plan_of(job)), killed))
        protected.settle()
        later(protected, MINUTE)
        job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    name = str(plan_of(job).restore_session)
    delete_and_keep(protected, known.RESTORE_SESSIONS, name)
    for _ in range(3):
        later(protected, MINUTE)
    status = protected.status(known.RESTORE_REQUESTS, "demo", "act")
    assert (status["phase"], status["attempt"]) == ("Failed", attempt)
    assert "was deleted before it finished" in str(status["error"])


def restored_in_part(
    result: RunResult,
    error: RunError = _NO_SPACE,
) -> RunResult:
    """A restore that ends half way."""
    part = RestoredPart(files=135, total_files=200)
    update = {"phase": Phase.FAILED, "error": error, "components": {}, "restored": part}
    return result.model_copy(update=update)


def test_a_snapshot_that_its_session_does_not_know_of_fails_with_its_end(
    protected: Harness,
) -> None:
    """A controller made it and died, and the next one left its copy out: it was paused."""
    name = protected.trigger()
    protected.run_until(Verb.BACKUP)
    known_of = protected.get(known.SNAPSHOTS, "demo", f"repo-local-{name}")
    metadata: JsonObject = {"name": f"repo-remote-{name}", "namespace": "demo"}
    other = {key: known_of[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}
    protected.client.create(known.SNAPSHOTS, "demo", other)
    protected.settle()
    assert protected.status(known.SNAPSHOTS, "demo", f"repo-remote-{name}").get("phase") is None
    protected.settle(work=good_worker)
    status = protected.status(known.SNAPSHOTS, "demo", f"repo-remote-{name}")
    assert status["phase"] == "Failed"


def test_a_restore_that_has_not_begun_holds_no_snapshot_any_more(protected: Harness) -> None:
    (first,) = protected.names(known.SNAPSHOTS, "demo")
    protected.apply(manifests.restore("demo", "back", claim="absent", snapshot=first))
    protected.settle()
    delete_and_keep(protected, known.RESTORE_SESSIONS, "back")
    protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    assert plan_of(retain).pinned_snapshots == ()
