"""Claims without a volume behind them: no backup may be the first consumer, a restore may."""

from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, good_worker

_CONFIGURATION = "library-backup"
_NOT_BOUND = {
    "No volume has been made for the claim": "Pending",
    "The claim has lost its volume": "Lost",
}


def protect(harness: Harness) -> None:
    """The claim's policy, and all that it needs."""
    for item in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(item)


def set_phase(harness: Harness, phase: str, name: str = "library") -> None:
    """What the controller of PersistentVolumes says of the claim."""
    status: JsonObject = {"status": {"phase": phase}}
    harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", name, status, status=True)


def condition(harness: Harness) -> str:
    """What the BackupConfiguration says of its target."""
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", _CONFIGURATION)
    found = status.get("conditions")
    assert isinstance(found, list)
    return str([item for item in found if "TargetBound" in str(item)])


@pytest.mark.parametrize("row", list(_NOT_BOUND))
def test_session_of_a_claim_without_a_volume_is_skipped(harness: Harness, row: str) -> None:
    set_phase(harness, _NOT_BOUND[row])
    protect(harness)
    harness.settle(work=good_worker)
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", _CONFIGURATION)
    assert (status["phase"], status["targetFound"]) == ("NotReady", True)
    assert f"Claim{_NOT_BOUND[row]}" in condition(harness)
    name = harness.trigger()
    harness.settle(work=good_worker)
    fault(row).check([harness.status(known.BACKUP_SESSIONS, "demo", name)])


def test_initial_backup_follows_once_the_workload_has_a_volume(harness: Harness) -> None:
    set_phase(harness, "Pending")
    protect(harness)
    harness.settle(work=good_worker)
    set_phase(harness, "Bound")
    harness.settle(work=good_worker)
    (session,) = harness.names(known.BACKUP_SESSIONS, "demo")
    assert harness.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"
    status = harness.status(known.BACKUP_CONFIGURATIONS, "demo", _CONFIGURATION)
    assert status["phase"] == "Ready"
    assert condition(harness) == "[]"


def test_no_pod_of_ours_binds_the_claim_before(harness: Harness) -> None:
    set_phase(harness, "Pending")
    protect(harness)
    harness.settle(work=good_worker)
    jobs = harness.reader.listed(known.JOBS)
    assert {plan_of(job).verb for job in jobs} == {Verb.INIT_STORAGE, Verb.INIT_REPOSITORY}
    mounted = [str(job) for job in jobs if "'claimName': 'library'" in str(job)]
    assert mounted == []


def test_claim_that_is_being_deleted_is_not_backed_up(harness: Harness) -> None:
    """Its workload runs on, and keeps it until then (Kubernetes, "Storage Object in Use")."""
    protect(harness)
    harness.settle(work=good_worker)
    protection = {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}
    harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library", protection)
    harness.client.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library")
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    name = harness.trigger()
    harness.settle(work=good_worker)
    row = fault("The claim is being deleted")
    row.check([harness.status(known.BACKUP_SESSIONS, "demo", name)])


def test_session_that_was_made_before_its_policy_heard_of_it_is_skipped_too(
    harness: Harness,
) -> None:
    protect(harness)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    name = harness.trigger()
    set_phase(harness, "Lost")
    harness.settle(work=good_worker)
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert status["phase"] == "Skipped"
    assert "is Lost" in str(status)


def test_restore_may_be_the_first_consumer(harness: Harness) -> None:
    """After a disaster nothing else uses the claim: its workload waits for the restore."""
    protect(harness)
    harness.settle(work=good_worker)
    harness.apply({**manifests.claim("demo", "fresh"), "status": {"phase": "Pending"}})
    harness.apply(manifests.restore("demo", "back", claim="fresh"))
    harness.settle(work=good_worker)
    assert harness.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ["Lost", "Terminating"])
def test_restore_waits_for_a_claim_that_can_be_written(harness: Harness, phase: str) -> None:
    protect(harness)
    harness.settle(work=good_worker)
    harness.apply(manifests.claim("demo", "fresh"))
    if phase == "Lost":
        set_phase(harness, "Lost", "fresh")
    else:
        protection = {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}
        harness.client.patch(known.PERSISTENT_VOLUME_CLAIMS, "demo", "fresh", protection)
        harness.client.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "fresh")
    harness.apply(manifests.restore("demo", "back", claim="fresh"))
    harness.settle(work=good_worker)
    status = harness.status(known.RESTORE_SESSIONS, "demo", "back")
    assert status.get("phase") == "Pending", status
    assert "PersistentVolumeClaim fresh is" in str(status)
    if phase == "Lost":
        set_phase(harness, "Bound", "fresh")
        harness.settle(work=good_worker)
        assert harness.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Succeeded"
