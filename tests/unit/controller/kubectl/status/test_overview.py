"""What needs somebody, and what does not."""

from datetime import timedelta
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import ORDER_ANNOTATION, RECORD_ANNOTATION
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    SNAPSHOTS,
)
from stashgen.api.restore_request import RestoreMode
from stashgen_controller.kubectl.status.entry import Section
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.protocol.run_spec import RestoreOrder
from tests.support.objects import NOW, Objects, backup_session, claim, configuration, snapshot

_HOUR = timedelta(hours=1)
_DATA = {"repository": "local-abcde", "snapshot": "latest"}
_TARGET = {"kind": "PersistentVolumeClaim", "name": "library"}


def _protected() -> Objects:
    objects = Objects()
    configuration(objects)
    stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
    assert stored is not None
    stored["status"] = {"phase": "Ready"}
    claim(objects, "library")
    snapshot(objects, "good", "Succeeded", age=_HOUR)
    return objects


def _restore(objects: Objects, name: str, phase: str, age: timedelta) -> None:
    spec = {"target": _TARGET, "dataSource": _DATA}
    objects.add(RESTORE_SESSIONS, name, age=age, spec=spec, status={"phase": phase})


def _request(
    objects: Objects,
    name: str,
    age: timedelta,
    *,
    not_after: str = "2026-03-02T00:00:00Z",
    **status: object,
) -> None:
    spec = {
        "nonce": "20260301-0001",
        "notAfter": not_after,
        "repository": "local-abcde",
        "snapshot": "good",
        "target": {"name": "library"},
        "mode": "Overwrite",
        "onMissing": "Fail",
    }
    objects.add(RESTORE_REQUESTS, name, age=age, spec=spec, status=status)


def test_a_good_snapshot_that_lacks_files_is_shown_and_is_no_finding() -> None:
    objects = _protected()
    assert overview(objects, NOW).of(Section.INCOMPLETE) == []
    snapshot(objects, "newer", "Succeeded", age=timedelta(), unreadable=3)
    found = overview(objects, NOW)
    (entry,) = found.of(Section.INCOMPLETE)
    assert entry.why == "the newest restore point lacks 3 files that could not be read"
    assert found.is_well


def test_a_restore_whose_volume_refused_owners_is_shown_until_the_next_one() -> None:
    objects = _protected()
    refused = {
        "type": "MetadataRestored",
        "status": "False",
        "reason": "RefusedByTarget",
        "message": "the volume refused",
        "lastTransitionTime": "2026-03-01T10:00:00Z",
    }
    spec = {"target": _TARGET, "dataSource": _DATA}
    status = {"phase": "Succeeded", "conditions": [refused]}
    objects.add(RESTORE_SESSIONS, "one", age=_HOUR, spec=spec, status=status)
    found = overview(objects, NOW)
    (entry,) = found.of(Section.INCOMPLETE)
    assert (entry.name, entry.why) == ("one", "the volume refused")
    assert found.is_well
    _restore(objects, "two", "Succeeded", timedelta())
    assert overview(objects, NOW).of(Section.INCOMPLETE) == []


def test_a_restore_without_a_lock_says_so_and_is_no_finding_by_itself() -> None:
    objects = _protected()
    without = {
        "type": "RestoredWithoutLock",
        "status": "True",
        "reason": "StorageNotWritable",
        "message": "read without a lock",
        "lastTransitionTime": "2026-03-01T10:00:00Z",
    }
    spec = {"target": _TARGET, "dataSource": _DATA}
    broken = {"dump": {"phase": "Failed", "error": "RepositoryDamaged: a pack is gone"}}
    failed = {"phase": "Failed", "conditions": [without], "components": broken}
    objects.add(RESTORE_SESSIONS, "one", age=_HOUR, spec=spec, status=failed)
    (entry,) = overview(objects, NOW).of(Section.FAILED)
    assert entry.why == "RepositoryDamaged: a pack is gone; read without a lock"
    good = {"phase": "Succeeded", "conditions": [without]}
    objects.add(RESTORE_SESSIONS, "two", age=timedelta(), spec=spec, status=good)
    found = overview(objects, NOW)
    assert found.is_well
    assert found.of(Section.INCOMPLETE) == []


def test_the_same_is_late_and_unprotected_as_the_metrics_say() -> None:
    objects = _protected()
    configuration(objects, "often", schedule="0 * * * *", timeout="10m")
    configuration(objects, "never", schedule="0 0 31 2 *")
    for index in range(4):
        claim(objects, f"free-{index}")
    numbers = []
    for hours in (0, 1, 5):
        now = NOW + timedelta(hours=hours)
        gauges = {gauge.name: gauge for gauge in of_cluster(objects, now)}
        met = gauges["stashgen_recovery_point_objective_met"]
        configuration_at = met.labels.index("configuration")
        missed = {values[configuration_at] for values, figure in met.samples if figure == 0}
        found = overview(objects, now)
        assert {entry.name for entry in found.of(Section.LATE)} == missed
        numbers.append(len(missed))
        ((_, unprotected),) = gauges["stashgen_unprotected_volumes"].samples
        assert len(found.of(Section.UNPROTECTED)) == unprotected == 4
    assert numbers == [1, 2, 3]


def test_a_failed_run_of_a_configuration_that_is_gone_needs_nobody() -> None:
    objects = Objects()
    copies = [{"name": "bad", "phase": "Failed", "repository": "local-abcde"}]
    backup_session(objects, "old", "Failed", age=_HOUR, snapshots=copies)
    assert overview(objects, NOW).entries == ()


def test_of_two_copies_only_the_failed_one_is_told() -> None:
    objects = _protected()
    copies = [
        {"name": "a", "phase": "Succeeded", "repository": "other-abcde"},
        {"name": "b", "phase": "Failed", "repository": "local-abcde"},
    ]
    backup_session(objects, "new", "Failed", age=timedelta(minutes=5), snapshots=copies)
    (entry,) = overview(objects, NOW).entries
    assert entry.what == "backup library/backup to local-abcde"


def test_a_later_good_run_mends_a_failed_one() -> None:
    objects = _protected()
    copies = [{"name": "bad", "phase": "Failed", "repository": "local-abcde"}]
    backup_session(objects, "one", "Failed", age=2 * _HOUR, snapshots=copies)
    backup_session(objects, "two", "Succeeded", age=_HOUR)
    backup_session(objects, "three", "Skipped", age=timedelta(minutes=5))
    assert overview(objects, NOW).is_well


def test_the_newest_restore_of_a_volume_decides() -> None:
    objects = _protected()
    _restore(objects, "first", "Failed", 2 * _HOUR)
    assert [entry.name for entry in overview(objects, NOW).of(Section.FAILED)] == ["first"]
    _restore(objects, "second", "Succeeded", _HOUR)
    assert overview(objects, NOW).is_well
    _restore(objects, "third", "Invalid", timedelta(minutes=1))
    assert [entry.name for entry in overview(objects, NOW).of(Section.FAILED)] == ["third"]


def test_a_restore_in_git_is_told_and_not_the_session_that_it_made() -> None:
    objects = _protected()
    _restore(objects, "made-by-it", "Failed", _HOUR)
    _request(
        objects, "in-git", _HOUR, phase="Failed", error="Locked: x", restoreSession="made-by-it"
    )
    (entry,) = overview(objects, NOW).entries
    assert (entry.section, entry.kind, entry.why) == (
        Section.FAILED,
        "RestoreRequest",
        "Locked: x",
    )


def test_an_attempt_that_was_resumed_is_its_requests_and_fails_by_itself_no_more() -> None:
    objects = _protected()
    _request(objects, "in-git", 2 * _HOUR, phase="Succeeded", restoreSession="attempt-2")
    _restore(objects, "attempt-1", "Failed", _HOUR)
    _restore(objects, "attempt-2", "Succeeded", timedelta(minutes=1))
    order = RestoreOrder(
        nonce="20260301-0001",
        namespace="demo",
        request="in-git",
        repository="local-abcde",
        snapshot="good",
        target="library",
        mode=RestoreMode.OVERWRITE,
        not_after=NOW,
    )
    for name, text in (("attempt-1", order.to_json()), ("attempt-2", "no order")):
        stored = objects.stored(RESTORE_SESSIONS, "demo", name)
        assert stored is not None
        cast("JsonObject", stored["metadata"])["annotations"] = {ORDER_ANNOTATION: text}
    assert overview(objects, NOW).is_well


def test_an_expired_restore_needs_somebody_and_a_waiting_one_does_not() -> None:
    objects = _protected()
    _request(objects, "waits", _HOUR, phase="Pending")
    found = overview(objects, NOW)
    assert found.is_well
    assert [entry.name for entry in found.of(Section.RUNNING)] == ["waits"]
    _request(objects, "late", _HOUR, phase="Expired", error="Expired: nobody synced it in time")
    assert [entry.name for entry in overview(objects, NOW).of(Section.FAILED)] == ["late"]


def test_a_rebuilt_cluster_does_not_mind_its_history_of_restores() -> None:
    objects = _protected()
    _restore(objects, "today", "Failed", _HOUR)
    over = {"phase": "Expired", "error": "Expired: it came too late"}
    _request(objects, "over", timedelta(minutes=2), not_after="2026-02-01T00:00:00Z", **over)
    done = {"phase": "Succeeded", "restoredBefore": "2026-02-01T00:00:00Z"}
    _request(objects, "done", timedelta(minutes=1), **done)
    assert [entry.name for entry in overview(objects, NOW).entries] == ["today"]


def test_a_repository_of_another_writer_is_not_ready_for_backups() -> None:
    objects = _protected()
    expected = {
        "type": "RestoreExpected",
        "status": "True",
        "lastTransitionTime": "2026-03-01T00:00:00Z",
        "message": "demo/library was written by another volume",
    }
    objects.add(
        REPOSITORIES,
        "local-abcde",
        spec={"storageRef": {"name": "nas"}},
        status={"phase": "Ready", "conditions": [expected]},
    )
    (entry,) = overview(objects, NOW).of(Section.NOT_READY)
    assert entry.why == "RestoreExpected: demo/library was written by another volume"
    assert entry.next == "kubectl stashgen restore library -n demo"


def test_what_waits_for_a_repository_is_not_told_twice() -> None:
    objects = _protected()
    stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
    assert stored is not None
    stored["status"] = {"phase": "NotReady"}
    objects.add(REPOSITORIES, "local-abcde", spec={}, status={"phase": "NotReady"}, age=_HOUR)
    (entry,) = overview(objects, NOW).of(Section.NOT_READY)
    assert entry.kind == "Repository"


def test_just_made_objects_are_not_blamed_on_the_controller() -> None:
    objects = Objects()
    configuration(objects, age=timedelta(seconds=5))
    (entry,) = overview(objects, NOW).of(Section.NOT_READY)
    assert entry.why == "it was just created"


_EXPECTED = {
    "type": "RestoreExpected",
    "status": "True",
    "lastTransitionTime": "2026-03-01T00:00:00Z",
    "message": "demo/library was written by another volume",
}


def _expects_restore(objects: Objects) -> None:
    objects.add(
        REPOSITORIES,
        "local-abcde",
        spec={"storageRef": {"name": "nas"}},
        status={"phase": "Ready", "conditions": [_EXPECTED]},
    )


def test_restore_points_from_the_bucket_do_not_make_a_volume_backed_up() -> None:
    objects = _protected()
    _expects_restore(objects)
    stored = objects.stored(SNAPSHOTS, "demo", "good")
    assert stored is not None
    cast("JsonObject", stored["metadata"])["annotations"] = {RECORD_ANNOTATION: "{}"}
    found = overview(objects, NOW)
    assert (found.volumes, found.protected, found.restore_points) == (1, 0, 1)
    assert (found.copies, found.copies_met) == (1, 0)
    (entry,) = found.of(Section.NOT_READY)
    assert entry.why.startswith("RestoreExpected: ")


def test_backups_of_the_claim_that_was_there_before_are_not_this_ones() -> None:
    objects = _protected()
    _expects_restore(objects)
    assert overview(objects, NOW).protected == 0
    # With plain manifests the backups go on.
    snapshot(objects, "own", "Succeeded", age=timedelta())
    assert overview(objects, NOW).protected == 1


def test_a_bucket_that_cannot_be_read_is_a_finding() -> None:
    objects = _protected()
    failed = _EXPECTED | {"type": "SnapshotsResynced", "status": "False", "message": "Locked: x"}
    status = {"phase": "Ready", "conditions": [failed]}
    objects.add(REPOSITORIES, "local-abcde", spec={"storageRef": {"name": "nas"}}, status=status)
    (entry,) = overview(objects, NOW).of(Section.NOT_READY)
    assert entry.why.endswith("read back from the bucket: Locked: x")
