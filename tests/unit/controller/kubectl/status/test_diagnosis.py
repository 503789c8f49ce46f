"""Why a copy is late: the nearest reason, in the words of the object that has it."""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_CONFIGURATIONS, CRON_JOBS
from stashgen_controller.kubectl.status.diagnosis import NOT_RECONCILED
from stashgen_controller.kubectl.status.entry import Section
from stashgen_controller.kubectl.status.overview import overview
from tests.support.objects import NOW, Objects, backup_session, configuration, repository

_HOUR = timedelta(hours=1)
_THEN = "2026-03-01T00:00:00Z"
_FIRED = "2026-03-01T08:00:00Z"
_NOTHING_CAME = f"CronJob trigger-library-backup fired at {_FIRED} but created no BackupSession"


def _late(change: Callable[[Objects], object]) -> Objects:
    """A configuration that is Ready and never had a good snapshot."""
    objects = Objects()
    configuration(objects)
    stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
    assert stored is not None
    stored["status"] = {"phase": "Ready", "targetFound": True}
    objects.add(
        CRON_JOBS,
        "trigger-library-backup",
        spec={"schedule": "0 */4 * * *"},
        status={"lastScheduleTime": _FIRED},
    )
    repository(objects, phase="Ready")
    change(objects)
    return objects


def _spec(**fields: object) -> Callable[[Objects], object]:
    def change(objects: Objects) -> None:
        stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
        assert stored is not None
        spec = stored["spec"]
        assert isinstance(spec, dict)
        spec.update(cast("JsonObject", fields))

    return change


def _status(**fields: object) -> Callable[[Objects], object]:
    def change(objects: Objects) -> None:
        stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
        assert stored is not None
        stored["status"] = cast("JsonObject", fields)

    return change


def _cron_job(status: dict[str, object], **spec: object) -> Callable[[Objects], object]:
    given = {"schedule": "0 */4 * * *"} | spec
    return lambda objects: objects.add(
        CRON_JOBS, "trigger-library-backup", spec=given, status=status
    )


def _session(phase: str | None, age: timedelta, **status: object) -> Callable[[Objects], object]:
    return lambda objects: backup_session(objects, "library-backup-1", phase, age=age, **status)


def _condition(type_: str, status: str, message: str) -> dict[str, str]:
    return {"type": type_, "status": status, "lastTransitionTime": _THEN, "message": message}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            _cron_job({"lastScheduleTime": _FIRED}),
            _NOTHING_CAME,
        ),
        (_cron_job({}), "CronJob trigger-library-backup has never fired"),
        (_cron_job({}, suspend=True), "CronJob trigger-library-backup is suspended"),
        (_spec(paused=True), "it is paused (spec.paused of the BackupConfiguration)"),
        (
            _cron_job({}, schedule="0 0 31 2 *"),
            'its schedule "0 0 31 2 *" never fires or is invalid',
        ),
        (_status(), NOT_RECONCILED),
        (
            _status(phase="NotReady", targetFound=False),
            "PersistentVolumeClaim library does not exist",
        ),
        (
            _status(
                phase="Invalid",
                conditions=[_condition("ValidationPassed", "False", "spec.sessions: is empty")],
            ),
            "spec.sessions: is empty",
        ),
        (
            _status(
                phase="NotReady",
                targetFound=True,
                backends=[
                    {
                        "name": "nas",
                        "storage": {"ref": {"name": "nas"}, "reason": "NoSpace: it is full"},
                        "retentionPolicy": {"ref": {"name": "keep"}, "reason": "does not exist"},
                    }
                ],
            ),
            "BackupStorage nas: NoSpace: it is full; RetentionPolicy keep: does not exist",
        ),
        (
            _status(
                phase="NotReady",
                targetFound=True,
                sessions=[
                    {
                        "name": "backup",
                        "conditions": [
                            _condition("SchedulerEnsured", "Unknown", "CronJob: not applied yet")
                        ],
                    }
                ],
            ),
            "CronJob: not applied yet",
        ),
        (
            _session(None, _HOUR),
            f"BackupSession library-backup-1: {NOT_RECONCILED}",
        ),
        (
            _session(
                "Running",
                _HOUR,
                conditions=[_condition("BackupExecutorEnsured", "Unknown", "not yet")],
            ),
            "BackupSession library-backup-1 has been running since 2026-03-01 11:00Z: not yet",
        ),
        (
            _session(
                "Skipped",
                _HOUR,
                conditions=[_condition("BackupSkipped", "True", "RestoreSession x is restoring")],
            ),
            "the last run was skipped: RestoreSession x is restoring",
        ),
        (
            _session(
                "Failed",
                _HOUR,
                conditions=[_condition("BackupExecutorEnsured", "False", "Evicted: by the node")],
            ),
            "Evicted: by the node",
        ),
        (_session("Failed", _HOUR), "it failed without reporting a reason"),
        (
            _session("Succeeded", _HOUR),
            "there has been no run since BackupSession library-backup-1",
        ),
    ],
)
def test_a_late_copy_has_the_nearest_reason(change: Callable[[Objects], object], why: str) -> None:
    (entry,) = overview(_late(change), NOW).of(Section.LATE)
    assert entry.why == why


@pytest.mark.parametrize(
    ("tick", "why"),
    [
        (
            "2026-03-01T16:00:00Z",
            "the first backup is due at 2026-03-01 16:00:00Z (in 4h)",
        ),
        ("2026-03-01T11:00:00Z", "CronJob trigger-library-backup has never fired"),
        ("strange", "CronJob trigger-library-backup has never fired"),
    ],
)
def test_before_the_first_backup_its_time_is_known(tick: str, why: str) -> None:
    objects = Objects()
    configuration(objects, age=_HOUR)
    repository(objects, phase="Ready")
    _status(phase="Ready", targetFound=True, sessions=[{"name": "backup", "nextSchedule": tick}])(
        objects
    )
    _cron_job({})(objects)
    (entry,) = overview(objects, NOW).of(Section.WITHOUT_BACKUP)
    assert entry.why == why


def test_without_a_cron_job_nothing_ever_starts() -> None:
    objects = Objects()
    configuration(objects)
    _status(phase="Ready")(objects)
    (entry,) = overview(objects, NOW).of(Section.LATE)
    assert entry.why == "CronJob trigger-library-backup does not exist"
