"""Prunes and checks of a Repository: in their own rhythm, one at a time, restores first."""

from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time, mapping_of, parse_time
from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kinds.repository import KIND
from stashgen_controller.kinds.repository.upkeep_observed import MOST_AT_ONCE
from stashgen_controller.listers.indexes.repositories import is_in_upkeep
from stashgen_controller.protocol.run_result import ErrorClass, RunError, RunResult, Upkeep
from stashgen_controller.runtime.decision import Key
from tests.integration.controller.kept_up import (
    DAY,
    MINUTE,
    backed_up_once,
    later,
    open_plans,
    repository,
    upkeep,
)
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, failing_worker, good_worker

HOUR = timedelta(hours=1)


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with one good backup, and nothing due for now."""
    return backed_up_once(harness)


def without_upkeep(crd: JsonObject) -> JsonObject:
    """The CRD as it was before Repositories had upkeep."""
    fields = "spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "status"
    found: Any = crd
    for field in (*fields, "properties"):
        found = found[field]
    del found["upkeep"]
    return crd


def test_the_first_backup_is_followed_by_a_check_a_prune_and_sizes(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo", manifests.session("demo")))
    job = harness.run_until(Verb.UPKEEP)
    plan = plan_of(job)
    assert (plan.check, plan.check_number, plan.prune, plan.storage_is_full) == (
        True,
        0,
        True,
        False,
    )
    assert "integrity" not in repository(harness)
    harness.settle(work=good_worker)
    status = repository(harness)
    assert (status["integrity"], status["size"]) == (True, "1.000 KiB")
    assert conditions(status)["UpkeepSucceeded"]["status"] == "True"
    assert harness.open_jobs() == []


def test_then_it_is_pruned_each_day_and_checked_each_week(protected: Harness) -> None:
    done = []
    for _ in range(8):
        later(protected, DAY)
        (plan,) = open_plans(protected)
        done.append((plan.verb, plan.check, plan.prune))
        protected.settle(work=good_worker)
    rest = (Verb.UPKEEP, False, True)
    assert done == [*[rest] * 6, (Verb.UPKEEP, True, True), rest]
    assert upkeep(protected)["checks"] == 2


def test_the_annotation_sets_the_rhythm(protected: Harness) -> None:
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=2h,prune=8784h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    later(protected, timedelta(hours=1))
    assert open_plans(protected) == []
    later(protected, timedelta(hours=1))
    (plan,) = open_plans(protected)
    assert (plan.check, plan.prune) == (True, False)


def test_a_lost_status_makes_all_of_it_due(protected: Harness) -> None:
    protected.client.patch(
        known.REPOSITORIES, "demo", "repo-local", {"status": {"upkeep": None}}, status=True
    )
    later(protected, MINUTE)
    (plan,) = open_plans(protected)
    assert (plan.check, plan.prune) == (True, True)


def running_upkeep(harness: Harness) -> tuple[JsonObject, str]:
    """The Job that is due after a day, and its pod, which runs."""
    later(harness, DAY)
    (job,) = harness.open_jobs()
    return job, harness.start_pod(job, {"phase": "Running"})


def end_stopped(harness: Harness, pod: str, result: RunResult) -> None:
    """End a pod whose Job was deleted, with its worker's last words."""
    how: JsonObject = {"exitCode": 1, "message": result.model_dump_json(by_alias=True)}
    worker: JsonObject = {"name": "worker", "state": {"terminated": how}}
    status: JsonObject = {"status": {"phase": "Failed", "containerStatuses": [worker]}}
    harness.client.patch(known.PODS, "demo", pod, status, status=True)


def interrupted(harness: Harness, job: JsonObject, done: Upkeep) -> RunResult:
    """A worker that was asked to stop, and had done so much."""
    error = RunError(reason=ErrorClass.INTERRUPTED, message="restic prune was interrupted")
    result = good_worker(harness, job, plan_of(job))
    return result.model_copy(update={"phase": Phase.FAILED, "error": error, "upkeep": done})


def test_it_gives_way_to_a_backup_and_goes_on_after_it(protected: Harness) -> None:
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=24h,prune=24h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    job, pod = running_upkeep(protected)
    path = "repository/v1/backup/dump"
    assert (plan_of(job).check, plan_of(job).prune) == (True, True)
    name = protected.trigger()
    protected.settle()
    told = protected.status(known.BACKUP_SESSIONS, "demo", name)
    assert conditions(told)["BackupExecutorEnsured"]["reason"] == "WaitingForUpkeep"
    # Its Job is deleted; nothing begins before its pod has ended.
    assert open_plans(protected) == []
    later(protected, MINUTE)
    assert open_plans(protected) == []
    done = Upkeep(checked=True, intact=True, checked_paths=(path,))
    end_stopped(protected, pod, interrupted(protected, job, done))
    protected.settle()
    assert [plan.verb for plan in open_plans(protected)] == [Verb.BACKUP]
    fault("A backup is due while its Repository is pruned or checked").check(
        [repository(protected)]
    )
    last = upkeep(protected)
    assert (last.get("failures", 0), last["stops"], last["checks"]) == (0, 1, 2)
    protected.finish(
        backup := protected.run_until(Verb.BACKUP),
        good_worker(protected, backup, plan_of(backup)),
    )
    plan = plan_of(protected.run_until(Verb.UPKEEP))
    assert (plan.check, plan.prune, plan.turn) == (False, True, 1)
    protected.settle(work=good_worker)
    assert upkeep(protected).get("stops", 0) == 0
    assert conditions(repository(protected))["UpkeepSucceeded"]["status"] == "True"


def test_damage_that_a_check_met_before_it_was_stopped_is_known(protected: Harness) -> None:
    job, pod = running_upkeep(protected)
    protected.trigger()
    protected.settle()
    end_stopped(protected, pod, interrupted(protected, job, Upkeep(intact=False)))
    protected.settle()
    assert repository(protected)["integrity"] is False
    assert plan_of(protected.run_until(Verb.BACKUP)).check


def test_what_is_done_of_several_restic_repositories_is_not_repeated(harness: Harness) -> None:
    both = (manifests.session("demo"), manifests.session("demo", "weekly"))
    protected = backed_up_once(harness, *both)
    paths = tuple(f"repository/v1/{name}/dump" for name in ("backup", "weekly"))
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=24h,prune=24h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    job, pod = running_upkeep(protected)
    protected.trigger()
    protected.settle()
    done = Upkeep(checked_paths=paths[1:])
    end_stopped(protected, pod, interrupted(protected, job, done))
    plan = plan_of(protected.run_until(Verb.UPKEEP))
    assert (plan.check, plan.checked_paths, plan.pruned_paths) == (True, paths[1:], ())
    assert upkeep(protected)["checks"] == 1
    protected.settle(work=good_worker)
    assert upkeep(protected).get("checkedPaths") is None


def test_a_prune_of_a_full_storage_does_not_give_way_to_a_backup(protected: Harness) -> None:
    full = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")
    protected.trigger()
    work = failing_worker(full, Verb.BACKUP)
    protected.finish(job := protected.run_until(Verb.BACKUP), work(protected, job, plan_of(job)))
    protected.finish(
        job := protected.run_until(Verb.RETAIN), good_worker(protected, job, plan_of(job))
    )
    protected.advance(MINUTE)
    protected.start_pod(protected.run_until(Verb.UPKEEP), {"phase": "Running"})
    protected.trigger()
    later(protected, MINUTE)
    (plan,) = open_plans(protected)
    assert (plan.verb, plan.storage_is_full) == (Verb.UPKEEP, True)


def test_a_session_that_waits_for_people_stops_no_upkeep(protected: Harness) -> None:
    job, _ = running_upkeep(protected)
    name = protected.trigger()
    status: JsonObject = {
        "phase": "Pending",
        "snapshots": [{"name": "x", "repository": "repo-local", "phase": "Pending"}],
        "conditions": [
            {
                "type": "BackupExecutorEnsured",
                "status": "Unknown",
                "reason": "RestoredInPart",
                "lastTransitionTime": format_time(protected.clock.now()),
            }
        ],
    }
    protected.client.patch(known.BACKUP_SESSIONS, "demo", name, {"status": status}, status=True)
    protected.look(Key(known.REPOSITORIES, "demo", "repo-local"))
    assert [plan_of(item).attempt for item in protected.open_jobs()] == [plan_of(job).attempt]


def test_a_prune_waits_for_a_check_where_it_is_not_known_whether_all_is_whole(
    protected: Harness,
) -> None:
    never: JsonObject = {"status": {"integrity": None}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", never, status=True)
    later(protected, DAY)
    (plan,) = open_plans(protected)
    assert (plan.check, plan.prune) == (True, True)


def test_nothing_begins_while_a_backup_runs(protected: Harness) -> None:
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=1h,prune=1h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    protected.trigger()
    protected.start_pod(protected.run_until(Verb.BACKUP), {"phase": "Running"})
    later(protected, timedelta(hours=3))
    assert [plan.verb for plan in open_plans(protected)] == [Verb.BACKUP]


def test_it_gives_way_to_a_restore_and_begins_anew_after_it(protected: Harness) -> None:
    later(protected, DAY)
    (job,) = protected.open_jobs()
    pod = protected.start_pod(job, {"phase": "Running"})
    protected.apply(manifests.restore("demo", "back"))
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "back")
    fault("A restore is requested while its Repository is pruned or checked").check([status])
    # Its Job is deleted; nothing begins before its pod has ended.
    assert open_plans(protected) == []
    later(protected, MINUTE)
    assert open_plans(protected) == []
    protected.client.patch(known.PODS, "demo", pod, {"status": {"phase": "Failed"}}, status=True)
    protected.settle()
    assert [plan.verb for plan in open_plans(protected)] == [Verb.RESTORE]
    later(protected, MINUTE, good_worker)
    assert upkeep(protected)["lastPruneTime"] == format_time(protected.clock.now())
    assert upkeep(protected).get("failures", 0) == 0


def test_no_job_is_made_where_an_older_crd_has_no_field_for_its_claim(protected: Harness) -> None:
    name = f"{known.REPOSITORIES.plural}.{known.REPOSITORIES.group}"
    crd = protected.client.get(known.CUSTOM_RESOURCE_DEFINITIONS, None, name)
    protected.client.replace(known.CUSTOM_RESOURCE_DEFINITIONS, None, without_upkeep(crd))
    later(protected, DAY)
    assert open_plans(protected) == []
    assert "apply the CRDs of this controller's version" in protected.errors[-1]
    # Backups go on.
    name = protected.trigger()
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"


def test_what_may_pass_is_tried_again_a_few_times_and_all_else_after_a_day(
    protected: Harness,
) -> None:
    locked = RunError(reason=ErrorClass.LOCKED, message="somebody holds the lock")
    later(protected, DAY, failing_worker(locked, Verb.UPKEEP))
    fault("A prune or check fails").check([repository(protected)])
    for minutes in (10, 20, 40):
        later(protected, (minutes - 1) * MINUTE)
        assert open_plans(protected) == []
        later(protected, MINUTE, failing_worker(locked, Verb.UPKEEP))
    assert upkeep(protected)["failures"] == 4
    later(protected, timedelta(hours=23))
    assert open_plans(protected) == []
    later(protected, timedelta(hours=1), good_worker)
    assert upkeep(protected).get("failures", 0) == 0
    assert conditions(repository(protected))["UpkeepSucceeded"]["status"] == "True"


def test_a_full_storage_is_pruned_at_once_after_the_retention(protected: Harness) -> None:
    full = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")
    protected.trigger()
    work = failing_worker(full, Verb.BACKUP)
    protected.finish(job := protected.run_until(Verb.BACKUP), work(protected, job, plan_of(job)))
    job = protected.run_until(Verb.RETAIN)
    assert len(protected.open_jobs()) == 1
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    later(protected, MINUTE)
    (plan,) = open_plans(protected)
    assert (plan.verb, plan.prune, plan.storage_is_full, plan.check) == (
        Verb.UPKEEP,
        True,
        True,
        False,
    )
    protected.settle(work=good_worker)
    later(protected, timedelta(hours=1))
    assert open_plans(protected) == []


def test_a_full_storage_is_pruned_without_room_although_the_last_prune_failed(
    protected: Harness,
) -> None:
    full = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")
    later(protected, 7 * DAY, failing_worker(full, Verb.UPKEEP))
    assert upkeep(protected)["failures"] == 1
    for _ in range(2):
        protected.advance(timedelta(hours=1))
        protected.trigger()
        protected.settle(work=failing_worker(full, Verb.BACKUP, Verb.UPKEEP))
        later(protected, MINUTE)
    # Once after each backup that fails, and what failed for another reason waits for its day.
    assert upkeep(protected)["failures"] == 3
    protected.trigger()
    protected.settle(work=failing_worker(full, Verb.BACKUP, Verb.UPKEEP))
    plans = [plan_of(job) for job in protected.reader.listed(known.JOBS)]
    (last,) = [plan for plan in plans if plan.verb is Verb.UPKEEP]
    assert (last.prune, last.storage_is_full, last.check) == (True, True, False)


def test_repositories_that_are_being_deleted_take_no_turn(protected: Harness) -> None:
    busy: JsonObject = {"executor": {"job": "upkeep", "attempt": 1, "planDigest": "0" * 16}}
    names = [f"other-{number}" for number in range(MOST_AT_ONCE)]
    protected.apply(manifests.namespace("elsewhere"))
    for name in names:
        other: JsonObject = {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Repository",
            "metadata": {"name": name, "namespace": "elsewhere", "finalizers": ["corp/keep"]},
            "spec": {},
        }
        protected.apply(other)
        status: JsonObject = {"status": {"upkeep": busy}}
        protected.client.patch(known.REPOSITORIES, "elsewhere", name, status, status=True)
    protected.advance(DAY)
    mine = Key(known.REPOSITORIES, "demo", "repo-local")
    protected.look(mine)
    assert open_plans(protected) == []
    for name in names:
        protected.client.delete(known.REPOSITORIES, "elsewhere", name)
    protected.look(mine)
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]


def test_of_those_that_wait_for_a_turn_the_one_that_was_due_first_begins(
    protected: Harness,
) -> None:
    busy: JsonObject = {"executor": {"job": "upkeep", "attempt": 1, "planDigest": "0" * 16}}
    protected.apply(manifests.namespace("elsewhere"))
    names = [f"other-{number}" for number in range(MOST_AT_ONCE)]
    for name in (*names, "first"):
        other: JsonObject = {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Repository",
            "metadata": {"name": name, "namespace": "elsewhere"},
            "spec": {},
        }
        protected.apply(other)

    def set_other(name: str, **status: JsonValue) -> None:
        body: JsonObject = {"status": {"phase": "Ready", **status}}
        protected.client.patch(known.REPOSITORIES, "elsewhere", name, body, status=True)

    for name in names:
        set_other(name, upkeep=busy)
    due = parse_time(str(upkeep(protected)["lastPruneTime"])) + DAY
    protected.advance(DAY)
    mine = Key(known.REPOSITORIES, "demo", "repo-local")
    protected.look(mine)
    since = str(upkeep(protected)["waitingSince"])
    assert parse_time(since) == due
    # One ends, and another has waited for longer.
    set_other("first", upkeep={"waitingSince": "2020-01-01T00:00:00Z"})
    set_other(
        names[0], upkeep={"executor": {**cast("JsonObject", busy["executor"]), "ended": True}}
    )
    protected.advance(5 * MINUTE)
    protected.look(mine)
    assert (open_plans(protected), upkeep(protected)["waitingSince"]) == ([], since)
    # What cannot begin, or has waited for less, keeps nobody from it.
    set_other("first", phase="NotReady", upkeep={"waitingSince": "2020-01-01T00:00:00Z"})
    set_other(names[0], upkeep={"executor": None, "waitingSince": "2999-01-01T00:00:00Z"})
    protected.look(mine)
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]
    assert "waitingSince" not in upkeep(protected)


def test_one_that_ends_wakes_the_one_that_has_waited_for_longest(protected: Harness) -> None:
    waiting: JsonObject = {"status": {"upkeep": {"waitingSince": "2020-01-01T00:00:00Z"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", waiting, status=True)
    other = protected.client.get(known.REPOSITORIES, "demo", "repo-local")
    (watch,) = (item for item in KIND.watches if item.relevant is is_in_upkeep)
    assert list(watch.keys(protected.reader, other)) == [("demo", "repo-local")]


def do_backups(harness: Harness) -> None:
    """Do all Jobs but upkeep, which goes on."""
    for _ in range(10):
        harness.settle()
        for job in harness.open_jobs():
            if plan_of(job).verb is not Verb.UPKEEP:
                harness.finish(job, good_worker(harness, job, plan_of(job)))


def test_backups_wait_for_what_they_have_stopped_until_it_was_a_day_late(
    protected: Harness,
) -> None:
    begun = protected.clock.now()
    stops, name = 0, ""
    running: list[tuple[JsonObject, str]] = []

    def start() -> None:
        jobs = protected.open_jobs() if not running else []
        running.extend((job, protected.start_pod(job, {"phase": "Running"})) for job in jobs)

    while protected.clock.now() < begun + 4 * DAY:
        later(protected, HOUR)
        start()
        protected.settle()
        name = protected.trigger()
        protected.settle()
        if protected.open_jobs() and running:
            break
        for job, pod in running:
            end_stopped(protected, pod, interrupted(protected, job, Upkeep()))
            stops += 1
            protected.settle()
        running.clear()
        do_backups(protected)
        assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"
        start()
    # It was pruned just before, and would be each day: a day late after two, done within a third.
    assert 2 * DAY - HOUR <= protected.clock.now() - begun <= 3 * DAY
    # Not once for each backup.
    assert 4 < stops < 12
    fault("Backups stop a check or prune until it is a day late").check([repository(protected)])
    waiting = protected.status(known.BACKUP_SESSIONS, "demo", name)
    assert conditions(waiting)["BackupExecutorEnsured"]["reason"] == "WaitingForUpkeep"
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"
    assert conditions(repository(protected))["UpkeepSucceeded"]["status"] == "True"
    assert upkeep(protected).get("stops", 0) == 0


def test_a_repository_that_is_being_deleted_holds_its_volume_for_some_hours(
    protected: Harness,
) -> None:
    repository = protected.client.get(known.REPOSITORIES, "demo", "repo-local")
    other: JsonObject = {
        "apiVersion": repository["apiVersion"],
        "kind": "Repository",
        "metadata": {"name": "other", "namespace": "demo", "finalizers": ["corp/keep"]},
        "spec": mapping_of(repository, "spec") | {"path": "demo/library/elsewhere"},
    }
    protected.apply(other)
    busy: JsonObject = {"executor": {"job": "upkeep", "attempt": 1, "planDigest": "0" * 16}}
    status: JsonObject = {"status": {"upkeep": busy}}
    protected.client.patch(known.REPOSITORIES, "demo", "other", status, status=True)
    protected.advance(DAY - timedelta(hours=2))
    protected.client.delete(known.REPOSITORIES, "demo", "other")
    protected.advance(timedelta(hours=4))
    mine = Key(known.REPOSITORIES, "demo", "repo-local")
    protected.look(mine)
    name = protected.trigger()
    protected.settle()
    assert open_plans(protected) == []
    session = protected.status(known.BACKUP_SESSIONS, "demo", name)
    fault("A Repository is deleted during its upkeep and a finalizer keeps it").check([session])
    protected.delete(known.BACKUP_SESSIONS, "demo", name)
    protected.advance(timedelta(hours=4))
    protected.look(mine)
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]


def test_a_rhythm_that_cannot_be_read_starts_nothing(protected: Harness) -> None:
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "weekly"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    later(protected, 7 * DAY)
    assert open_plans(protected) == []
    fault("The rhythm of a Repository cannot be read").check([repository(protected)])


def test_a_repository_that_nothing_backs_up_any_more_is_left_alone(protected: Harness) -> None:
    protected.delete(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
    later(protected, 7 * DAY)
    assert open_plans(protected) == []


def test_a_history_that_git_keeps_is_checked_and_nothing_of_it_goes(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    (configuration,) = harness.names(known.BACKUP_CONFIGURATIONS, "demo")
    harness.delete(known.BACKUP_CONFIGURATIONS, "demo", configuration)
    # The claim, too, is gone once the volume is retired.
    harness.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library")
    later(harness, 6 * DAY)
    assert open_plans(harness) == []
    later(harness, DAY)
    (plan,) = open_plans(harness)
    assert (plan.verb, plan.check, plan.prune) == (Verb.UPKEEP, True, False)
    harness.settle(work=good_worker)
    later(harness, DAY)
    assert open_plans(harness) == []
