"""The Snapshots' way back from the bucket: pages, restores that wait, what is asked for again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import (
    ADOPT_ANNOTATION,
    RECORD_ANNOTATION,
    RESYNC_ANNOTATION,
    RETIRED_ANNOTATION,
)
from stashgen.api.snapshot import Phase, RecordedWriter
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.kube.client import ApiError
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot
from stashgen_controller.protocol.run_result import ErrorClass, Resync, RunError, RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from tests.support import manifests
from tests.support.harness import (
    START,
    Harness,
    Worker,
    conditions,
    failing_worker,
    good_worker,
    metadata,
    place,
)

REPOSITORY = "local-k3f9q"
_DAY = 24 * 3600


def _recorded(count: int) -> list[str]:
    """The names of Snapshots of the days before the tests' beginning, oldest first."""
    first = int(START.timestamp()) - count * _DAY
    ticks = (first + number * _DAY for number in range(count))
    return [f"{REPOSITORY}-library-backup-{tick}" for tick in ticks]


def _protect(harness: Harness, count: int) -> list[str]:
    """A namespace that is synced anew; the bucket has so many Snapshots."""
    names = _recorded(count)
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    job = harness.run_until(Verb.INIT_REPOSITORY)
    harness.bucket[place(job)] = list(names)
    harness.writer_matches = False
    return names


def _repository(harness: Harness) -> JsonObject:
    return harness.status(known.REPOSITORIES, "demo", REPOSITORY)


def _resync(harness: Harness) -> JsonObject:
    return cast("JsonObject", _repository(harness)["snapshotResync"])


def _resynced(harness: Harness) -> JsonObject:
    return conditions(_repository(harness))["SnapshotsResynced"]


def _snapshots(harness: Harness) -> list[str]:
    return harness.names(known.SNAPSHOTS, "demo")


def _pages(harness: Harness) -> list[str]:
    return [name for kind, name in harness.created if kind == "Job" and name.startswith("resync-")]


def _ask(harness: Harness, value: str) -> None:
    annotations: JsonObject = {RESYNC_ANNOTATION: value}
    body: JsonObject = {"metadata": {"annotations": annotations}}
    harness.client.patch(known.REPOSITORIES, "demo", REPOSITORY, body)


def test_snapshots_come_back_page_by_page_with_their_status(harness: Harness) -> None:
    names = _protect(harness, 5)
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _pages(harness) == [f"resync-{REPOSITORY}-{number}" for number in (1, 2, 3)]
    assert (_resync(harness)["phase"], _resync(harness)["records"]) == ("Finished", 5)
    assert (_resynced(harness)["status"], _resynced(harness)["message"]) == (
        "True",
        "5 records read from the bucket in all",
    )
    found = harness.get(known.SNAPSHOTS, "demo", names[0])
    assert "ownerReferences" not in metadata(found)
    status = cast("JsonObject", found["status"])
    assert (status["phase"], status["size"], status["integrity"]) == (
        "Succeeded", "1.000 KiB", True,
    )  # fmt: skip
    component = cast("dict[str, JsonObject]", status["components"])["dump"]
    (stats,) = cast("list[JsonObject]", component["resticStats"])
    assert cast("JsonObject", stats["summary"])["id"] == "a" * 64
    tick = int(names[0].rpartition("-")[2])
    taken = datetime.fromtimestamp(tick, UTC)
    assert status["snapshotTime"] == f"{taken:%Y-%m-%dT%H:%M:%SZ}"
    assert _repository(harness)["snapshotCount"] == 5
    # What came back does not make this volume the one that wrote it.
    assert _repository(harness)["writerMatches"] is False
    assert conditions(_repository(harness))["RestoreExpected"]["status"] == "True"


def test_a_second_look_changes_nothing(harness: Harness) -> None:
    _protect(harness, 3)
    harness.settle(work=good_worker)
    with harness.counted() as made:
        harness.look_at_everything()
        harness.settle(work=good_worker)
    assert not [key for key in made if key[0] in {"create", "update", "patch", "delete"}], made
    assert len(_pages(harness)) == 2


def test_a_repository_over_an_empty_bucket_has_nothing_to_read(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    assert _resync(harness)["phase"] == "Finished"
    assert _resynced(harness)["message"] == "0 records read from the bucket in all"
    assert not _pages(harness)


def test_an_annotation_asks_once_for_each_value_and_what_exists_is_left_alone(
    harness: Harness,
) -> None:
    names = _protect(harness, 4)
    harness.settle(work=good_worker)
    kept = metadata(harness.get(known.SNAPSHOTS, "demo", names[0]))["uid"]
    for name in names[1:]:
        harness.delete(known.SNAPSHOTS, "demo", name)
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names[:1]

    for value, pages in (("1", 4), ("1", 4), ("2", 6)):
        _ask(harness, value)
        harness.settle(work=good_worker)
        assert len(_pages(harness)) == pages
        assert _snapshots(harness) == names
        assert (_resync(harness)["phase"], _resync(harness)["request"]) == ("Finished", value)
    assert metadata(harness.get(known.SNAPSHOTS, "demo", names[0]))["uid"] == kept


def test_a_record_that_is_gone_from_the_bucket_means_nothing(harness: Harness) -> None:
    names = _protect(harness, 3)
    harness.settle(work=good_worker)
    harness.bucket.clear()
    _ask(harness, "again")
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _resync(harness)["records"] == 0


def test_a_page_that_cannot_be_read_is_tried_again_from_where_it_was(harness: Harness) -> None:
    names = _protect(harness, 5)
    harness.finish(harness.run_until(Verb.RESYNC), _page(harness))
    error = RunError(reason=ErrorClass.UNAVAILABLE, message="the bucket is away")
    harness.settle(work=failing_worker(error, Verb.RESYNC))
    assert _snapshots(harness) == names[3:]
    assert _resynced(harness)["message"] == "Unavailable: the bucket is away"
    harness.advance(timedelta(minutes=10))
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _resync(harness)["records"] == 5


def _page(harness: Harness) -> RunResult:
    """What a good worker reports for the page that is asked for."""
    (job,) = [one for one in harness.open_jobs() if plan_of(one).verb is Verb.RESYNC]
    return good_worker(harness, job, plan_of(job))


# Restores


def _restore(harness: Harness, name: str) -> JsonObject:
    return harness.status(known.RESTORE_SESSIONS, "demo", name)


def _waits_for(harness: Harness, name: str) -> object:
    ensured = conditions(_restore(harness, name)).get("RestoreExecutorEnsured", {})
    return ensured.get("reason") if ensured.get("status") == "Unknown" else None


def test_a_restore_waits_until_the_snapshots_are_back(harness: Harness) -> None:
    harness.apply(manifests.restore("demo", "back", repository=REPOSITORY))
    names = _protect(harness, 5)
    assert _waits_for(harness, "back") == "WaitingForResync"
    harness.finish(harness.run_until(Verb.RESYNC), _page(harness))
    harness.settle()
    # The newest of the first page need not be the latest, as far as anybody knows.
    assert _waits_for(harness, "back") == "WaitingForResync"
    assert "2 records read" in str(conditions(_restore(harness, "back")))
    harness.settle(work=good_worker)
    assert _restore(harness, "back")["phase"] == "Succeeded"
    depends = cast("list[JsonObject]", _restore(harness, "back")["dependencies"])
    assert depends[0]["name"] == names[-1]
    # It was restored into the volume: backups may go on.
    assert "RestoreExpected" not in conditions(_repository(harness))


def test_a_named_snapshot_is_restored_before_the_older_ones_are_back(harness: Harness) -> None:
    names = _protect(harness, 5)
    for name, snapshot in (("early", names[-1]), ("late", names[0])):
        harness.apply(
            manifests.restore("demo", name, repository=REPOSITORY, snapshot=snapshot, claim=name)
        )
        harness.apply(manifests.claim("demo", name))
    harness.finish(harness.run_until(Verb.RESYNC), _page(harness))
    harness.settle()
    (page,) = harness.open_jobs()
    # A page that has begun comes first, but no other.
    assert plan_of(page).verb is Verb.RESYNC
    harness.finish(page, good_worker(harness, page, plan_of(page)))
    harness.settle()
    (job,) = harness.open_jobs()
    assert plan_of(job).restore_session == "early"
    assert _waits_for(harness, "late") == "WaitingForResync"
    harness.settle(work=good_worker)
    assert _restore(harness, "late")["phase"] == "Succeeded"


def test_only_after_the_resync_is_a_missing_snapshot_final(harness: Harness) -> None:
    _protect(harness, 1)
    wanted = f"{REPOSITORY}-library-backup-1"
    for name, repository in (("named", REPOSITORY), ("unnamed", "")):
        restore = manifests.restore("demo", name, repository=repository, snapshot=wanted)
        harness.apply(restore)
    harness.run_until(Verb.RESYNC)
    for name in ("named", "unnamed"):
        assert _waits_for(harness, name) == "WaitingForResync"
    harness.settle(work=good_worker)
    for name in ("named", "unnamed"):
        assert _restore(harness, name)["phase"] == "Failed"
        assert "NoSnapshot: " in str(conditions(_restore(harness, name)))


@pytest.mark.parametrize("on_missing", ["Fail", "Wait"])
def test_a_request_waits_too_and_restores_what_is_the_latest_then(
    harness: Harness, on_missing: str
) -> None:
    request = manifests.restore_request("demo", "act", repository=REPOSITORY, onMissing=on_missing)
    names = _protect(harness, 3)
    harness.apply(request)
    harness.run_until(Verb.RESYNC)
    status = harness.status(known.RESTORE_REQUESTS, "demo", "act")
    assert status["phase"] == "Pending"
    assert conditions(status)["Ready"]["reason"] == "WaitingForResync"
    harness.settle(work=good_worker)
    status = harness.status(known.RESTORE_REQUESTS, "demo", "act")
    assert (status["phase"], status["snapshot"]) == ("Succeeded", names[-1])


def test_a_restore_from_a_repository_that_nobody_will_create_fails_at_once(
    harness: Harness,
) -> None:
    harness.apply(manifests.restore("demo", "back", repository="misspelt"))
    harness.settle()
    assert "NoSnapshot: " in str(conditions(_restore(harness, "back")))


def test_a_restore_does_not_wait_for_longer_than_it_may(harness: Harness) -> None:
    _protect(harness, 1)
    timeout = {"restoreTimeout": "10m"}
    harness.apply(manifests.restore("demo", "back", repository=REPOSITORY, more=timeout))
    error = RunError(reason=ErrorClass.UNAVAILABLE, message="the bucket is away")
    harness.settle(work=failing_worker(error, Verb.RESYNC))
    assert _waits_for(harness, "back") == "WaitingForResync"
    for minutes in (2, 9):
        harness.advance(timedelta(minutes=minutes))
        harness.settle(work=failing_worker(error, Verb.RESYNC))
    assert _restore(harness, "back")["phase"] == "Failed"
    assert "the bucket is away" in str(conditions(_restore(harness, "back")))


# What goes wrong


def test_a_refused_snapshot_is_made_later_and_the_repository_stays_ready(
    harness: Harness,
) -> None:
    names = _protect(harness, 3)

    def refuse(method: str, path: str, query: Mapping[str, str]) -> None:
        del query
        if method == "POST" and path.endswith("/snapshots"):
            raise ApiError(403, "Forbidden", "exceeded quota")

    harness.controller = harness.client.through(refuse)
    harness.settle(work=good_worker)
    assert _snapshots(harness) == []
    assert (_resynced(harness)["status"], _repository(harness)["phase"]) == ("False", "Ready")
    assert "exceeded quota" in str(_resynced(harness)["message"])
    harness.controller = harness.client
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _resync(harness)["records"] == 3


def test_a_controller_that_dies_between_two_snapshots_makes_none_twice(harness: Harness) -> None:
    names = _protect(harness, 4)
    harness.finish(harness.run_until(Verb.RESYNC), _page(harness))
    made: list[str] = []

    def die(method: str, path: str, query: Mapping[str, str]) -> None:
        del query
        if method == "POST" and path.endswith("/snapshots"):
            made.append(path)
        if len(made) > 1:
            raise ApiError(0, "", "the connection is gone")

    harness.controller = harness.client.through(die)
    harness.settle()
    assert _snapshots(harness) == names[3:]
    uid = metadata(harness.get(known.SNAPSHOTS, "demo", names[3]))["uid"]
    harness.controller = harness.client
    harness.look_at_everything()
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert metadata(harness.get(known.SNAPSHOTS, "demo", names[3]))["uid"] == uid
    assert _resync(harness)["records"] == 4


@pytest.mark.parametrize("text", ["", "not packed", "c-nd{"])
def test_a_page_that_makes_no_sense_is_named_and_creates_nothing(
    harness: Harness, text: str
) -> None:
    _protect(harness, 2)
    job = harness.run_until(Verb.RESYNC)
    page = Resync(snapshots=text, is_last=True)
    harness.finish(job, _page(harness).model_copy(update={"resync": page}))
    harness.settle()
    assert _snapshots(harness) == []
    assert _resynced(harness)["status"] == "False"
    assert "cannot be read" in str(_resynced(harness)["message"])
    assert _repository(harness)["phase"] == "Ready"


def test_a_running_backup_is_waited_for(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    harness.trigger("backup", "library")
    harness.run_until(Verb.BACKUP)
    _ask(harness, "1")
    harness.settle()
    assert (_resynced(harness)["status"], _resynced(harness)["reason"]) == (
        "Unknown", "WaitingForBackup",
    )  # fmt: skip
    assert not _pages(harness)
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    assert _resynced(harness)["status"] == "True"
    assert len(_snapshots(harness)) == 2


def test_a_backup_that_waits_for_a_page_does_not_keep_it_from_its_end(harness: Harness) -> None:
    """Each would wait for the other, for ever."""
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    _ask(harness, "1")
    harness.run_until(Verb.RESYNC)
    session = harness.trigger("backup", "library")
    harness.settle()
    waits = conditions(harness.status(known.BACKUP_SESSIONS, "demo", session))
    assert waits["BackupExecutorEnsured"]["reason"] == "WaitingForInitialization"
    harness.settle(work=good_worker)
    assert _resynced(harness)["status"] == "True"
    assert harness.status(known.BACKUP_SESSIONS, "demo", session)["phase"] == "Succeeded"


def test_a_retired_repository_gets_its_snapshots_back_without_a_session(
    harness: Harness,
) -> None:
    names = _recorded(3)
    for obj in manifests.one_volume("demo"):
        if obj["kind"] == "Repository":
            annotations = cast("JsonObject", metadata(obj)["annotations"])
            annotations[RETIRED_ANNOTATION] = "2999-12-31"
        if obj["kind"] not in {"BackupConfiguration", "CronJob", "RetentionPolicy"}:
            harness.apply(obj)
    harness.apply(manifests.restore("demo", "back", repository=REPOSITORY))
    harness.bucket[place(harness.run_until(Verb.RESYNC))] = list(names)
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _restore(harness, "back")["phase"] == "Succeeded"


@pytest.mark.parametrize("is_same", [True, False])
def test_the_recorded_status_counts_on_its_own_snapshot_only(
    harness: Harness, is_same: bool
) -> None:
    record = RecordedSnapshot(
        name=f"{REPOSITORY}-library-backup-1" if is_same else "other",
        session="backup",
        backup_session="library-backup-1",
        phase=Phase.SUCCEEDED,
        time=START,
        updated=START,
    )
    harness.client.create(
        known.SNAPSHOTS,
        "demo",
        {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "Snapshot",
            "metadata": {
                "name": f"{REPOSITORY}-library-backup-1",
                "namespace": "demo",
                "annotations": {RECORD_ANNOTATION: record.to_json()},
            },
            "spec": {"repository": REPOSITORY, "session": "backup", "backupSession": "gone"},
        },
    )
    harness.settle()
    status = harness.status(known.SNAPSHOTS, "demo", f"{REPOSITORY}-library-backup-1")
    assert status["phase"] == ("Succeeded" if is_same else "Failed")
    if is_same:
        assert status["snapshotTime"] == format_time(START)


# Plain manifests, and who the recorded writer is

_OTHER = "0ddba115-0000-4000-8000-000000000000"


def _reporting(writer: RecordedWriter, error: RunError | None = None) -> Worker:
    """A worker whose backups report the recorded writer, and fail with an error if one is given."""

    def work(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
        make = good_worker if error is None else failing_worker(error, Verb.BACKUP)
        result = make(harness, job, plan)
        is_backup = plan.verb is Verb.BACKUP
        return result.model_copy(update={"writer": writer}) if is_backup else result

    return work


def test_plain_manifests_get_their_snapshots_back_too(harness: Harness) -> None:
    harness.apply(manifests.restore("demo", "back"))
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    tick = int(START.timestamp()) - _DAY
    names = [f"repo-local-library-backup-backup-{tick + hour * 3600}" for hour in range(3)]
    harness.bucket[place(harness.run_until(Verb.INIT_REPOSITORY))] = list(names)
    harness.writer_matches = False
    harness.settle(work=good_worker)
    assert _snapshots(harness) == names
    assert _restore(harness, "back")["phase"] == "Succeeded"


def test_the_value_to_acknowledge_is_shown_and_reaches_the_worker(harness: Harness) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    refused = RunError(reason=ErrorClass.RESTORE_EXPECTED, message="another volume wrote here")
    other = RecordedWriter(claim_uid=_OTHER, matches=False)
    harness.advance(timedelta(hours=1))
    harness.trigger("backup", "library")
    harness.settle(work=_reporting(other, refused))
    message = str(conditions(_repository(harness))["RestoreExpected"]["message"])
    assert f"{ADOPT_ANNOTATION}={_OTHER}" in message

    body: JsonObject = {"metadata": {"annotations": {ADOPT_ANNOTATION: _OTHER}}}
    harness.client.patch(known.BACKUP_CONFIGURATIONS, "demo", "library", body)
    harness.advance(timedelta(hours=1))
    harness.trigger("backup", "library")
    assert plan_of(harness.run_until(Verb.BACKUP)).acknowledged_writer == _OTHER
    harness.settle(work=_reporting(RecordedWriter(claim_uid="ours", matches=True)))
    assert "RestoreExpected" not in conditions(_repository(harness))
    assert "writerClaimUID" not in _repository(harness)


def test_with_plain_manifests_only_the_report_ends_the_guard(harness: Harness) -> None:
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    harness.writer_matches = False
    harness.settle(work=good_worker)

    def expects() -> bool:
        status = harness.status(known.REPOSITORIES, "demo", "repo-local")
        return "RestoreExpected" in conditions(status)

    for writer, expected in (
        (RecordedWriter(claim_uid=_OTHER, matches=False), True),
        (RecordedWriter(claim_uid="ours", matches=True), False),
    ):
        harness.advance(timedelta(hours=1))
        harness.trigger()
        harness.settle(work=_reporting(writer))
        assert expects() is expected
