"""Sessions that were deleted and that a finalizer keeps: nothing reconciles them any more."""

from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.runtime.decision import Key
from tests.integration.controller.kept_up import DAY, MINUTE, backed_up_once, later, open_plans
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker


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
