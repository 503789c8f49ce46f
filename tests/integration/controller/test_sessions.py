"""Backup sessions of plain manifests: copies, failures, retries, history, retention."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.jobs.run import SETTLES
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from stashgen_controller.runtime.decision import Key
from tests.support import manifests
from tests.support.harness import (
    Harness,
    conditions,
    failing_worker,
    good_worker,
    metadata,
    name_of,
)

INITIAL = "library-backup-backup-1772366400"
LOCKED = RunError(reason=ErrorClass.LOCKED, message="somebody holds the lock")
WRONG = RunError(reason=ErrorClass.WRONG_PASSWORD, message="wrong password or no key found")


def protect(harness: Harness, *copies: str, **fields: object) -> None:
    """Apply what a plain configuration with some copies needs."""
    for copy in copies:
        harness.apply(manifests.storage("demo", copy))
    harness.apply(manifests.retention("demo"))
    session = manifests.session("demo", copies=copies, more=fields)
    harness.apply(manifests.configuration("demo", session, copies=copies))


def session(harness: Harness, name: str = INITIAL) -> JsonObject:
    return harness.status(known.BACKUP_SESSIONS, "demo", name)


def phases(harness: Harness, resource: Resource) -> dict[str, object]:
    return {
        name_of(obj): cast("JsonObject", obj.get("status") or {}).get("phase")
        for obj in harness.reader.stored_items(resource, "demo")
    }


def test_copies_run_one_after_the_other_and_each_has_its_snapshot(harness: Harness) -> None:
    protect(harness, "local", "nas")
    first = harness.run_until(Verb.BACKUP)
    assert name_of(first) == f"repo-local-{INITIAL}"
    assert [name_of(job) for job in harness.open_jobs()] == [name_of(first)]
    assert session(harness)["totalSnapshots"] == 2

    harness.settle(work=good_worker)

    assert phases(harness, known.SNAPSHOTS) == {
        f"repo-local-{INITIAL}": "Succeeded",
        f"repo-nas-{INITIAL}": "Succeeded",
    }
    assert session(harness)["phase"] == "Succeeded"
    applied = cast("list[JsonObject]", session(harness)["retentionPolicy"])
    assert [(item["repository"], item["phase"]) for item in applied] == [
        ("repo-local", "Applied"),
        ("repo-nas", "Applied"),
    ]


def test_a_snapshot_has_no_owner_and_says_whose_it_is(harness: Harness) -> None:
    protect(harness, "local")
    harness.settle(work=good_worker)
    snapshot = harness.get(known.SNAPSHOTS, "demo", f"repo-local-{INITIAL}")
    assert "ownerReferences" not in metadata(snapshot)
    assert metadata(snapshot)["labels"] == {
        "kubestash.com/app-ref-kind": "PersistentVolumeClaim",
        "kubestash.com/app-ref-name": "library",
        "kubestash.com/app-ref-namespace": "demo",
        "kubestash.com/repo-name": "repo-local",
    }


def test_a_copy_that_fails_does_not_stop_the_next(harness: Harness) -> None:
    protect(harness, "local", "nas")
    harness.settle(work=failing_worker(WRONG, Verb.BACKUP, at="local"))
    assert session(harness)["phase"] == "Failed"
    assert phases(harness, known.SNAPSHOTS) == {
        f"repo-local-{INITIAL}": "Failed",
        f"repo-nas-{INITIAL}": "Succeeded",
    }
    applied = cast("list[JsonObject]", session(harness)["retentionPolicy"])
    assert [item["repository"] for item in applied] == ["repo-nas"]
    failed = harness.status(known.SNAPSHOTS, "demo", f"repo-local-{INITIAL}")
    component = cast("dict[str, JsonObject]", failed["components"])["dump"]
    assert component["error"] == "WrongPassword: wrong password or no key found"


def test_a_copy_whose_repository_is_not_ready_does_not_stop_the_next(harness: Harness) -> None:
    protect(harness, "local", "nas")
    harness.settle(work=failing_worker(WRONG, Verb.INIT_REPOSITORY, at="local"))
    name = harness.trigger()
    harness.settle(work=failing_worker(WRONG, Verb.INIT_REPOSITORY, at="local"))
    assert session(harness, name)["phase"] == "Failed"
    found = phases(harness, known.SNAPSHOTS)
    assert found == {f"repo-local-{name}": "Failed", f"repo-nas-{name}": "Succeeded"}
    ensured = conditions(session(harness, name))["BackupExecutorEnsured"]
    assert ensured["status"] == "False"
    assert "Repository repo-local is not Ready: WrongPassword" in str(ensured["message"])
    incomplete = conditions(harness.status(known.SNAPSHOTS, "demo", f"repo-local-{name}"))
    assert "Repository repo-local is not Ready" in str(incomplete["BackupIncomplete"]["message"])


def test_a_paused_repository_is_left_out(harness: Harness) -> None:
    protect(harness, "local", "nas")
    harness.settle(work=good_worker)
    repository = harness.get(known.REPOSITORIES, "demo", "repo-nas")
    spec = cast("JsonObject", repository["spec"])
    harness.client.replace(
        known.REPOSITORIES, "demo", {**repository, "spec": {**spec, "paused": True}}
    )
    harness.advance(timedelta(minutes=5))
    name = harness.trigger()
    harness.settle(work=good_worker)
    assert session(harness, name)["phase"] == "Succeeded"
    assert session(harness, name)["totalSnapshots"] == 1


def test_a_copy_that_hangs_leaves_time_to_the_next(harness: Harness) -> None:
    protect(harness, "local", "nas", backupTimeout="1h0m0s")
    first = harness.run_until(Verb.BACKUP)
    started = harness.clock.now()
    assert plan_of(first).deadline == started + timedelta(minutes=30)
    harness.advance(timedelta(minutes=32))
    harness.end_job(first, "Failed", "DeadlineExceeded", "Job was active longer than specified")
    second = harness.run_until(Verb.BACKUP)
    assert plan_of(second).deadline == started + timedelta(hours=1)
    assert plan_of(second).last_copy
    assert plan_of(second).earlier_copy_failed
    harness.settle(work=good_worker)
    assert session(harness)["phase"] == "Failed"
    assert phases(harness, known.SNAPSHOTS)[f"repo-nas-{INITIAL}"] == "Succeeded"
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", f"repo-local-{INITIAL}"))
    assert "DeadlineExceeded" in str(failed["BackupIncomplete"]["message"])


def test_after_the_deadline_no_job_is_made(harness: Harness) -> None:
    protect(harness, "local", "nas", backupTimeout="10m0s")
    first = harness.run_until(Verb.BACKUP)
    harness.advance(timedelta(minutes=11))
    harness.end_job(first, "Failed", "DeadlineExceeded", "too long")
    harness.settle(work=good_worker)
    assert ("Job", f"repo-nas-{INITIAL}") not in harness.created
    assert session(harness)["phase"] == "Failed"
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", f"repo-nas-{INITIAL}"))
    assert "DeadlineExceeded" in str(failed["BackupIncomplete"]["message"])


def test_a_job_that_somebody_deletes_is_lost_and_tried_again_within_the_budget(
    harness: Harness,
) -> None:
    protect(harness, "local", retryConfig={"maxRetry": 1, "delay": "2m"})
    for attempt in range(2):
        job = harness.run_until(Verb.BACKUP)
        harness.start_pod(job, {"phase": "Running"})
        harness.advance(timedelta(seconds=5))
        harness.settle()
        harness.delete(known.JOBS, "demo", name_of(job))
        harness.settle()
        failed = conditions(harness.status(known.SNAPSHOTS, "demo", name_of(job)))
        assert "ExecutorLost: the Job was deleted" in str(failed["BackupIncomplete"]["message"])
        assert harness.created.count(("Job", name_of(job))) == 1
        assert len(harness.names(known.BACKUP_SESSIONS, "demo")) == attempt + 1
        harness.advance(timedelta(minutes=3))
    harness.settle(work=good_worker)

    first, second = harness.names(known.BACKUP_SESSIONS, "demo")
    assert session(harness, first)["retried"] is True
    spec = cast("JsonObject", harness.get(known.BACKUP_SESSIONS, "demo", second)["spec"])
    assert spec["retryLeft"] == 0
    assert phases(harness, known.BACKUP_SESSIONS) == {first: "Failed", second: "Failed"}
    harness.advance(timedelta(hours=1))
    harness.settle(work=good_worker)
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [first, second]


def test_a_job_that_vanishes_before_it_was_recorded_is_made_again(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    assert "executor" not in harness.status(known.SNAPSHOTS, "demo", name_of(job))
    # As if the controller had died between the Job and the session's status.
    harness.client.patch(known.BACKUP_SESSIONS, "demo", INITIAL, {"status": None}, status=True)
    harness.delete(known.JOBS, "demo", name_of(job))
    harness.settle(work=good_worker)
    assert harness.created.count(("Job", name_of(job))) == 2
    assert session(harness)["phase"] == "Succeeded"


@pytest.mark.parametrize("later", [timedelta(minutes=1), timedelta(hours=5)])
def test_a_permanent_failure_is_not_tried_again_even_after_its_job_is_gone(
    harness: Harness, later: timedelta
) -> None:
    protect(harness, "local", retryConfig={"maxRetry": 3})
    harness.settle(work=failing_worker(WRONG, Verb.BACKUP))
    assert session(harness)["phase"] == "Failed"
    assert "nextRetry" not in session(harness)
    harness.delete(known.JOBS, "demo", f"repo-local-{INITIAL}")
    harness.advance(later)
    harness.look_at_everything()
    harness.settle()
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [INITIAL]


def test_a_transient_failure_is_tried_again_after_the_delay(harness: Harness) -> None:
    protect(harness, "local", retryConfig={"maxRetry": 1, "delay": "2m"})
    harness.settle(work=failing_worker(LOCKED, Verb.BACKUP))
    assert session(harness)["nextRetry"] == "2026-03-01T12:02:01Z"
    harness.advance(timedelta(minutes=1))
    harness.settle(work=good_worker)
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [INITIAL]
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    assert list(phases(harness, known.BACKUP_SESSIONS).values()) == ["Failed", "Succeeded"]


def test_a_tick_in_the_second_of_the_retry_takes_its_place(harness: Harness) -> None:
    protect(harness, "local", retryConfig={"maxRetry": 1, "delay": "2m"})
    harness.settle(work=failing_worker(LOCKED, Verb.BACKUP))
    harness.advance(timedelta(minutes=2, seconds=1))
    tick = harness.trigger()
    harness.settle(work=good_worker)
    assert phases(harness, known.BACKUP_SESSIONS) == {INITIAL: "Failed", tick: "Succeeded"}
    assert session(harness)["retried"] is True
    assert harness.errors == []


def test_a_session_is_skipped_while_another_one_runs(harness: Harness) -> None:
    protect(harness, "local")
    harness.run_until(Verb.BACKUP)
    harness.advance(timedelta(minutes=1))
    name = harness.trigger()
    harness.settle()
    assert session(harness, name)["phase"] == "Skipped"
    skipped = conditions(session(harness, name))["BackupSkipped"]
    assert skipped["reason"] == "PreRequisitesNotSatisfied"
    assert skipped["message"] == f"BackupSession {INITIAL} is still running"
    assert harness.names(known.SNAPSHOTS, "demo") == [f"repo-local-{INITIAL}"]


@pytest.mark.parametrize(
    ("resource", "name", "message"),
    [
        (known.BACKUP_STORAGES, "local", "the BackupConfiguration is not Ready"),
        (known.REPOSITORIES, "repo-local", "Repository repo-local is not Ready"),
    ],
)
def test_a_session_is_skipped_where_nothing_is_ready(
    harness: Harness, resource: Resource, name: str, message: str
) -> None:
    protect(harness, "local")
    harness.settle(work=good_worker)
    obj = harness.get(resource, "demo", name)
    status = {**cast("JsonObject", obj["status"]), "phase": "NotReady"}
    harness.client.replace(resource, "demo", {**obj, "status": status}, status=True)
    if resource is known.BACKUP_STORAGES:
        configuration = harness.get(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
        status = {**cast("JsonObject", configuration["status"]), "phase": "NotReady"}
        harness.client.replace(
            known.BACKUP_CONFIGURATIONS, "demo", {**configuration, "status": status}, status=True
        )
    harness.advance(timedelta(minutes=1))
    created = harness.trigger()
    harness.look(Key(known.BACKUP_SESSIONS, "demo", created))
    assert session(harness, created)["phase"] == "Skipped"
    skipped = conditions(session(harness, created))["BackupSkipped"]
    assert str(skipped["message"]).startswith(message)


def test_a_session_without_its_volume_is_skipped_and_says_so(harness: Harness) -> None:
    protect(harness, "local")
    harness.settle(work=good_worker)
    harness.client.delete(known.PERSISTENT_VOLUME_CLAIMS, "demo", "library")
    harness.advance(timedelta(minutes=1))
    harness.settle()
    created = harness.trigger()
    harness.settle()
    skipped = conditions(session(harness, created))["BackupSkipped"]
    why = "PersistentVolumeClaim library does not exist"
    assert skipped["message"] == f"the BackupConfiguration is not Ready: {why}"


def test_a_paused_configuration_skips_a_session_made_by_hand(harness: Harness) -> None:
    protect(harness, "local")
    harness.settle(work=good_worker)
    sessions = manifests.session("demo")
    harness.apply(manifests.configuration("demo", sessions, paused=True))
    harness.advance(timedelta(minutes=1))
    name = harness.trigger()
    harness.settle()
    assert session(harness, name)["phase"] == "Skipped"
    assert "paused" in str(conditions(session(harness, name))["BackupSkipped"]["message"])


def test_history_keeps_the_newest_and_skipped_sessions_do_not_push_them_out(
    harness: Harness,
) -> None:
    protect(harness, "local", sessionHistoryLimit=2)
    names = []
    for _ in range(3):
        harness.settle(work=good_worker)
        harness.advance(timedelta(minutes=10))
        names.append(harness.trigger())
    harness.settle(work=good_worker)
    assert harness.names(known.BACKUP_SESSIONS, "demo") == names[-2:]

    paused = manifests.session("demo", more={"sessionHistoryLimit": 2})
    harness.apply(manifests.configuration("demo", paused, paused=True))
    skipped = []
    for _ in range(5):
        harness.advance(timedelta(minutes=10))
        skipped.append(harness.trigger())
        harness.settle(work=good_worker)
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [*names[-2:], *skipped[-2:]]


def test_history_waits_for_a_retention_that_still_runs(harness: Harness) -> None:
    protect(harness, "local", sessionHistoryLimit=1)
    job = harness.run_until(Verb.BACKUP)
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle()
    (retain,) = harness.open_jobs()
    assert plan_of(retain).verb is Verb.RETAIN
    harness.start_pod(retain, {"phase": "Running"})
    harness.advance(timedelta(minutes=10))
    name = harness.trigger()
    harness.settle()
    waiting = conditions(session(harness, name))["BackupExecutorEnsured"]
    assert waiting["reason"] == "WaitingForRetention"
    assert str(waiting["message"]) == f"the retention of BackupSession {INITIAL} is running"
    harness.advance(timedelta(minutes=61))
    harness.settle()
    assert session(harness, name)["phase"] == "Failed"
    assert harness.names(known.BACKUP_SESSIONS, "demo") == [INITIAL, name]


def test_failed_retention_leaves_the_backup_good_and_is_told_on_the_repository(
    harness: Harness,
) -> None:
    protect(harness, "local")
    harness.settle(work=failing_worker(LOCKED, Verb.RETAIN))
    assert session(harness)["phase"] == "Succeeded"
    (applied,) = cast("list[JsonObject]", session(harness)["retentionPolicy"])
    assert applied["phase"] == "FailedToApply"
    assert applied["error"] == "Locked: somebody holds the lock"
    told = conditions(harness.status(known.REPOSITORIES, "demo", "repo-local"))
    assert told["RetentionApplied"]["status"] == "False"
    assert told["RetentionApplied"]["message"] == "Locked: somebody holds the lock"

    harness.advance(timedelta(minutes=10))
    harness.trigger()
    harness.settle(work=good_worker)
    told = conditions(harness.status(known.REPOSITORIES, "demo", "repo-local"))
    assert told["RetentionApplied"]["status"] == "True"


def test_retention_removes_the_records_of_what_it_removed(harness: Harness) -> None:
    protect(harness, "local")
    names = [INITIAL]
    for _ in range(3):
        harness.settle(work=good_worker)
        harness.advance(timedelta(minutes=10))
        names.append(harness.trigger())
    harness.settle(work=good_worker)
    assert harness.names(known.SNAPSHOTS, "demo") == [f"repo-local-{name}" for name in names[-2:]]
    repository = harness.status(known.REPOSITORIES, "demo", "repo-local")
    assert repository["snapshotCount"] == 2


def test_retention_is_for_its_session_and_told_what_a_person_accepted(harness: Harness) -> None:
    protect(harness, "local")
    said = {"stashgen.dev/accept-smaller": "one", "stashgen.dev/accept-gap": "other"}
    configuration = manifests.configuration("demo")
    cast("JsonObject", configuration["metadata"])["annotations"] = cast("JsonObject", said)
    harness.apply(configuration)
    harness.settle(work=good_worker)
    plans = [plan_of(job) for job in harness.reader.stored_items(known.JOBS, "demo")]
    (plan,) = (plan for plan in plans if plan.verb is Verb.RETAIN)
    assert (plan.session, plan.accepted_smaller, plan.accepted_gap) == ("backup", "one", "other")
    assert plan.pinned_snapshots == ()


def test_each_session_has_its_own_retention_policy(harness: Harness) -> None:
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    harness.apply(manifests.retention("demo", "keep-9", last=9))
    harness.apply(manifests.configuration("demo"))
    weekly = manifests.session("demo", "weekly", schedule="1 2 * * 0")
    other = manifests.configuration("demo", weekly, name="library-long")
    backends = cast("list[JsonObject]", cast("JsonObject", other["spec"])["backends"])
    backends[0]["retentionPolicy"] = {"name": "keep-9", "namespace": "demo"}
    harness.apply(other)
    harness.settle(work=good_worker)
    args = {}
    for job in harness.reader.stored_items(known.JOBS, "demo"):
        if plan_of(job).verb is Verb.RETAIN:
            template = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
            container = cast(
                "list[JsonObject]", cast("JsonObject", template["spec"])["containers"]
            )[0]
            flags = cast("list[str]", container["args"])
            args[plan_of(job).backup_session] = [
                flag for flag in flags if flag.startswith(("--sessions", "--keep-last"))
            ]
    assert args == {
        INITIAL: ["--sessions=backup", "--keep-last=2"],
        "library-long-weekly-1772366400": ["--sessions=weekly", "--keep-last=9"],
    }


def test_a_started_session_keeps_its_copies_when_the_configuration_changes(
    harness: Harness,
) -> None:
    protect(harness, "local", "nas")
    harness.run_until(Verb.BACKUP)
    renamed = manifests.session("demo", "hourly", copies=("local", "nas"))
    harness.apply(manifests.configuration("demo", renamed, copies=("local", "nas")))
    harness.settle(work=good_worker)
    assert session(harness)["totalSnapshots"] == 2
    assert session(harness)["phase"] == "Failed"
    found = phases(harness, known.SNAPSHOTS)
    assert found[f"repo-local-{INITIAL}"] == "Succeeded"
    assert found[f"repo-nas-{INITIAL}"] == "Failed"
    text = str(conditions(session(harness))["BackupExecutorEnsured"]["message"])
    assert "no longer has this session" in text


def test_a_snapshot_whose_session_is_deleted_has_failed(harness: Harness) -> None:
    protect(harness, "local", "nas")
    harness.run_until(Verb.BACKUP)
    harness.delete(known.BACKUP_SESSIONS, "demo", INITIAL)
    harness.settle(work=good_worker)
    assert phases(harness, known.SNAPSHOTS) == {
        f"repo-local-{INITIAL}": "Failed",
        f"repo-nas-{INITIAL}": "Failed",
    }
    waiting = conditions(harness.status(known.SNAPSHOTS, "demo", f"repo-nas-{INITIAL}"))
    assert "was deleted before it created a Job" in str(waiting["BackupIncomplete"]["message"])


def test_a_pod_that_never_starts_is_a_warning_then_a_named_failure(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    waiting = "Multi-Attach error for volume: it is used by pod library-0"
    harness.start_pod(
        job,
        {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": waiting,
                }
            ],
        },
    )
    harness.settle()
    assert "PodHasBeenInPendingStateForLongerThanExpected" not in conditions(session(harness))
    harness.advance(timedelta(minutes=5))
    harness.settle()
    warned = conditions(session(harness))["PodHasBeenInPendingStateForLongerThanExpected"]
    assert waiting in str(warned["message"])
    assert session(harness)["phase"] == "Running"
    harness.advance(timedelta(minutes=10))
    harness.settle()
    assert session(harness)["phase"] == "Failed"
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", name_of(job)))
    assert str(failed["BackupIncomplete"]["message"]).startswith("Unschedulable: pod ")
    assert waiting in str(failed["BackupIncomplete"]["message"])
    assert name_of(job) not in harness.names(known.JOBS, "demo")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Pod", 'FailedMount: MountVolume.SetUp failed for volume "key": secret "k" not found'),
        ("Job", 'FailedCreate: Error creating: pods "x" is forbidden: exceeded quota: none'),
    ],
)
def test_events_explain_a_start_that_nothing_else_explains(
    harness: Harness, kind: str, message: str
) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    name = name_of(job)
    if kind == "Pod":
        waiting: JsonObject = {"name": "worker", "state": {"waiting": {"reason": "Creating"}}}
        name = harness.start_pod(job, {"phase": "Pending", "containerStatuses": [waiting]})
    reason, _, text = message.partition(": ")
    for at, words in (("2026-03-01T12:01:00Z", "older"), ("2026-03-01T12:02:00Z", text)):
        _warn(harness, kind, name, reason, words, at)
    harness.settle()
    with harness.counted() as before:
        harness.advance(timedelta(minutes=10))
        harness.settle()
    assert not before["list", "events"]
    with harness.counted() as requests:
        harness.advance(timedelta(minutes=5))
        harness.settle()
        harness.look_at_everything()
    assert requests["list", "events"] == 1
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", name_of(job)))
    wanted = f"Unschedulable: {kind.lower()} {name}: {message}"
    assert failed["BackupIncomplete"]["message"] == wanted
    assert name_of(job) not in harness.names(known.JOBS, "demo")


def _warn(harness: Harness, kind: str, name: str, reason: str, message: str, at: str) -> None:
    event: JsonObject = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{kind.lower()}.{at[14:16]}", "namespace": "demo"},
        "involvedObject": {"kind": kind, "name": name, "namespace": "demo"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }
    harness.client.create(known.EVENTS, "demo", event)


@pytest.mark.parametrize("verb", [Verb.INIT_STORAGE, Verb.INIT_REPOSITORY, Verb.RETAIN])
def test_every_jobs_start_is_explained_by_events(harness: Harness, verb: Verb) -> None:
    protect(harness, "local")
    job = harness.run_until(verb)
    _warn(harness, "Job", name_of(job), "FailedCreate", "forbidden", "2026-03-01T12:01:00Z")
    with harness.counted() as requests:
        harness.advance(timedelta(minutes=15))
        harness.settle()
        harness.look_at_everything()
    assert requests["list", "events"] == 1
    told = f"Unschedulable: job {name_of(job)}: FailedCreate: forbidden"
    statuses = [
        obj.get("status")
        for kind in (known.BACKUP_STORAGES, known.REPOSITORIES, known.BACKUP_SESSIONS)
        for obj in harness.reader.stored_items(kind, "demo")
    ]
    assert told in str(statuses)
    assert name_of(job) not in harness.names(known.JOBS, "demo")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            {"exitCode": 137, "reason": "OOMKilled"},
            "OutOfMemory: the container was killed because it exceeded its memory limit",
        ),
        (
            {"exitCode": 1, "reason": "Error", "message": "Traceback: not a document"},
            "Killed: the container ended with exit code 1: Traceback: not a document",
        ),
        ({"exitCode": 2}, "Killed: the container ended with exit code 2: no message"),
    ],
)
def test_a_failure_without_a_document_has_a_text(
    harness: Harness, state: JsonObject, text: str
) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    status: JsonObject = {
        "phase": "Failed",
        "containerStatuses": [{"name": "worker", "state": {"terminated": state}}],
    }
    harness.start_pod(job, status)
    harness.end_job(job, "Failed", "BackoffLimitExceeded", "Job has reached the limit")
    harness.settle()
    snapshot = harness.status(known.SNAPSHOTS, "demo", name_of(job))
    assert conditions(snapshot)["BackupIncomplete"]["message"] == text
    component = cast("dict[str, JsonObject]", snapshot["components"])["dump"]
    assert component["phase"] == "Failed"
    assert component["error"] == text


def test_what_a_worker_reported_before_its_pod_went_is_the_failures_text(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    harness.start_pod(job, {"phase": "Running"})
    harness.settle()
    error = "Interrupted: signal terminated received, cleaning up"
    component: JsonObject = {"phase": "Failed", "driver": "Restic", "error": error}
    reported: JsonObject = {"status": {"totalComponents": 1, "components": {"dump": component}}}
    harness.client.patch(known.SNAPSHOTS, "demo", name_of(job), reported, status=True)
    for pod in harness.names(known.PODS, "demo"):
        if pod.startswith(name_of(job)[:57]):
            path = known.PODS.path("demo", pod)
            harness.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
    harness.end_job(job, "Failed", "BackoffLimitExceeded")
    harness.settle()
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", name_of(job)))
    assert failed["BackupIncomplete"]["message"] == error


def test_a_good_backup_whose_pod_is_gone_stays_good(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    result = good_worker(harness, job, plan_of(job))
    component = result.components["dump"].to_wire()
    reported: JsonObject = {"status": {"components": {"dump": component}}}
    harness.client.patch(known.SNAPSHOTS, "demo", name_of(job), reported, status=True)
    harness.end_job(job, "Complete")
    harness.settle(work=good_worker)
    # A cache may only be behind: the pod is waited for for a moment.
    assert phases(harness, known.SNAPSHOTS) == {name_of(job): None}
    harness.advance(SETTLES)
    harness.settle(work=good_worker)
    assert phases(harness, known.SNAPSHOTS) == {name_of(job): "Succeeded"}
    assert session(harness)["phase"] == "Succeeded"


def test_the_phase_that_the_last_job_reported_never_goes_back(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    good_worker(harness, job, plan_of(job))
    assert session(harness)["phase"] == "Succeeded"
    harness.settle()
    assert session(harness)["phase"] == "Succeeded"
    assert "MetricsPushed" not in conditions(session(harness))


def test_repositories_whose_snapshots_would_share_a_name_make_it_invalid(
    harness: Harness,
) -> None:
    names = ("a" * 40 + "-local", "a" * 40 + "-other")
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    wanted = manifests.session("demo", "s" * 31)
    repositories = cast("list[JsonObject]", wanted["repositories"])
    repositories[0]["name"] = names[0]
    repositories.append({**repositories[0], "name": names[1], "directory": "demo/library/other"})
    harness.apply(manifests.configuration("demo", wanted))
    harness.settle(work=good_worker)
    configuration = harness.status(known.BACKUP_CONFIGURATIONS, "demo", "library-backup")
    assert configuration["phase"] == "Invalid"
    assert "Snapshot" in str(conditions(configuration)["ValidationPassed"]["message"])
    assert harness.names(known.BACKUP_SESSIONS, "demo") == []


def test_a_snapshot_of_another_session_is_not_taken_for_ours(harness: Harness) -> None:
    protect(harness, "local", "nas")
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))
    unix = int(harness.clock.now().timestamp())
    name = f"library-backup-backup-{unix}"
    snapshot = harness.get(known.SNAPSHOTS, "demo", f"repo-local-{INITIAL}")
    foreign = {**metadata(snapshot), "name": f"repo-local-{name}"}
    foreign.pop("resourceVersion")
    harness.client.create(known.SNAPSHOTS, "demo", {**snapshot, "metadata": foreign})
    harness.trigger()
    harness.settle(work=good_worker)
    assert session(harness, name)["phase"] == "Failed"
    collision = conditions(session(harness, name))["SnapshotsEnsured"]
    assert str(collision["message"]).startswith(f"NameCollision: Snapshot repo-local-{name}")
    assert phases(harness, known.SNAPSHOTS)[f"repo-nas-{name}"] == "Succeeded"
    assert ("Job", f"repo-local-{name}") not in harness.created


def test_a_job_of_somebody_else_is_not_taken_for_ours(harness: Harness) -> None:
    protect(harness, "local")
    job = harness.run_until(Verb.BACKUP)
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))
    unix = int(harness.clock.now().timestamp())
    spec = cast("JsonObject", job["spec"])
    foreign: JsonObject = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"repo-local-library-backup-backup-{unix}", "namespace": "demo"},
        "spec": spec,
    }
    harness.apply(foreign)
    name = harness.trigger()
    harness.settle()
    assert session(harness, name)["phase"] == "Failed"
    failed = conditions(harness.status(known.SNAPSHOTS, "demo", f"repo-local-{name}"))
    assert "NameCollision: Job" in str(failed["BackupIncomplete"]["message"])
    assert not harness.get(known.JOBS, "demo", name_of(foreign)).get("status")


def test_what_its_job_reported_as_done_is_not_done_again_once_all_else_is_deleted(
    harness: Harness,
) -> None:
    protect(harness, "local")
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=10))
    name = harness.trigger()
    job = harness.run_until(Verb.BACKUP)
    harness.settle()
    # The worker's last word; then nobody leads while people tidy up.
    done: JsonObject = {"status": {"phase": "Succeeded"}}
    harness.client.patch(known.BACKUP_SESSIONS, "demo", name, done, status=True)
    harness.delete(known.JOBS, "demo", name_of(job))
    harness.delete(known.SNAPSHOTS, "demo", f"repo-local-{name}")
    harness.settle()
    harness.advance(timedelta(hours=1))
    harness.look_at_everything()
    harness.settle()
    assert [plan_of(item).verb for item in harness.open_jobs()] != [Verb.BACKUP]
    assert harness.status(known.BACKUP_SESSIONS, "demo", name)["phase"] == "Succeeded"
    assert f"repo-local-{name}" not in harness.names(known.SNAPSHOTS, "demo")
