"""A Repository that a check or a backup found damaged: nothing of it may get worse."""

from datetime import timedelta
from typing import cast

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, list_of
from stashgen.api.labels import ACCEPT_DAMAGE_ANNOTATION, UPKEEP_ANNOTATION
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RunError, RunResult, Upkeep
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.decision import Key
from tests.integration.controller.kept_up import (
    DAY,
    MINUTE,
    backed_up_once,
    damage,
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


def test_damage_is_told_and_no_backup_is_good_until_a_check_finds_none(
    protected: Harness,
) -> None:
    later(protected, 7 * DAY, damage)
    status = repository(protected)
    assert (status["integrity"], status["phase"]) == (False, "Ready")
    fault("A check finds damage").check([status])
    name = protected.trigger()
    protected.settle(work=damage)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Failed"
    # Nothing is pruned meanwhile, and it is checked again after a day.
    later(protected, DAY)
    (plan,) = open_plans(protected)
    assert (plan.check, plan.prune) == (True, False)
    protected.settle(work=good_worker)
    status = repository(protected)
    assert status["integrity"] is True
    assert "RepositoryDamaged" not in conditions(status)
    name = protected.trigger()
    backup = plan_of(protected.run_until(Verb.BACKUP))
    assert not backup.check
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"


def test_a_backup_that_finds_all_whole_is_followed_by_a_check_at_once(protected: Harness) -> None:
    later(protected, 7 * DAY, damage)
    protected.trigger()

    def repaired(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        result = good_worker(harness, job, plan)
        if plan.verb is Verb.BACKUP:
            assert plan.check
            component = result.components["dump"].model_copy(update={"integrity": True})
            return result.model_copy(update={"components": {"dump": component}})
        return result

    protected.advance(MINUTE)
    backup = protected.run_until(Verb.BACKUP)
    protected.finish(backup, repaired(protected, backup, plan_of(backup)))
    later(protected, 10 * MINUTE)
    (plan,) = open_plans(protected)
    assert (plan.check, plan.prune, plan.damage_accepted) == (True, False, False)
    assert repository(protected)["integrity"] is False
    # One that finds damage all the same is repeated after the next such backup, or after its day.
    later(protected, MINUTE, damage)
    later(protected, timedelta(hours=2))
    assert open_plans(protected) == []
    protected.trigger()
    backup = protected.run_until(Verb.BACKUP)
    protected.finish(backup, repaired(protected, backup, plan_of(backup)))
    later(protected, 10 * MINUTE)
    assert [plan.check for plan in open_plans(protected)] == [True]
    protected.settle(work=good_worker)
    assert repository(protected)["integrity"] is True


def acknowledge(harness: Harness, time: JsonValue) -> None:
    """A person's word, synced from Git, that what the check of a time found was repaired."""
    said: JsonObject = {"metadata": {"annotations": {ACCEPT_DAMAGE_ANNOTATION: time}}}
    harness.client.patch(known.BACKUP_CONFIGURATIONS, "demo", "library-backup", said)
    harness.settle()


def test_acknowledged_damage_is_checked_at_once_and_only_that_ends_it(protected: Harness) -> None:
    later(protected, 7 * DAY, damage)
    time = upkeep(protected)["lastCheckCreated"]
    condition = conditions(repository(protected))["RepositoryDamaged"]
    assert f"{ACCEPT_DAMAGE_ANNOTATION}: {time} on its BackupConfiguration" in str(condition)
    protected.advance(MINUTE)
    acknowledge(protected, "2020-01-01T00:00:00Z")
    assert open_plans(protected) == []
    acknowledge(protected, time)
    plan = plan_of(protected.run_until(Verb.UPKEEP))
    assert (plan.check, plan.prune, plan.damage_accepted) == (True, False, True)
    assert repository(protected)["integrity"] is False
    # It was not repaired: the word was on what the check before found.
    later(protected, MINUTE, damage)
    again = upkeep(protected)["lastCheckCreated"]
    later(protected, timedelta(hours=2))
    assert (again == time, open_plans(protected)) == (False, [])
    acknowledge(protected, again)
    assert plan_of(protected.run_until(Verb.UPKEEP)).damage_accepted
    protected.settle(work=good_worker)
    assert repository(protected)["integrity"] is True
    assert "RepositoryDamaged" not in conditions(repository(protected))


def test_an_acknowledgement_is_not_of_what_a_check_found_that_did_not_end(
    protected: Harness,
) -> None:
    later(protected, 7 * DAY, damage)
    protected.advance(MINUTE)
    acknowledge(protected, upkeep(protected)["lastCheckCreated"])

    def stopped(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        assert plan.damage_accepted
        found = Upkeep(intact=False, checked=False)
        return damage(harness, job, plan).model_copy(update={"upkeep": found})

    later(protected, MINUTE, stopped)
    later(protected, DAY + MINUTE)
    (plan,) = open_plans(protected)
    # It reads again what was found damaged then: nobody has said that this is repaired.
    assert (plan.check, plan.damage_accepted) == (True, False)


def test_a_check_after_an_acknowledgement_that_fails_is_not_tried_without_end(
    protected: Harness,
) -> None:
    later(protected, 7 * DAY, damage)
    acknowledge(protected, upkeep(protected)["lastCheckCreated"])
    locked = RunError(reason=ErrorClass.LOCKED, message="somebody holds the lock")
    tries: list[RunSpec] = []

    def fails(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        tries.append(plan)
        return failing_worker(locked, Verb.UPKEEP)(harness, job, plan)

    for _ in range(60):
        later(protected, 5 * MINUTE, fails)
    assert [plan.damage_accepted for plan in tries] == [True] * 3
    assert repository(protected)["integrity"] is False


def recorded(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A worker whose backups go well in a repository that is recorded as damaged."""
    result = good_worker(harness, job, plan)
    if plan.verb is not Verb.BACKUP:
        return result
    component = result.components["dump"].model_copy(update={"integrity": False})
    return result.model_copy(update={"components": {"dump": component}})


def test_a_good_backup_in_a_damaged_repository_says_so(protected: Harness) -> None:
    protected.advance(MINUTE)
    name = protected.trigger()
    protected.settle(work=recorded)
    session = protected.status(known.BACKUP_SESSIONS, "demo", name)
    assert session["phase"] == "Succeeded"
    fault("A backup goes well in a Repository that is known to be damaged").check([session])
    snapshot = protected.status(known.SNAPSHOTS, "demo", f"repo-local-{name}")
    assert (snapshot["phase"], snapshot["integrity"]) == ("Succeeded", False)
    assert conditions(snapshot)["RepositoryDamaged"]["status"] == "True"
    later(protected, MINUTE)
    # Nobody knew of it but the bucket: a check follows within a day, and nothing is removed.
    assert repository(protected)["integrity"] is False
    assert (retention(protected, name)["phase"], protected.open_jobs()) == ("Pending", [])


def test_the_check_of_one_sessions_backup_says_nothing_of_another_ones_repository(
    harness: Harness,
) -> None:
    both = (manifests.session("demo"), manifests.session("demo", "weekly"))
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo", *both))
    harness.settle(work=good_worker)
    later(harness, 7 * DAY, damage)
    harness.trigger()

    def intact(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        result = good_worker(harness, job, plan)
        if plan.verb is not Verb.BACKUP:
            return result
        assert plan.check
        component = result.components["dump"].model_copy(update={"integrity": True})
        return result.model_copy(update={"components": {"dump": component}})

    harness.advance(MINUTE)
    harness.settle(work=intact)
    status = repository(harness)
    assert status["integrity"] is False
    assert "RepositoryDamaged" in conditions(status)
    later(harness, DAY)
    (plan,) = open_plans(harness)
    assert (plan.check, plan.prune) == (True, False)
    harness.settle(work=good_worker)
    assert repository(harness)["integrity"] is True


def test_nothing_is_forgotten_after_a_failed_backup_into_a_damaged_repository(
    protected: Harness,
) -> None:
    later(protected, 7 * DAY, damage)
    # The storage was full before restic could check.
    full = RunError(reason=ErrorClass.NO_SPACE, message="no space left on device")
    name = protected.trigger()
    protected.settle(work=failing_worker(full, Verb.BACKUP))
    status = protected.status(known.BACKUP_SESSIONS, "demo", name)
    assert (status["phase"], status.get("retentionPolicy")) == ("Failed", None)


def intact(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A worker whose checks find that all is whole, those of backups too."""
    result = good_worker(harness, job, plan)
    if plan.verb is not Verb.BACKUP or not plan.check:
        return result
    component = result.components["dump"].model_copy(update={"integrity": True})
    return result.model_copy(update={"components": {"dump": component}})


def retention(harness: Harness, session: str) -> JsonObject:
    status = harness.status(known.BACKUP_SESSIONS, "demo", session)
    (found,) = list_of(status, "retentionPolicy")
    return found


def held_retention(harness: Harness) -> str:
    """A session whose retention waits for a person; returns its name."""
    strange = manifests.restore("demo", "strange")
    source: JsonObject = {
        "repository": "repo-local",
        "pitr": {"targetTime": "0001-01-01T00:00:00+14:00"},
    }
    cast("JsonObject", strange["spec"])["dataSource"] = source
    harness.apply(strange)
    session = harness.trigger()
    harness.settle(work=good_worker)
    assert retention(harness, session)["phase"] == "Pending"
    return session


def test_a_retention_that_waited_removes_nothing_once_damage_is_known(protected: Harness) -> None:
    session = held_retention(protected)
    # It does not hold the check that finds the damage, nor the one that finds none any more.
    later(protected, 7 * DAY, damage)
    assert repository(protected)["integrity"] is False
    protected.delete(known.RESTORE_SESSIONS, "demo", "strange")
    later(protected, 5 * MINUTE, damage)
    fault("Damage is found before a retention begins").check(
        [protected.status(known.BACKUP_SESSIONS, "demo", session)]
    )
    assert Verb.RETAIN not in {plan.verb for plan in open_plans(protected)}
    later(protected, DAY, good_worker)
    later(protected, MINUTE, good_worker)
    assert repository(protected)["integrity"] is True
    assert retention(protected, session)["phase"] == "Applied"


def test_a_retention_trusts_a_snapshot_that_tells_of_damage_before_its_repository_does(
    protected: Harness,
) -> None:
    session = held_retention(protected)
    protected.advance(MINUTE)
    name = protected.trigger()
    found = RunError(reason=ErrorClass.REPOSITORY_DAMAGED, message="a pack is gone")

    def met(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        result = failing_worker(found, Verb.BACKUP)(harness, job, plan)
        component = good_worker(harness, job, plan).components["dump"]
        bad = component.model_copy(update={"phase": result.phase, "integrity": False})
        return result.model_copy(update={"components": {"dump": bad}})

    job = protected.run_until(Verb.BACKUP)
    protected.finish(job, met(protected, job, plan_of(job)))
    protected.settle()
    # As if the controller had died before it summed that up.
    status: JsonObject = {"status": {"integrity": True, "conditions": []}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", status, status=True)
    protected.delete(known.RESTORE_SESSIONS, "demo", "strange")
    protected.look(Key(known.BACKUP_SESSIONS, "demo", session))
    assert open_plans(protected) == []
    assert str(retention(protected, session)["error"]).startswith("RepositoryDamaged: ")
    assert protected.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Failed"


@pytest.mark.parametrize("skew", [timedelta(hours=-9), timedelta(), timedelta(hours=9)])
def test_what_was_found_last_counts_whatever_the_clocks_of_nodes_say(
    protected: Harness, skew: timedelta
) -> None:
    def elsewhere(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        return skewed(intact(harness, job, plan))

    def damaged(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        return skewed(damage(harness, job, plan))

    def skewed(result: RunResult) -> RunResult:
        times = {"started": result.started + skew, "finished": result.finished + skew}
        return result.model_copy(update=times)

    later(protected, 7 * DAY, damaged)
    protected.advance(MINUTE)
    protected.trigger()
    protected.settle(work=elsewhere)
    later(protected, 10 * MINUTE, elsewhere)
    assert repository(protected)["integrity"] is True
    protected.advance(MINUTE)
    later(protected, 7 * DAY, damaged)
    assert repository(protected)["integrity"] is False
    protected.look_at_everything()
    assert repository(protected)["integrity"] is False


def test_a_repository_that_is_made_anew_reads_of_its_damage_in_the_bucket(
    protected: Harness,
) -> None:
    later(protected, 7 * DAY, damage)
    protected.advance(MINUTE)
    protected.trigger()
    protected.settle(work=intact)
    later(protected, 10 * MINUTE, intact)
    # What a Snapshot of before says is older than what the bucket says.
    assert repository(protected)["integrity"] is True
    protected.delete(known.REPOSITORIES, "demo", "repo-local")
    protected.is_damaged = True
    protected.advance(MINUTE)
    protected.settle()
    protected.finish(
        job := protected.run_until(Verb.INIT_REPOSITORY), good_worker(protected, job, plan_of(job))
    )
    protected.settle()
    fault("A damaged Repository is lost with its cluster").check([repository(protected)])
    plan = plan_of(protected.run_until(Verb.UPKEEP))
    assert (plan.check, plan.prune) == (True, False)
    protected.settle(work=intact)
    later(protected, MINUTE, intact)
    assert repository(protected)["integrity"] is True
    assert Verb.UPKEEP not in {plan.verb for plan in open_plans(protected)}


def meets_damage(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A backup that meets damage although it does not look for it."""
    found = RunError(reason=ErrorClass.REPOSITORY_DAMAGED, message="a pack is gone")
    result = failing_worker(found, Verb.BACKUP)(harness, job, plan)
    component = good_worker(harness, job, plan).components["dump"]
    bad = component.model_copy(update={"phase": result.phase, "integrity": False})
    return result.model_copy(update={"components": {"dump": bad}})


def test_what_was_whole_before_is_checked_again_once_damage_is_known(harness: Harness) -> None:
    both = (manifests.session("demo"), manifests.session("demo", "weekly"))
    protected = backed_up_once(harness, *both)
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=24h,prune=24h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    later(protected, DAY)
    (job,) = protected.open_jobs()
    # Half of the round is done, and the other half gives way to a backup.
    stopped = RunError(reason=ErrorClass.INTERRUPTED, message="restic check was interrupted")
    update = {
        "phase": Phase.FAILED,
        "error": stopped,
        "upkeep": Upkeep(checked_paths=("repository/v1/weekly/dump",)),
    }
    protected.finish(job, good_worker(protected, job, plan_of(job)).model_copy(update=update))
    protected.settle()
    protected.trigger("weekly")
    backup = protected.run_until(Verb.BACKUP)
    protected.finish(backup, meets_damage(protected, backup, plan_of(backup)))
    protected.settle()
    assert repository(protected)["integrity"] is False
    protected.advance(DAY)
    plan = plan_of(protected.run_until(Verb.UPKEEP))
    assert (plan.check, plan.prune, plan.checked_paths) == (True, False, ())


def test_nothing_is_pruned_by_the_look_that_learns_of_damage(protected: Harness) -> None:
    protected.trigger()
    backup = protected.run_until(Verb.BACKUP)
    protected.finish(backup, meets_damage(protected, backup, plan_of(backup)))
    protected.settle()
    # As if no controller had run until the next prune was due.
    status: JsonObject = {"status": {"integrity": True, "conditions": []}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", status, status=True)
    protected.advance(DAY)
    protected.look(Key(known.REPOSITORIES, "demo", "repo-local"))
    assert repository(protected)["integrity"] is False
    assert [(plan.check, plan.prune) for plan in open_plans(protected)] == [(True, False)]


def test_the_part_of_the_data_that_is_damaged_is_read_again(protected: Harness) -> None:
    rhythm = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=24h,readData=5%,prune=24h"}}}
    protected.client.patch(known.REPOSITORIES, "demo", "repo-local", rhythm)
    later(protected, DAY)
    (job,) = protected.open_jobs()
    number = plan_of(job).check_number
    protected.finish(job, damage(protected, job, plan_of(job)))
    protected.settle()
    # The check of a backup reads no data.
    protected.trigger()
    protected.settle(work=intact)
    assert repository(protected)["integrity"] is False
    protected.advance(DAY)
    job = protected.run_until(Verb.UPKEEP)
    assert plan_of(job).check_number == number
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    protected.settle()
    assert repository(protected)["integrity"] is True
    assert upkeep(protected)["checks"] == number + 1
