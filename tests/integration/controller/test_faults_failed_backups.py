"""Retention follows failed backups: age and full storages do not wait for a good one."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import (
    REPOSITORY_UNUSABLE,
    TRANSIENT,
    ErrorClass,
    RestoredPart,
    Retention,
    RunError,
    RunResult,
)
from stashgen_controller.protocol.run_spec import RunSpec
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, failing_worker, good_worker, name_of

FULL = RunError(reason=ErrorClass.NO_SPACE, message="restic backup: no space left on device")


def protect(harness: Harness, *copies: str, **fields: object) -> None:
    """A volume with one good backup of each copy."""
    for copy in copies:
        harness.apply(manifests.storage("demo", copy))
    harness.apply(manifests.retention("demo"))
    session = manifests.session("demo", copies=copies, more=fields)
    harness.apply(manifests.configuration("demo", session, copies=copies))
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))


def failed(harness: Harness, error: RunError, *, at: str = "") -> JsonObject:
    """The status of a session whose backups fail so."""
    name = harness.trigger()
    harness.settle(work=failing_worker(error, Verb.BACKUP, at=at))
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert status["phase"] == "Failed"
    return status


def applied(status: JsonObject) -> list[tuple[object, object]]:
    """The Repositories whose retention has an outcome, and which."""
    entries = cast("list[JsonObject]", status.get("retentionPolicy") or [])
    return [(item["repository"], item["phase"]) for item in entries]


def test_a_full_storage_is_tidied_after_the_backup_that_failed(harness: Harness) -> None:
    protect(harness, "local")
    status = failed(harness, FULL)
    assert applied(status) == [("repo-local", "Applied")]
    session = harness.names(known.BACKUP_SESSIONS, "demo")[-1]
    snapshot = harness.status(known.SNAPSHOTS, "demo", f"repo-local-{session}")
    fault("The storage is full").check([status, snapshot])


def test_failed_snapshots_that_retention_removed_do_not_pile_up(harness: Harness) -> None:
    protect(harness, "local")

    def removes_failed(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        result = failing_worker(FULL, Verb.BACKUP)(harness, job, plan)
        if plan.verb is not Verb.RETAIN:
            return result
        gone = sorted(item.name for item in plan.unrecorded_failures)[:-1]
        return result.model_copy(update={"retention": Retention(removed=tuple(gone))})

    for _ in range(4):
        harness.trigger()
        harness.settle(work=removes_failed)
        harness.advance(timedelta(hours=1))
    phases = [
        cast("JsonObject", item["status"])["phase"]
        for item in harness.reader.stored_items(known.SNAPSHOTS, "demo")
    ]
    assert sorted(map(str, phases)) == ["Failed", "Succeeded"]


@pytest.mark.parametrize("reason", sorted(set(ErrorClass) - REPOSITORY_UNUSABLE))
def test_whatever_else_failed_age_goes_on(harness: Harness, reason: ErrorClass) -> None:
    protect(harness, "local")
    status = failed(harness, RunError(reason=reason, message="it failed"))
    assert applied(status) == [("repo-local", "Applied")]


@pytest.mark.parametrize("reason", sorted(REPOSITORY_UNUSABLE))
def test_a_repository_that_cannot_be_worked_on_is_left_alone(
    harness: Harness, reason: ErrorClass
) -> None:
    protect(harness, "local")
    assert applied(failed(harness, RunError(reason=reason, message="it failed"))) == []
    harness.advance(timedelta(hours=1))
    harness.look_at_everything()
    harness.settle()
    assert [job for job in harness.open_jobs() if plan_of(job).verb is Verb.RETAIN] == []


def test_only_the_last_of_a_row_of_retries_is_followed(harness: Harness) -> None:
    protect(harness, "local", retryConfig={"maxRetry": 1, "delay": "2m"})
    error = RunError(reason=ErrorClass.KILLED, message="exit code 137")
    assert error.reason in TRANSIENT
    first = failed(harness, error)
    assert "nextRetry" in first
    assert applied(first) == []
    harness.advance(timedelta(minutes=3))
    harness.settle(work=failing_worker(error, Verb.BACKUP))
    last = harness.names(known.BACKUP_SESSIONS, "demo")[-1]
    status = harness.status(known.BACKUP_SESSIONS, "demo", last)
    assert applied(status) == [("repo-local", "Applied")]


def test_each_copy_has_its_own_retention_whichever_failed(harness: Harness) -> None:
    protect(harness, "local", "nas")
    status = failed(harness, FULL, at="nas")
    assert applied(status) == [("repo-local", "Applied"), ("repo-nas", "Applied")]


def test_nothing_follows_where_no_repository_was_ever_made(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.configuration("demo"))
    wrong = RunError(reason=ErrorClass.INTERNAL, message="it failed")
    harness.settle(work=failing_worker(wrong, Verb.INIT_REPOSITORY))
    harness.trigger()
    harness.settle(work=failing_worker(wrong, Verb.INIT_REPOSITORY))
    verbs = {plan_of(job).verb for job in harness.reader.stored_items(known.JOBS, "demo")}
    assert Verb.RETAIN not in verbs


def test_a_session_is_not_over_before_its_retention_is(harness: Harness) -> None:
    """A controller that dies in between goes on with the Job that it finds."""
    protect(harness, "local")
    name = harness.trigger()
    harness.settle()
    (job,) = harness.open_jobs()
    harness.finish(job, failing_worker(FULL, Verb.BACKUP)(harness, job, plan_of(job)))
    harness.settle()
    (retain,) = harness.open_jobs()
    assert plan_of(retain).verb is Verb.RETAIN
    harness.advance(timedelta(minutes=1))
    harness.look_at_everything()
    harness.settle()
    assert [name_of(item) for item in harness.open_jobs()] == [name_of(retain)]
    harness.finish(retain, good_worker(harness, retain, plan_of(retain)))
    harness.settle()
    status = harness.status(known.BACKUP_SESSIONS, "demo", name)
    assert applied(status) == [("repo-local", "Applied")]


def test_a_half_restored_volume_keeps_its_history(harness: Harness) -> None:
    protect(harness, "local")
    # The backup fails while a restore waits for it; that one then ends half way.
    harness.trigger()
    harness.settle()
    (backup,) = harness.open_jobs()
    harness.apply(manifests.restore("demo", "back"))
    harness.settle()
    harness.finish(backup, failing_worker(FULL, Verb.BACKUP)(harness, backup, plan_of(backup)))
    harness.settle()
    (restore,) = harness.open_jobs()
    assert plan_of(restore).verb is Verb.RESTORE
    result = good_worker(harness, restore, plan_of(restore))
    harness.finish(
        restore,
        result.model_copy(
            update={
                "phase": Phase.FAILED,
                "error": FULL,
                "components": {},
                "restored": RestoredPart(files=1, total_files=2),
            }
        ),
    )
    harness.settle()
    harness.advance(timedelta(hours=3))
    harness.look_at_everything()
    harness.settle()
    assert harness.open_jobs() == []
