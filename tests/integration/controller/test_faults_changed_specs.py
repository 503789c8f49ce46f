"""Specs that people change while a Job runs: what runs keeps what it began with."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kube.client import ApiError
from tests.integration.controller.mortal_client import DeathError, mortal
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, conditions, good_worker, name_of

_ELSEWHERE: JsonObject = {
    "target": {"name": "other"},
    "dataSource": {"repository": "repo-other", "snapshot": "latest"},
}


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with one good Snapshot, and another volume."""
    for obj in (
        manifests.claim("demo", "other"),
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))
    return harness


def change(harness: Harness, spec: JsonObject, name: str = "back") -> None:
    """Somebody has the restore restore something else."""
    harness.client.patch(known.RESTORE_SESSIONS, "demo", name, {"spec": spec})
    harness.settle()


def start(harness: Harness) -> tuple[JsonObject, str]:
    """A restore whose pod runs: its Job, and the pod's name."""
    harness.apply(manifests.restore("demo", "back"))
    job = harness.run_until(Verb.RESTORE)
    pod = harness.start_pod(job, {"phase": "Running"})
    harness.advance(timedelta(seconds=6))
    harness.settle()
    return job, pod


def delete_by_force(harness: Harness, pod: str) -> None:
    harness.client.raw("DELETE", known.PODS.path("demo", pod), {"gracePeriodSeconds": 0})
    harness.settle()


def restore_status(harness: Harness, name: str = "back") -> JsonObject:
    return harness.status(known.RESTORE_SESSIONS, "demo", name)


def waits(harness: Harness, name: str) -> str:
    """Why a restore has not begun."""
    return str(conditions(restore_status(harness, name))["RestoreExecutorEnsured"]["reason"])


def restoring(harness: Harness) -> list[str | None]:
    return [plan_of(job).restore_session for job in harness.open_jobs()]


@pytest.mark.parametrize("changed", [_ELSEWHERE, {"target": {"name": "other"}}], ids=str)
def test_a_running_restore_that_is_changed_keeps_what_it_began_with(
    protected: Harness, changed: JsonObject
) -> None:
    (snapshot,) = protected.names(known.SNAPSHOTS, "demo")
    job, pod = start(protected)
    change(protected, changed)
    delete_by_force(protected, pod)
    protected.apply(manifests.restore("demo", "again"))
    protected.settle()
    assert restoring(protected) == ["back"]
    assert waits(protected, "again") == "WaitingForRestore"
    status = restore_status(protected)
    in_effect = mapping_of(status, "inEffect")
    assert [in_effect[field] for field in ("target", "repository", "snapshot")] == [
        "library",
        "repo-local",
        snapshot,
    ]
    fault("A restore that runs is changed to another volume").check([status])
    protected.delete(known.RESTORE_SESSIONS, "demo", "again")
    protected.end_job(job, "Failed", "BackoffLimitExceeded")
    accepted: JsonObject = {"metadata": {"annotations": {ACCEPT_LOST_POD_ANNOTATION: pod}}}
    protected.client.patch(known.RESTORE_SESSIONS, "demo", "back", accepted)
    protected.settle()
    assert restore_status(protected)["phase"] == "Failed"
    # It left the first volume half written, whatever it says now.
    protected.advance(timedelta(minutes=1))
    session = protected.trigger()
    protected.settle(work=good_worker)
    backup = protected.status(known.BACKUP_SESSIONS, "demo", session)
    assert (backup["phase"], "RestoreSession back restored" in str(backup)) == ("Skipped", True)


def test_the_pod_of_a_changed_restore_that_is_deleted_is_remembered(protected: Harness) -> None:
    job, pod = start(protected)
    change(protected, _ELSEWHERE)
    delete_by_force(protected, pod)
    protected.client.delete(known.RESTORE_SESSIONS, "demo", "back")
    protected.client.delete(known.JOBS, "demo", name_of(job))
    protected.settle()
    protected.forget()
    protected.apply(manifests.restore("demo", "again"))
    protected.settle()
    assert restoring(protected) == []
    assert waits(protected, "again") == "WaitingForPod"
    (lost,) = cast(
        "list[JsonObject]", protected.status(known.REPOSITORIES, "demo", "repo-local")["lostPods"]
    )
    assert (lost["pod"], lost["claims"]) == (pod, ["library"])


def test_a_restore_that_is_changed_before_its_job_is_there_restores_what_it_claimed(
    protected: Harness,
) -> None:
    protected.apply(manifests.restore("demo", "back"))
    with pytest.raises(DeathError), mortal(protected, 1, is_sent=False):
        protected.settle()
    assert "executor" in restore_status(protected)
    change(protected, _ELSEWHERE)
    (job,) = protected.open_jobs()
    assert "'claimName': 'library'" in str(job)
    assert "'claimName': 'other'" not in str(job)
    protected.settle(work=good_worker)
    assert restore_status(protected)["phase"] == "Succeeded"


def test_a_restore_that_has_not_begun_may_be_changed(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back", claim="absent"))
    protected.settle()
    change(protected, {"target": {"name": "other"}})
    (job,) = protected.open_jobs()
    assert "'claimName': 'other'" in str(job)
    protected.settle(work=good_worker)
    assert "ChangedAfterStart" not in conditions(restore_status(protected))


def test_a_restore_that_has_ended_only_says_that_it_was_changed(protected: Harness) -> None:
    protected.apply(manifests.restore("demo", "back"))
    protected.settle(work=good_worker)
    before = restore_status(protected)
    change(protected, _ELSEWHERE)
    after = restore_status(protected)
    said = conditions(after)["ChangedAfterStart"]
    assert "of Repository repo-local into PersistentVolumeClaim library" in str(said["message"])
    assert {**after, "conditions": []} == {**before, "conditions": []}
    change(protected, {"target": {"name": "library"}, "dataSource": {"repository": "repo-local"}})
    assert restore_status(protected) == before
    assert restoring(protected) == []


def test_what_a_changed_restore_restores_is_kept(protected: Harness) -> None:
    """Retention asks for what runs, not for what its spec says by now."""
    (first,) = protected.names(known.SNAPSHOTS, "demo")
    protected.trigger()
    retain = protected.run_until(Verb.RETAIN)
    protected.apply(manifests.restore("demo", "back", claim="other", snapshot=first))
    restore = protected.run_until(Verb.RESTORE)
    change(protected, _ELSEWHERE)
    assert name_of(retain) not in protected.names(known.JOBS, "demo")
    protected.finish(restore, good_worker(protected, restore, plan_of(restore)))
    protected.settle(work=good_worker)
    assert first in protected.names(known.SNAPSHOTS, "demo")


@pytest.mark.parametrize(
    ("resource", "name", "spec"),
    [
        (known.REPOSITORIES, "repo-local", {"appRef": {"name": "other"}}),
        (known.REPOSITORIES, "repo-local", {"storageRef": {"name": "remote"}}),
        (known.REPOSITORIES, "repo-local", {"storageRef": None}),
        (known.SNAPSHOTS, "", {"repository": "repo-other"}),
        (known.BACKUP_SESSIONS, "", {"session": "weekly"}),
    ],
)
def test_what_a_run_is_of_cannot_be_changed(
    protected: Harness, resource: known.Resource, name: str, spec: JsonObject
) -> None:
    protected.trigger()
    protected.run_until(Verb.BACKUP)
    name = name or protected.names(resource, "demo")[-1]
    with pytest.raises(ApiError) as refused:
        protected.client.patch(resource, "demo", name, {"spec": spec})
    assert refused.value.status == 422
