"""Objects that the API server accepts and our models refuse say so, and stop nobody else."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, list_of, name_of
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kubectl.status.entry import Section
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.observability.cluster_metrics import of_cluster
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker
from tests.support.world import RECONCILED

# A date-time to a schema, and in UTC a time before the year 1.
_YEAR_ZERO = "0001-01-01T00:00:00+14:00"
_WHY = "a time needs a year from 1 to 9999 in UTC"


def strange_restore(name: str = "strange") -> JsonObject:
    restore = manifests.restore("demo", name)
    spec = cast("JsonObject", restore["spec"])
    spec["dataSource"] = {"repository": "repo-local", "pitr": {"targetTime": _YEAR_ZERO}}
    return restore


def malformed(harness: Harness) -> list[tuple[str, ...]]:
    """What the metric says."""
    gauges = {item.name: item for item in of_cluster(harness.reader, harness.clock.now())}
    return [labels for labels, _ in gauges["stashgen_malformed"].samples]


def validation(harness: Harness, resource: Resource, name: str) -> JsonObject:
    return conditions(harness.status(resource, "demo", name))["ValidationPassed"]


def assert_settled(harness: Harness) -> None:
    """Whatever is due in some minutes is looked at, and nothing is written."""
    before = harness.looks
    with harness.counted() as requests:
        for _ in range(10):
            harness.advance(timedelta(minutes=1))
            harness.settle()
    assert not requests
    assert harness.looks - before < 100


def summed_up(harness: Harness) -> None:
    """A Repository waits for a moment with its summary: retention changes it again as a rule."""
    harness.advance(timedelta(minutes=3))
    harness.settle()


def test_a_restore_that_cannot_be_read_says_so_and_stops_no_backup(protected: Harness) -> None:
    protected.apply(strange_restore())
    protected.settle()
    status = protected.status(known.RESTORE_SESSIONS, "demo", "strange")
    fault("An object has a value that cannot be read").check([status])
    mark = validation(protected, known.RESTORE_SESSIONS, "strange")
    assert (mark["status"], mark["reason"]) == ("False", "InvalidField")
    assert mark["message"] == f"spec.dataSource.pitr.targetTime: {_WHY}"
    assert malformed(protected) == [("RestoreSession", "demo", "strange")]
    session = protected.trigger()
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"
    summed_up(protected)
    assert_settled(protected)


def test_a_restore_whose_value_is_corrected_is_done(protected: Harness) -> None:
    protected.apply(strange_restore())
    protected.settle()
    protected.client.patch(
        known.RESTORE_SESSIONS,
        "demo",
        "strange",
        {"spec": {"dataSource": {"snapshot": "latest", "pitr": None}}},
    )
    protected.settle(work=good_worker)
    status = protected.status(known.RESTORE_SESSIONS, "demo", "strange")
    assert status["phase"] == "Succeeded"
    assert validation(protected, known.RESTORE_SESSIONS, "strange")["status"] == "True"
    assert malformed(protected) == []


def test_a_request_that_cannot_be_read_has_failed(protected: Harness) -> None:
    request = manifests.restore_request("demo", "strange", notAfter=_YEAR_ZERO)
    protected.apply(request)
    protected.settle()
    status = protected.status(known.RESTORE_REQUESTS, "demo", "strange")
    assert status["phase"] == "Failed"
    assert conditions(status)["ValidationPassed"]["message"] == f"spec.notAfter: {_WHY}"
    assert_settled(protected)


def every_kind(harness: Harness) -> dict[Resource, str]:
    """An object of every kind that has been looked at."""
    harness.apply(manifests.restore("demo", "again"))
    harness.apply(manifests.restore_request("demo", "asked"))
    harness.settle(work=good_worker)
    return {resource: harness.names(resource, "demo")[0] for resource in RECONCILED}


@pytest.mark.parametrize("resource", RECONCILED, ids=lambda resource: resource.kind)
def test_an_object_whose_status_cannot_be_read_says_so_and_recovers(
    protected: Harness, resource: Resource
) -> None:
    name = every_kind(protected)[resource]
    before = protected.status(resource, "demo", name)
    break_status(protected, resource, name)
    touched: JsonObject = {"metadata": {"annotations": {"look": "again"}}}
    protected.client.patch(resource, "demo", name, touched)
    protected.look_at_everything()
    protected.settle(work=good_worker)
    mark = validation(protected, resource, name)
    assert (mark["status"], mark["reason"]) == ("False", "InvalidField")
    place = f"status.conditions[{len(list_of(before, 'conditions'))}].lastTransitionTime"
    assert mark["message"] == f"{place}: {_WHY}"
    assert (resource.kind, "demo", name) in malformed(protected)
    assert_settled(protected)
    mend_status(protected, resource, name)
    protected.advance(timedelta(minutes=1))
    protected.settle(work=good_worker)
    after = protected.status(resource, "demo", name)
    assert after.get("phase") == before.get("phase")
    assert malformed(protected) == []


def break_status(harness: Harness, resource: Resource, name: str) -> None:
    """Give an object a condition with a time that cannot be read."""
    odd: JsonObject = {"type": "Odd", "status": "True", "lastTransitionTime": _YEAR_ZERO}
    found = list_of(harness.status(resource, "demo", name), "conditions")
    broken: JsonObject = {"status": {"conditions": [*found, odd]}}
    harness.client.patch(resource, "demo", name, broken, status=True)


def mend_status(harness: Harness, resource: Resource, name: str) -> None:
    found = list_of(harness.status(resource, "demo", name), "conditions")
    kept: JsonObject = {"conditions": [item for item in found if item["type"] != "Odd"]}
    harness.client.patch(resource, "demo", name, {"status": kept}, status=True)


def test_what_refers_to_an_object_that_cannot_be_read_names_it(protected: Harness) -> None:
    session = protected.trigger()
    break_status(protected, known.BACKUP_CONFIGURATIONS, "library-backup")
    protected.settle(work=good_worker)
    status = protected.status(known.BACKUP_SESSIONS, "demo", session)
    assert status["phase"] == "Pending"
    message = str(conditions(status)["ValidationPassed"]["message"])
    assert message.startswith("BackupConfiguration library-backup cannot be read: status.cond")
    configuration = protected.status(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
    assert configuration["phase"] == "Invalid"
    assert_settled(protected)
    mend_status(protected, known.BACKUP_CONFIGURATIONS, "library-backup")
    protected.advance(timedelta(minutes=1))
    protected.settle(work=good_worker)
    # By which of the two is looked at first.
    after = protected.status(known.BACKUP_SESSIONS, "demo", session)
    assert after["phase"] in {"Succeeded", "Skipped"}
    assert "ValidationPassed" not in conditions(after)
    following = protected.trigger()
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", following)["phase"] == "Succeeded"


def test_a_backup_that_runs_keeps_its_phase_and_ends_once_it_can_be_read(
    protected: Harness,
) -> None:
    session = protected.trigger()
    job = protected.run_until(Verb.BACKUP)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    before = protected.status(known.BACKUP_SESSIONS, "demo", session)
    break_status(protected, known.BACKUP_SESSIONS, session)
    protected.look_at_everything()
    protected.settle()
    status = protected.status(known.BACKUP_SESSIONS, "demo", session)
    assert status["phase"] == before["phase"] == "Running"
    assert conditions(status)["ValidationPassed"]["status"] == "False"
    # Nobody else begins on its volume meanwhile.
    protected.apply(manifests.restore("demo", "now"))
    protected.settle()
    assert protected.status(known.RESTORE_SESSIONS, "demo", "now")["phase"] == "Pending"
    protected.finish(job, good_worker(protected, job, plan_of(job)))
    mend_status(protected, known.BACKUP_SESSIONS, session)
    protected.advance(timedelta(minutes=1))
    protected.settle(work=good_worker)
    assert protected.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"
    assert protected.status(known.RESTORE_SESSIONS, "demo", "now")["phase"] == "Succeeded"


def test_what_cannot_be_read_is_shown_by_status(protected: Harness) -> None:
    protected.apply(strange_restore())
    break_status(protected, known.REPOSITORIES, "repo-local")
    found = overview(protected.reader, protected.clock.now()).of(Section.NOT_READY)
    shown = {(item.kind, item.name): item.why for item in found}
    assert shown["RestoreSession", "strange"].endswith(_WHY)
    assert "cannot be read: status.conditions[" in shown["Repository", "repo-local"]


def test_a_timeout_of_a_billion_years_is_invalid(harness: Harness) -> None:
    session = manifests.session("demo", more={"backupTimeout": "99999999999999h"})
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo", session),
    ):
        harness.apply(obj)
    harness.settle(work=good_worker)
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
    assert status["phase"] == "Invalid"
    assert "backupTimeout" in str(conditions(status)["ValidationPassed"]["message"])
    assert_settled(harness)


def pinned_by_the_next_retention(harness: Harness) -> tuple[str, ...]:
    harness.trigger()
    return plan_of(harness.run_until(Verb.RETAIN)).pinned_snapshots


def test_a_restore_that_cannot_be_read_keeps_the_snapshot_that_it_names(
    protected: Harness,
) -> None:
    (first,) = protected.names(known.SNAPSHOTS, "demo")
    strange = strange_restore()
    cast("JsonObject", cast("JsonObject", strange["spec"])["dataSource"])["snapshot"] = first
    protected.apply(strange)
    protected.settle()
    assert protected.status(known.RESTORE_SESSIONS, "demo", "strange")["phase"] == "Invalid"
    assert pinned_by_the_next_retention(protected) == (first,)


def test_a_request_that_cannot_be_read_keeps_the_snapshot_that_it_names(
    protected: Harness,
) -> None:
    (first,) = protected.names(known.SNAPSHOTS, "demo")
    protected.apply(
        manifests.restore_request("demo", "strange", notAfter=_YEAR_ZERO, snapshot=first)
    )
    protected.settle()
    assert pinned_by_the_next_retention(protected) == (first,)


def test_a_restore_that_cannot_be_read_and_names_no_snapshot_holds_its_repository_only(
    protected: Harness,
) -> None:
    elsewhere = strange_restore("elsewhere")
    cast("JsonObject", cast("JsonObject", elsewhere["spec"])["dataSource"])["repository"] = "other"
    nowhere = strange_restore("nowhere")
    del cast("JsonObject", cast("JsonObject", nowhere["spec"])["dataSource"])["repository"]
    for obj in (elsewhere, nowhere):
        protected.apply(obj)
    protected.settle()
    assert pinned_by_the_next_retention(protected) == ()
    protected.settle(work=good_worker)
    protected.advance(timedelta(minutes=1))
    protected.apply(strange_restore())
    protected.settle()
    session = protected.trigger()
    protected.settle(work=good_worker)
    status = protected.status(known.BACKUP_SESSIONS, "demo", session)
    fault("A restore cannot be read and names no Snapshot").check([status])
    summed_up(protected)
    assert_settled(protected)
    protected.delete(known.RESTORE_SESSIONS, "demo", "strange")
    protected.advance(timedelta(minutes=1))
    protected.settle(work=good_worker)
    (applied,) = list_of(
        protected.status(known.BACKUP_SESSIONS, "demo", session), "retentionPolicy"
    )
    assert applied["phase"] == "Applied"


@pytest.mark.parametrize("is_named", [True, False])
def test_a_running_restore_that_cannot_be_read_any_more_keeps_its_volume(
    protected: Harness, *, is_named: bool
) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job = protected.run_until(Verb.RESTORE)
    pod = protected.start_pod(job, {"phase": "Running"})
    protected.advance(timedelta(seconds=5))
    if is_named:
        protected.settle()
    give_time(protected, "back", _YEAR_ZERO)
    protected.settle()
    delete_by_force(protected, pod)
    protected.apply(manifests.restore("demo", "again"))
    protected.trigger()
    protected.settle()
    assert [plan_of(item).restore_session for item in protected.open_jobs()] == ["back"]
    waits = conditions(protected.status(known.RESTORE_SESSIONS, "demo", "again"))
    assert waits["RestoreExecutorEnsured"]["reason"] == "WaitingForRestore"
    # Nobody corrects it: no run takes longer than a day.
    protected.end_job(job, "Failed", "DeadlineExceeded")
    protected.advance(timedelta(hours=26))
    protected.look_at_everything()
    protected.settle()
    names = [plan_of(item).restore_session for item in protected.open_jobs()]
    assert names == ["again"]


def test_a_restore_that_cannot_be_read_is_deleted_and_its_pod_may_run(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    job = protected.run_until(Verb.RESTORE)
    pod = protected.start_pod(job, {"phase": "Running"})
    protected.advance(timedelta(seconds=5))
    protected.settle()
    give_time(protected, "back", _YEAR_ZERO)
    protected.settle()
    delete_by_force(protected, pod)
    protected.client.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.client.delete(known.JOBS, "demo", name_of(job))
    protected.settle()
    protected.apply(manifests.restore("demo", "again"))
    protected.settle()
    assert protected.open_jobs() == []
    waits = conditions(protected.status(known.RESTORE_SESSIONS, "demo", "again"))
    message = str(waits["RestoreExecutorEnsured"]["message"])
    assert message.startswith(f"pod {pod} of RestoreSession back")


def give_time(harness: Harness, name: str, time: str) -> None:
    """Somebody changes what a restore asks for."""
    pitr: JsonObject = {"spec": {"dataSource": {"pitr": {"targetTime": time}}}}
    harness.client.patch(known.RESTORE_SESSIONS, "demo", name, pitr)


def delete_by_force(harness: Harness, pod: str) -> None:
    path = known.PODS.path("demo", pod)
    harness.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
    harness.settle()
