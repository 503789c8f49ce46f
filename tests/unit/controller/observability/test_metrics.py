"""Metrics follow from the objects and the time, and from nothing else."""

from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stashgen.api.base import format_time
from stashgen.api.labels import RETIRED_ANNOTATION
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
)
from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.observability.metrics import Metrics
from tests.support.objects import (
    NOW,
    Objects,
    ThisProcess,
    backup_session,
    claim,
    configuration,
    repository,
    snapshot,
)

_HOUR = timedelta(hours=1)
_COPY = ("demo", "library", "backup", "local-abcde")
_SESSION = _COPY[:3]


def _series(objects: Objects, name: str, now: datetime = NOW) -> dict[tuple[str, ...], float]:
    (gauge,) = [item for item in of_cluster(objects, now) if item.name == name]
    return dict(gauge.samples)


@pytest.mark.parametrize(
    ("age", "is_met"),
    [
        (timedelta(hours=5), 1),  # four hours between ticks, and one for the backup itself
        (timedelta(hours=5, seconds=1), 0),
    ],
)
def test_recovery_point_is_met_until_the_longest_gap_and_the_timeout_are_over(
    age: timedelta, is_met: float
) -> None:
    objects = Objects()
    configuration(objects)
    snapshot(objects, "old", "Succeeded", age=timedelta(days=1))
    snapshot(objects, "new", "Succeeded", age=age)
    snapshot(objects, "failed", "Failed", age=timedelta(minutes=1))
    assert _series(objects, "stashgen_recovery_point_objective_met") == {_COPY: is_met}
    assert _series(objects, "stashgen_last_success_timestamp_seconds") == {
        _COPY: (NOW - age).timestamp()
    }


def test_what_the_newest_good_snapshot_lacks_is_counted() -> None:
    objects = Objects()
    configuration(objects)
    for name, age, count in (("old", 3, 5), ("new", 2, 7), ("failed", 1, 9)):
        phase = "Failed" if name == "failed" else "Succeeded"
        snapshot(objects, name, phase, age=age * _HOUR, unreadable=count)
    name = "stashgen_last_success_unreadable_files"
    assert _series(objects, name) == {_COPY: 7}
    snapshot(objects, "whole", "Succeeded", age=timedelta())
    assert _series(objects, name) == {_COPY: 0}


def test_a_new_configuration_has_time_until_its_first_snapshot() -> None:
    objects = Objects()
    configuration(objects, age=timedelta(hours=4))
    name = "stashgen_recovery_point_objective_met"
    assert _series(objects, name) == {_COPY: 1}
    assert _series(objects, name, NOW + 2 * _HOUR) == {_COPY: 0}
    assert _series(objects, "stashgen_last_success_timestamp_seconds") == {}


def test_schedule_that_cannot_be_read_is_a_missed_recovery_point() -> None:
    objects = Objects()
    configuration(objects, schedule="every now and then", age=timedelta())
    snapshot(objects, "new", "Succeeded", age=timedelta())
    assert _series(objects, "stashgen_recovery_point_objective_met") == {_COPY: 0}
    assert _series(objects, "stashgen_expected_interval_seconds") == {}


def test_longest_gap_counts_and_not_the_usual_one() -> None:
    objects = Objects()
    configuration(objects, schedule="0 9-17 * * *")
    assert _series(objects, "stashgen_expected_interval_seconds") == {_SESSION: 16 * 3600}
    assert _series(objects, "stashgen_recovery_point_objective_seconds") == {_SESSION: 17 * 3600}


def test_cron_job_says_when_a_compiled_session_runs() -> None:
    objects = Objects()
    configuration(objects, schedule="0 0 * * *")
    # Once a day in Berlin: one day of the year has 25 hours.
    spec = {"schedule": "30 4 * * *", "timeZone": "Europe/Berlin"}
    objects.add(CRON_JOBS, "trigger-library-backup", spec=spec)
    assert _series(objects, "stashgen_expected_interval_seconds") == {_SESSION: 25 * 3600}


def test_without_a_timeout_a_run_may_take_until_the_next_tick() -> None:
    objects = Objects()
    configuration(objects, timeout=None)
    assert _series(objects, "stashgen_recovery_point_objective_seconds") == {_SESSION: 8 * 3600}


def test_sessions_are_counted_by_phase_and_the_newest_finished_one_decides() -> None:
    objects = Objects()
    backup_session(objects, "one", "Failed", age=4 * _HOUR)
    backup_session(objects, "two", "Succeeded", age=3 * _HOUR)
    backup_session(objects, "three", "Skipped", age=2 * _HOUR)
    backup_session(objects, "four", None, age=_HOUR)
    assert _series(objects, "stashgen_backup_sessions") == {
        (*_SESSION, phase): 1 for phase in ("Failed", "Succeeded", "Skipped", "Pending")
    }
    name = "stashgen_last_backup_session_succeeded"
    assert _series(objects, name) == {_SESSION: 1}
    backup_session(objects, "five", "Failed", age=timedelta())
    assert _series(objects, name) == {_SESSION: 0}


def test_retentions_last_success_outlives_a_failure() -> None:
    objects = Objects()
    failed = {"repository": "local-abcde", "phase": "FailedToApply", "error": "Locked"}
    applied = {"repository": "local-abcde", "phase": "Applied"}
    backup_session(objects, "one", "Succeeded", age=2 * _HOUR, retentionPolicy=[applied])
    backup_session(objects, "two", "Succeeded", age=_HOUR, retentionPolicy=[failed])
    repository(objects, conditions=[_condition("RetentionApplied", "False", NOW)])
    key = _COPY[::3]
    assert _series(objects, "stashgen_retention_applied") == {key: 0}
    assert _series(objects, "stashgen_retention_last_success_timestamp_seconds") == {
        key: (NOW - 2 * _HOUR).timestamp()
    }


def test_retentions_last_success_outlives_its_session() -> None:
    objects = Objects()
    repository(objects, conditions=[_condition("RetentionApplied", "True", NOW - _HOUR)])
    assert _series(objects, "stashgen_retention_last_success_timestamp_seconds") == {
        _COPY[::3]: (NOW - _HOUR).timestamp()
    }


def test_sizes_are_bytes_and_an_odd_one_is_left_out() -> None:
    objects = Objects()
    repository(objects, size="12.500 KiB", phase="Ready")
    objects.add(BACKUP_STORAGES, "local", spec={}, status={"totalSize": "lots"})
    snapshot(objects, "one", "Succeeded", age=_HOUR)
    snapshot(objects, "two", "Succeeded", age=_HOUR)
    assert _series(objects, "stashgen_repository_size_bytes") == {_COPY[::3]: 12800}
    assert _series(objects, "stashgen_storage_size_bytes") == {}
    assert _series(objects, "stashgen_snapshots") == {("demo", "local-abcde", "Succeeded"): 2}


def test_upkeep_is_overdue_only_where_something_is_backed_up() -> None:
    objects = Objects()
    status = {"snapshotCount": 1, "upkeep": {"lastPruneTime": format_time(NOW - 3 * 24 * _HOUR)}}
    repository(objects, **status)
    name = "stashgen_repository_upkeep_overdue"
    assert _series(objects, name) == {("demo", "local-abcde"): 0}
    configuration(objects)
    assert _series(objects, name) == {("demo", "local-abcde"): 1}


@pytest.mark.parametrize(("check_days", "expected"), [(9, 1), (7, 0)])
def test_a_retired_history_is_overdue_by_its_checks_alone(check_days: int, expected: int) -> None:
    objects = Objects()
    times = {"lastCheckTime": check_days, "lastPruneTime": 90}
    upkeep = {name: format_time(NOW - days * 24 * _HOUR) for name, days in times.items()}
    status = {"snapshotCount": 1, "upkeep": upkeep}
    retired = {RETIRED_ANNOTATION: "2999-12-31"}
    objects.add(REPOSITORIES, "local-abcde", annotations=retired, spec={}, status=status)
    name = "stashgen_repository_upkeep_overdue"
    assert _series(objects, name) == {("demo", "local-abcde"): expected}


def test_unprotected_volumes_are_those_that_nobody_backs_up_or_excuses() -> None:
    objects = Objects()
    configuration(objects, "library")
    claim(objects, "library")
    claim(objects, "forgotten")
    claim(objects, "scratch", **{"stashgen.dev/opt-out": "a cache"})
    claim(objects, "no-reason", **{"stashgen.dev/opt-out": ""})
    claim(objects, "store")
    local = {"persistentVolumeClaim": {"claimName": "store"}}
    objects.add(BACKUP_STORAGES, "nas", spec={"storage": {"provider": "local", "local": local}})
    objects.add(PERSISTENT_VOLUME_CLAIMS, "library", namespace="other")
    name = "stashgen_unprotected_volumes"
    assert _series(objects, name) == {("demo",): 2, ("other",): 1}


def test_an_opt_out_may_be_the_namespaces_and_ends_with_its_day() -> None:
    objects = Objects()
    whole = {"stashgen.dev/opt-out": "true", "stashgen.dev/opt-out-reason": "a playground"}
    objects.add(NAMESPACES, "demo", namespace="", annotations=whole)
    claim(objects, "scratch")
    claim(objects, "kept", **{"stashgen.dev/opt-out": "false"})
    today, yesterday = (f"{day:%Y-%m-%d}" for day in (NOW, NOW - timedelta(days=1)))
    for name, until in (("today", today), ("ended", yesterday), ("unclear", "soon")):
        ends = {"stashgen.dev/opt-out": "a cache", "stashgen.dev/opt-out-until": until}
        claim(objects, name, **ends)
    claim(objects, "no-reason", **{"stashgen.dev/opt-out": "true"})
    assert _series(objects, "stashgen_unprotected_volumes") == {("demo",): 4}


def test_a_namespace_whose_volumes_are_all_protected_says_so() -> None:
    objects = Objects()
    configuration(objects, "library")
    claim(objects, "library")
    assert _series(objects, "stashgen_unprotected_volumes") == {("demo",): 0}


def test_configuration_that_cannot_be_read_protects_nothing() -> None:
    objects = Objects()
    claim(objects, "library")
    target = {"kind": "PersistentVolumeClaim", "name": "library"}
    objects.add(BACKUP_CONFIGURATIONS, "library", spec={"target": target, "sessions": "none"})
    assert _series(objects, "stashgen_unprotected_volumes") == {("demo",): 1}


def test_readiness_and_pause_are_told_of_each_object() -> None:
    objects = Objects()
    repository(objects, phase="Ready")
    objects.add(BACKUP_STORAGES, "nas", spec={})
    objects.add(BACKUP_CONFIGURATIONS, "library", spec={"paused": True}, status={})
    assert _series(objects, "stashgen_ready") == {
        ("Repository", "demo", "local-abcde"): 1,
        ("BackupStorage", "demo", "nas"): 0,
        ("BackupConfiguration", "demo", "library"): 0,
    }
    assert _series(objects, "stashgen_paused") == {("BackupConfiguration", "demo", "library"): 1}


_ACT = {
    "nonce": "incident-42",
    "notAfter": "2026-03-02T00:00:00Z",
    "repository": "local",
    "snapshot": "latest",
    "target": {"name": "library"},
    "mode": "Overwrite",
    "onMissing": "Fail",
}


def test_restores_are_counted_by_phase() -> None:
    objects = Objects()
    objects.add(RESTORE_SESSIONS, "one", status={"phase": "Failed"})
    objects.add(RESTORE_SESSIONS, "two")
    assert _series(objects, "stashgen_restore_sessions") == {
        ("demo", "Failed"): 1,
        ("demo", "Pending"): 1,
    }
    objects.add(RESTORE_REQUESTS, "act", spec=_ACT, status={"phase": "Expired"})
    assert _series(objects, "stashgen_restore_requests") == {("demo", "Expired"): 1}


def test_exposition_is_read_back_by_prometheus_own_parser_and_is_always_the_same() -> None:
    objects = Objects()
    configuration(objects, 'odd"name\\')
    snapshot(objects, "one", "Succeeded", age=_HOUR)
    metrics = Metrics(ThisProcess({"get": 3, "watch": 16}, 2, is_leading=True))
    text = metrics.exposition(objects, NOW)
    assert metrics.exposition(objects, NOW) == text
    families = {item.name: item for item in text_string_to_metric_families(text.decode())}
    requests = families["stashgen_api_requests"].samples
    assert {sample.labels["verb"]: sample.value for sample in requests} == {"get": 3, "watch": 16}
    assert [sample.value for sample in families["stashgen_leader"].samples] == [1]
    (sample,) = families["stashgen_recovery_point_objective_met"].samples
    assert sample.labels["configuration"] == 'odd"name\\'


def _condition(type_: str, status: str, when: datetime) -> dict[str, str]:
    return {"type": type_, "status": status, "lastTransitionTime": format_time(when)}
