"""Which changes are told, and how."""

from datetime import timedelta

from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    RESTORE_REQUESTS,
    SNAPSHOTS,
)
from stashgen_controller.observability.events import Note, event_manifest, notes
from tests.support.objects import NOW, Objects, backup_session

_HOUR = timedelta(hours=1)


def test_failed_backup_says_what_its_snapshots_say() -> None:
    objects = Objects()
    error = "WrongPassword: the key does not open the repository"
    objects.add(SNAPSHOTS, "nas-1", status={"components": {"dump": {"error": error}}})
    session = backup_session(
        objects, "one", "Failed", age=_HOUR, snapshots=[{"name": "nas-1"}, {"name": "gone"}]
    )
    assert list(notes(objects, BACKUP_SESSIONS, session)) == [
        Note("Warning", "BackupFailed", f"Snapshot nas-1: {error}")
    ]


def test_failed_backup_that_nobody_explains_still_has_a_message() -> None:
    objects = Objects()
    session = backup_session(objects, "one", "Failed", age=_HOUR)
    (note,) = notes(objects, BACKUP_SESSIONS, session)
    assert note.message == "the phase is Failed"


def test_skipped_backup_says_why() -> None:
    objects = Objects()
    skipped = {"type": "BackupSkipped", "status": "True", "message": "it is paused"}
    session = backup_session(objects, "one", "Skipped", age=_HOUR, conditions=[skipped])
    assert list(notes(objects, BACKUP_SESSIONS, session)) == [
        Note("Warning", "BackupSkipped", "it is paused")
    ]


def test_failed_retention_is_told_of_a_good_backup() -> None:
    objects = Objects()
    failed = {"repository": "nas", "phase": "FailedToApply", "error": "Locked: by nobody"}
    session = backup_session(
        objects, "one", "Succeeded", age=_HOUR, duration="58s", retentionPolicy=[failed]
    )
    assert list(notes(objects, BACKUP_SESSIONS, session)) == [
        Note("Warning", "RetentionFailed", "nas: Locked: by nobody"),
    ]


def test_session_on_its_way_is_no_news() -> None:
    objects = Objects()
    for phase in (None, "Pending", "Running"):
        session = backup_session(objects, "one", phase, age=_HOUR)
        assert list(notes(objects, BACKUP_SESSIONS, session)) == []


def test_condition_that_is_false_is_told_by_its_reason_once() -> None:
    objects = Objects()
    conditions = [
        {"type": "A", "status": "False", "reason": "Missing", "message": "the Secret"},
        {"type": "B", "status": "False", "reason": "Missing", "message": "the claim"},
        {"type": "C", "status": "Unknown", "reason": "WaitingForApply"},
        {"type": "D", "status": "False"},
    ]
    storage = objects.add(
        BACKUP_STORAGES, "nas", status={"phase": "NotReady", "conditions": conditions}
    )
    assert list(notes(objects, BACKUP_STORAGES, storage)) == [
        Note("Warning", "Missing", "the Secret"),
        Note("Warning", "D", "D is False"),
    ]


def test_request_is_told_with_its_error_or_that_nothing_was_written() -> None:
    objects = Objects()
    error = "NotEmpty: mode OnlyIfEmpty: the volume contains file"
    ready = {"type": "Ready", "status": "False", "reason": "NotEmpty", "message": "the volume"}
    failed = {"phase": "Failed", "error": error, "conditions": [ready]}
    before = {"phase": "Succeeded", "restoredBefore": "2026-03-01T12:00:00Z"}
    told = [
        list(notes(objects, RESTORE_REQUESTS, objects.add(RESTORE_REQUESTS, "act", status=status)))
        for status in (failed, before)
    ]
    assert told == [
        [Note("Warning", "RequestFailed", error)],
        [
            Note(
                "Normal",
                "RequestSucceeded",
                "already restored at 2026-03-01T12:00:00Z; nothing was written this time",
            )
        ],
    ]


def test_event_of_the_same_reason_has_the_same_name_whatever_it_says() -> None:
    objects = Objects()
    obj = objects.add(BACKUP_CONFIGURATIONS, "n" * 253)
    names = set()
    for reason, message in (("A", "one"), ("A", "two"), ("B", "one")):
        note = Note("Warning", reason, message * 1000)
        event = event_manifest(BACKUP_CONFIGURATIONS, obj, note, NOW, "pod-1")
        metadata = event["metadata"]
        assert isinstance(metadata, dict)
        names.add(metadata["name"])
        assert len(str(metadata["name"])) <= 253
        assert len(str(event["message"])) == 1024
    assert len(names) == 2
