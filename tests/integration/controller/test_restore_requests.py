"""A RestoreRequest: one restore for one reviewed act, whatever a syncer does with the object."""

from datetime import timedelta
from itertools import pairwise
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time
from stashgen.api.restore_session import RestoredBefore
from stashgen.kubestash.names import requested_restore_name
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kube.client import InvalidError
from stashgen_controller.protocol.run_result import ErrorClass, RunError, RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from tests.integration.controller.mortal_client import DeathError, mortal
from tests.support import manifests
from tests.support.harness import (
    START,
    Harness,
    conditions,
    failing_worker,
    good_worker,
    metadata,
    name_of,
)

SNAPSHOT = "repo-local-library-backup-backup-1772366400"
FIRST, SECOND = (requested_restore_name("incident-42", number) for number in (1, 2))
_KILLED = RunError(reason=ErrorClass.KILLED, message="exit code 137")


class Ledger:
    """A worker that keeps the record of the bucket, as the real one does in a file."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self.written: list[str] = []

    def __call__(self, harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        """Restore once a nonce."""
        result = good_worker(harness, job, plan)
        if plan.order is None:
            return result
        now = harness.clock.now()
        if plan.order.nonce in self.done:
            text = (
                f"already restored at {self.done[plan.order.nonce]}; nothing was written this time"
            )
            before = RestoredBefore(time=now, message=text)
            return result.model_copy(update={"restored_before": before})
        self.done[plan.order.nonce] = format_time(now)
        self.written.append(name_of(cast("JsonObject", plan.snapshot)))
        return result


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A plain set with one succeeded Snapshot."""
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    harness.settle(work=good_worker)
    return harness


@pytest.fixture
def ledger() -> Ledger:
    """A bucket without a record."""
    return Ledger()


def ask(harness: Harness, name: str = "act", **spec: object) -> JsonObject:
    return harness.apply(manifests.restore_request("demo", name, **spec))


def status(harness: Harness, name: str = "act") -> JsonObject:
    return harness.status(known.RESTORE_REQUESTS, "demo", name)


def told(harness: Harness, name: str = "act") -> tuple[object, object, object]:
    """Phase, and what kstatus reads: the true one of Ready, Reconciling and Stalled; its reason."""
    found = conditions(status(harness, name))
    assert all(item["observedGeneration"] == 1 for item in found.values()), found
    true = [item for item in found.values() if item["status"] == "True"]
    assert len(true) == 1, found
    if status(harness, name)["phase"] in {"Failed", "Expired"}:
        assert status(harness, name)["error"]
    return status(harness, name)["phase"], true[0]["type"], true[0]["reason"]


def message(harness: Harness, name: str = "act") -> str:
    return str(conditions(status(harness, name))["Ready"]["message"])


def readd(harness: Harness, **spec: object) -> None:
    """What a prune and the next sync do, and a forced replace."""
    harness.delete(known.RESTORE_REQUESTS, "demo", "act")
    ask(harness, "act", **spec)


def restores(harness: Harness) -> list[str]:
    """The Jobs that were made to restore, in order."""
    return [name for kind, name in harness.created if kind == "Job" and name.startswith("restore")]


def test_a_request_makes_one_restore_session_that_no_prune_takes_along(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected, reason="the disk of node-3")
    job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    assert told(protected) == ("Running", "Reconciling", "Restoring")
    assert status(protected)["snapshot"] == SNAPSHOT
    assert status(protected)["restoreSession"] == FIRST
    session = protected.get(known.RESTORE_SESSIONS, "demo", FIRST)
    assert "ownerReferences" not in metadata(session)
    assert session["spec"] == {
        "target": {
            "apiGroup": "",
            "kind": "PersistentVolumeClaim",
            "name": "library",
            "namespace": "demo",
        },
        "dataSource": {
            "repository": "repo-local",
            "snapshot": SNAPSHOT,
            "encryptionSecret": {"name": "restic-key", "namespace": "demo"},
        },
        "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
    }
    order = plan_of(job).order
    assert order is not None
    assert (order.nonce, order.request, order.target) == ("incident-42", "act", "library")

    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")
    assert ledger.written == [SNAPSHOT]
    ask(protected, reason="the disk of node-3")
    with protected.counted() as requests:
        protected.look_at_everything()
    assert not requests
    assert restores(protected) == [FIRST]


def test_a_request_cannot_be_changed_into_another(protected: Harness) -> None:
    ask(protected)
    with pytest.raises(InvalidError, match="a request is one act"):
        ask(protected, snapshot=SNAPSHOT)


def test_pruned_and_added_again_while_it_runs_the_same_restore_goes_on(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected)
    job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    protected.delete(known.RESTORE_REQUESTS, "demo", "act")
    protected.settle()
    assert protected.names(known.RESTORE_SESSIONS, "demo") == [FIRST]
    assert name_of(job) in protected.names(known.JOBS, "demo")
    ask(protected)
    protected.settle()
    assert told(protected) == ("Running", "Reconciling", "Restoring")
    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")
    assert restores(protected) == [FIRST]


def test_deleted_before_its_start_it_does_not_start_until_it_is_added_again(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected, claim="new")
    protected.settle(work=ledger)
    assert protected.names(known.RESTORE_SESSIONS, "demo") == [FIRST]
    protected.delete(known.RESTORE_REQUESTS, "demo", "act")
    protected.apply(manifests.claim("demo", "new"))
    protected.settle(work=ledger)
    waiting = protected.status(known.RESTORE_SESSIONS, "demo", FIRST)
    assert conditions(waiting)["RestoreExecutorEnsured"]["reason"] == "WaitingForRequest"
    assert restores(protected) == []
    ask(protected, claim="new")
    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")


@pytest.mark.parametrize("is_session_there", [True, False])
def test_pruned_and_added_again_after_its_end_nothing_is_written(
    protected: Harness, ledger: Ledger, is_session_there: bool
) -> None:
    ask(protected)
    protected.settle(work=ledger)
    # Another snapshot is the latest by now.
    protected.advance(timedelta(minutes=20))
    protected.trigger()
    protected.settle(work=ledger)
    if not is_session_there:
        protected.delete(known.RESTORE_SESSIONS, "demo", FIRST)
        protected.settle(work=ledger)
        assert protected.names(known.RESTORE_SESSIONS, "demo") == []
    readd(protected)
    protected.settle(work=ledger)
    reason = "Restored" if is_session_there else "RestoredBefore"
    assert told(protected) == ("Succeeded", "Ready", reason)
    assert ledger.written == [SNAPSHOT]
    assert restores(protected) == [FIRST] * (1 if is_session_there else 2)
    if not is_session_there:
        assert status(protected)["restoredBefore"]
        assert message(protected).endswith("nothing was written this time")


def test_its_restore_session_deleted_after_the_end_changes_nothing(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected)
    protected.settle(work=ledger)
    protected.delete(known.RESTORE_SESSIONS, "demo", FIRST)
    protected.look_at_everything()
    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")
    assert restores(protected) == [FIRST]


def test_a_restore_that_was_done_before_makes_nobody_the_writer(
    harness: Harness, ledger: Ledger
) -> None:
    """A rebuilt cluster finds a request that another one has done, and an empty volume."""
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    ledger.done["incident-42"] = "2026-02-01T00:00:00Z"
    expected = RunError(reason=ErrorClass.RESTORE_EXPECTED, message="another volume wrote here")
    harness.advance(timedelta(minutes=17))
    harness.trigger(configuration="library")
    harness.settle(work=failing_worker(expected, Verb.BACKUP))
    assert harness.status(known.REPOSITORIES, "demo", "local-k3f9q")["writerMatches"] is False

    harness.advance(timedelta(minutes=1))
    ask(harness, repository="local-k3f9q")
    harness.settle(work=ledger)
    assert told(harness) == ("Succeeded", "Ready", "RestoredBefore")
    assert harness.status(known.REPOSITORIES, "demo", "local-k3f9q")["writerMatches"] is False


def test_a_compiled_repository_is_restored_by_its_reviewed_template(
    harness: Harness, ledger: Ledger
) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.apply(manifests.claim("demo", "library-copy"))
    harness.settle(work=good_worker)
    ask(harness, repository="local-k3f9q", claim="library-copy", mode="OnlyIfEmpty")
    job = harness.run_until(Verb.RESTORE)
    template = harness.get(known.POD_TEMPLATES, "demo", "restore-local-k3f9q")
    made = cast("JsonObject", cast("JsonObject", job["spec"])["template"])["spec"]
    reviewed = cast("JsonObject", template["template"])["spec"]
    assert str(made).replace("library-copy", "library") == str(reviewed)
    assert not plan_of(job).adopt
    harness.settle(work=ledger)
    assert told(harness) == ("Succeeded", "Ready", "Restored")


def test_without_a_matching_snapshot_it_fails_at_once(protected: Harness, ledger: Ledger) -> None:
    ask(protected, "named", nonce="incident-1", snapshot="no-such")
    ask(protected, "nowhere", nonce="incident-2", repository="no-such")
    protected.settle(work=ledger)
    for name, why in (("named", "no succeeded Snapshot no-such"), ("nowhere", "does not exist")):
        assert told(protected, name) == ("Failed", "Stalled", "NoSnapshot")
        assert why in message(protected, name)
    assert restores(protected) == []


def test_it_waits_for_a_snapshot_and_takes_the_first(harness: Harness, ledger: Ledger) -> None:
    ask(harness, onMissing="Wait")
    harness.settle(work=ledger)
    assert told(harness) == ("Pending", "Reconciling", "WaitingForSnapshot")
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    harness.settle(work=ledger)
    assert told(harness) == ("Succeeded", "Ready", "Restored")
    assert ledger.written == [SNAPSHOT]


def test_it_waits_for_a_snapshot_no_longer_than_it_may(harness: Harness, ledger: Ledger) -> None:
    ask(harness, onMissing="Wait")
    harness.settle(work=ledger)
    harness.advance(timedelta(hours=2))
    harness.settle(work=ledger)
    assert told(harness) == ("Failed", "Stalled", "NoSnapshot")
    assert message(harness) == (
        "Repository repo-local does not exist; waited until notAfter 2026-03-01T14:00:00Z"
    )


def test_a_request_that_comes_too_late_starts_nothing_and_stops_no_sync(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected, notAfter="2026-03-01T12:00:00Z")
    protected.settle(work=ledger)
    assert told(protected) == ("Expired", "Ready", "Expired")
    assert "passed before the restore started" in message(protected)
    assert protected.names(known.RESTORE_SESSIONS, "demo") == []


def test_a_claim_that_does_not_come_in_time_is_a_failure(
    protected: Harness, ledger: Ledger
) -> None:
    for name in ("in-time", "too-late"):
        ask(protected, name, nonce=f"nonce-{name}", claim=f"{name}-claim")
    protected.settle(work=ledger)
    assert told(protected, "in-time")[:2] == ("Pending", "Reconciling")
    assert message(protected, "in-time") == "PersistentVolumeClaim in-time-claim does not exist"
    protected.apply(manifests.claim("demo", "in-time-claim"))
    protected.settle(work=ledger)
    assert told(protected, "in-time") == ("Succeeded", "Ready", "Restored")

    protected.advance(timedelta(hours=2))
    protected.apply(manifests.claim("demo", "too-late-claim"))
    protected.settle(work=ledger)
    assert told(protected, "too-late") == ("Expired", "Stalled", "Expired")
    assert "PersistentVolumeClaim too-late-claim does not exist" in message(protected, "too-late")
    assert len(ledger.written) == 1


def test_one_that_was_killed_is_resumed_with_the_snapshot_that_was_latest_then(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected)
    protected.settle(work=failing_worker(_KILLED, Verb.RESTORE))
    assert told(protected) == ("Pending", "Reconciling", "WaitingForRetry")
    assert "attempt 1 of 5 failed" in message(protected)
    assert "Killed: exit code 137" in message(protected)
    protected.advance(timedelta(seconds=30))
    protected.trigger()
    protected.settle(work=ledger)
    assert restores(protected) == [FIRST]
    protected.advance(timedelta(seconds=31))
    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")
    assert (status(protected)["attempt"], status(protected)["restoreSession"]) == (2, SECOND)
    assert ledger.written == [SNAPSHOT]
    # Added again it finds its last attempt, not its first.
    readd(protected)
    protected.settle(work=ledger)
    assert told(protected) == ("Succeeded", "Ready", "Restored")
    assert restores(protected) == [FIRST, SECOND]


def test_it_is_resumed_five_times_at_most_and_ever_later(protected: Harness) -> None:
    ask(protected)
    began: list[timedelta] = []
    for _ in range(60):
        protected.settle(work=failing_worker(_KILLED, Verb.RESTORE))
        if len(restores(protected)) > len(began):
            began.append(protected.clock.now() - START)
        protected.advance(timedelta(minutes=1))
    assert told(protected) == ("Failed", "Stalled", "Killed")
    minutes = [int(item.total_seconds()) // 60 for item in began]
    assert [later - before for before, later in pairwise(minutes)] == [1, 2, 4, 8]


def test_nothing_is_resumed_after_its_time(protected: Harness) -> None:
    ask(protected, notAfter="2026-03-01T12:00:30Z")
    protected.settle(work=failing_worker(_KILLED, Verb.RESTORE))
    protected.advance(timedelta(minutes=5))
    protected.settle(work=failing_worker(_KILLED, Verb.RESTORE))
    assert told(protected) == ("Failed", "Stalled", "Killed")
    assert "notAfter has passed, so it is not resumed" in message(protected)
    assert restores(protected) == [FIRST]


@pytest.mark.parametrize(
    "error",
    [
        RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password"),
        RunError(reason=ErrorClass.NOT_EMPTY, message="mode OnlyIfEmpty: the volume contains file"),
        RunError(reason=ErrorClass.NONCE_REUSED, message="nonce stands for another act"),
    ],
)
def test_what_does_not_pass_by_itself_is_told_and_not_tried_again(
    protected: Harness, error: RunError
) -> None:
    ask(protected)
    protected.settle(work=failing_worker(error, Verb.RESTORE))
    assert told(protected) == ("Failed", "Stalled", error.reason.value)
    assert status(protected)["error"] == error.why.text
    protected.advance(timedelta(hours=1))
    readd(protected)
    protected.settle(work=failing_worker(error, Verb.RESTORE))
    assert told(protected) == ("Failed", "Stalled", error.reason.value)
    assert restores(protected) == [FIRST]


def test_another_request_with_its_nonce_is_refused(protected: Harness, ledger: Ledger) -> None:
    ask(protected)
    protected.settle(work=ledger)
    ask(protected, "another")
    protected.settle(work=ledger)
    assert told(protected, "another") == ("Failed", "Stalled", "NonceReused")
    assert "created for another restore: RestoreRequest act" in message(protected, "another")
    # Nor is the same name with another act the same act.
    readd(protected, claim="backup-store")
    protected.settle(work=ledger)
    assert told(protected) == ("Failed", "Stalled", "NonceReused")
    assert len(ledger.written) == 1


def test_two_requests_with_one_nonce_at_once_restore_once(
    protected: Harness, ledger: Ledger
) -> None:
    for name in ("act", "another"):
        ask(protected, name)
    protected.settle(work=ledger)
    phases = sorted(str(status(protected, name)["phase"]) for name in ("act", "another"))
    assert phases == ["Failed", "Succeeded"]
    assert len(ledger.written) == 1


def test_a_restore_session_of_a_person_with_its_name_is_left_alone(
    protected: Harness, ledger: Ledger
) -> None:
    protected.apply(manifests.restore("demo", FIRST, snapshot="no-such"))
    ask(protected)
    protected.settle(work=ledger)
    assert told(protected) == ("Failed", "Stalled", "NonceReused")
    assert "was not created for a RestoreRequest" in message(protected)


def test_a_restore_session_that_a_person_deletes_ends_the_request(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected)
    job = protected.run_until(Verb.RESTORE)
    protected.start_pod(job, {"phase": "Running"})
    protected.settle()
    protected.delete(known.RESTORE_SESSIONS, "demo", FIRST)
    protected.settle(work=ledger)
    assert status(protected)["phase"] == "Running"
    protected.advance(timedelta(seconds=30))
    protected.settle(work=ledger)
    assert told(protected) == ("Failed", "Stalled", "RestoreSessionDeleted")
    assert restores(protected) == [FIRST]


def test_a_restore_session_that_a_person_deletes_before_it_is_resumed_is_not_begun_anew(
    protected: Harness, ledger: Ledger
) -> None:
    ask(protected)
    protected.settle(work=failing_worker(_KILLED, Verb.RESTORE))
    assert told(protected) == ("Pending", "Reconciling", "WaitingForRetry")
    protected.delete(known.RESTORE_SESSIONS, "demo", FIRST)
    protected.settle(work=ledger)
    protected.advance(timedelta(minutes=10))
    protected.settle(work=ledger)
    assert told(protected) == ("Failed", "Stalled", "RestoreSessionDeleted")
    assert (restores(protected), ledger.written) == ([FIRST], [])


def test_a_job_that_a_person_deletes_ends_the_request(protected: Harness, ledger: Ledger) -> None:
    ask(protected)
    protected.run_until(Verb.RESTORE)
    protected.settle()
    protected.delete(known.JOBS, "demo", FIRST)
    protected.settle(work=ledger)
    protected.advance(timedelta(hours=1))
    protected.settle(work=ledger)
    assert told(protected) == ("Failed", "Stalled", "ExecutorLost")
    assert restores(protected) == [FIRST]


def test_an_order_that_somebody_changed_is_not_carried_out(
    protected: Harness, ledger: Ledger
) -> None:
    obj = manifests.restore("demo", "by-hand")
    annotations: JsonObject = {"stashgen.dev/restore-order": '{"nonce": "../../x"}'}
    protected.apply({**obj, "metadata": {**metadata(obj), "annotations": annotations}})
    protected.settle(work=ledger)
    found = protected.status(known.RESTORE_SESSIONS, "demo", "by-hand")
    assert found["phase"] == "Invalid"
    assert "cannot be read" in str(conditions(found)["ValidationPassed"]["message"])


@pytest.mark.parametrize("is_sent", [True, False], ids=["answer lost", "not sent"])
def test_whenever_the_controller_dies_the_next_one_restores_once(
    protected: Harness, is_sent: bool
) -> None:
    done = False
    writes = 0
    while not done:
        name, nonce = f"act-{writes}", f"incident-{writes:03d}"
        ledger = Ledger()
        # Killed once, so that the resumption is part of the story.
        killed = failing_worker(_KILLED, Verb.RESTORE)
        ask(protected, name, nonce=nonce, notAfter="2027-01-01T00:00:00Z")
        with mortal(protected, writes, is_sent=is_sent):
            try:
                protected.settle(work=killed)
                protected.advance(timedelta(minutes=1))
                protected.settle(work=ledger)
                done = True
            except DeathError:
                pass
        protected.look_at_everything()
        protected.settle(work=ledger)
        protected.advance(timedelta(minutes=1))
        protected.settle(work=ledger)
        assert told(protected, name) == ("Succeeded", "Ready", "Restored")
        assert ledger.written == [SNAPSHOT]
        assert len(protected.created) == len(set(protected.created)), "something was made twice"
        assert protected.errors == []
        writes += 1
    assert writes > 8, "the story is shorter than it was"
