"""Prunes and checks of a Repository: in their own rhythm, one at a time, restores first."""

from datetime import timedelta
from typing import Any

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time, mapping_of
from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kinds.repository.upkeep import MOST_AT_ONCE
from stashgen_controller.protocol.run_result import ErrorClass, RunError
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


def test_a_backup_that_is_due_waits_and_says_for_whom(protected: Harness) -> None:
    later(protected, DAY)
    name = protected.trigger()
    protected.settle()
    assert [plan.verb for plan in open_plans(protected)] == [Verb.UPKEEP]
    told = conditions(protected.status(known.BACKUP_SESSIONS, "demo", name))
    assert told["BackupExecutorEnsured"]["reason"] == "WaitingForUpkeep"
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"


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
