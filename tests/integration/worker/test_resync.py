"""The Snapshots' way back: what a worker reads of the records in the bucket."""

import copy
import hashlib
import shutil
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from stashgen.api.base import format_time
from stashgen.api.snapshot import Phase
from stashgen.yaml import emitter
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot, unpack
from stashgen_controller.protocol.run_result import Resync
from tests.support.workbench import NOW, Ended, Workbench, make_unreadable, snapshot_name

Json = Any


def page(ended: Ended) -> Resync:
    found = ended.succeeded().result.resync
    assert found is not None
    return found


def all_pages(workbench: Workbench) -> tuple[Sequence[RecordedSnapshot], Sequence[Resync]]:
    """Every page, as the controller asks for one after the other."""
    pages = [page(workbench.resync())]
    while not pages[-1].is_last:
        pages.append(page(workbench.resync(cursor=pages[-1].cursor)))
    return [item for found in pages for item in unpack(found.snapshots)], pages


def write(workbench: Workbench, name: str, record: Json) -> None:
    text = record if isinstance(record, str) else emitter.emit(record)
    (workbench.directory / "snapshots" / f"{name}.yaml").write_text(text, encoding="utf-8")


def backed_up(workbench: Workbench) -> Json:
    """One good backup; returns its record."""
    (workbench.volume / "file").write_text("x" * 5000, encoding="utf-8")
    workbench.backup(0).succeeded()
    return workbench.record(snapshot_name(0))


def test_the_newest_snapshot_comes_back_first_with_all_that_a_restore_needs(
    workbench: Workbench,
) -> None:
    first = backed_up(workbench)
    workbench.backup(1).succeeded()
    found = page(workbench.resync())
    assert (found.is_last, found.ignored, found.cursor) == (True, 0, snapshot_name(0))
    newest, oldest = unpack(found.snapshots)
    assert (newest.name, oldest.name) == (snapshot_name(1), snapshot_name(0))
    assert (oldest.phase, oldest.session, oldest.integrity) == (Phase.SUCCEEDED, "backup", None)
    stats = first["status"]["components"]["dump"]["resticStats"]
    assert [item.id for item in oldest.paths] == [item["summary"]["id"] for item in stats]
    assert oldest.paths[0].size == stats[0]["summary"]["size"]
    assert oldest.snapshot_id == first["spec"]["snapshotID"]
    assert timedelta() <= oldest.time - NOW < timedelta(hours=1)


def test_failed_ones_come_back_with_their_reason(workbench: Workbench) -> None:
    make_unreadable(workbench, "secret")
    (workbench.volume / "file").write_text("there", encoding="utf-8")
    workbench.backup(0)
    (found,) = unpack(page(workbench.resync()).snapshots)
    assert found.phase is Phase.FAILED
    assert str(found.error).startswith("SourceIncomplete: ")
    assert found.unreadable is not None
    assert (found.unreadable.count, found.unreadable.first) == (1, ("secret",))


def test_a_failed_one_whose_data_is_gone_promises_nothing(workbench: Workbench) -> None:
    make_unreadable(workbench, "secret")
    workbench.backup(0)
    for file in (workbench.repository / "snapshots").iterdir():
        file.unlink()
    (found,) = unpack(page(workbench.resync()).snapshots)
    assert (found.phase, found.unreadable) == (Phase.FAILED, None)


def test_nothing_is_written(workbench: Workbench) -> None:
    backed_up(workbench)

    def contents() -> dict[str, bytes]:
        found = workbench.directory.rglob("*")
        return {str(path): path.read_bytes() for path in found if path.is_file()}

    before = contents()
    page(workbench.resync())
    assert contents() == before


def test_an_empty_bucket_is_an_empty_page(workbench: Workbench) -> None:
    found = page(workbench.resync())
    assert (unpack(found.snapshots), found.is_last, found.ignored) == ((), True, 0)


def test_many_come_in_pages_none_twice_and_none_left_out(workbench: Workbench) -> None:
    record = backed_up(workbench)
    expected = [snapshot_name(day) for day in range(60)]
    for day in range(1, 60):
        # Data that restic does not have is no obstacle to one that failed.
        moved = copy.deepcopy(record)
        moved["metadata"]["name"] = snapshot_name(day)
        moved["status"]["phase"] = "Failed"
        summary = moved["status"]["components"]["dump"]["resticStats"][0]["summary"]
        summary["id"] = hashlib.sha256(str(day).encode()).hexdigest()
        write(workbench, snapshot_name(day), moved)
    found, pages = all_pages(workbench)
    assert [item.name for item in found] == expected[::-1]
    assert len(pages) > 1
    # One that was removed between two pages was the cursor.
    (workbench.directory / "snapshots" / f"{pages[0].cursor}.yaml").unlink()
    second = unpack(page(workbench.resync(cursor=pages[0].cursor)).snapshots)
    assert second[0].name == unpack(pages[1].snapshots)[0].name


_ELSEWHERE = "local-other-library-backup-1777864620"


_FUTURE = format_time(NOW + timedelta(days=900))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"spec": {"repository": "local-other"}}, "of another Repository"),
        ({"metadata": {"namespace": "shop"}}, "of another namespace"),
        ({"metadata": {"name": "something-else"}}, "not a record of a Snapshot"),
        ({"spec": {"session": "../../shop"}}, "not a record of a Snapshot"),
        ({"spec": {"session": "A B"}}, "not a record of a Snapshot"),
        ({"spec": {"backupSession": "A B"}}, "backup_session cannot be used"),
        ({"status": {"phase": "Running"}}, "it is not finished"),
        ({"status": {"phase": "Failed", "snapshotTime": _FUTURE, "components": {}}}, "the future"),
        ({"status": {"components": {}}}, "restic does not list its data"),
        ({"status": {"lastUpdateTime": "yesterday"}}, "not a record of a Snapshot"),
    ],
)  # fmt: skip
def test_a_bad_record_is_counted_and_named_and_stops_nobody(
    workbench: Workbench, change: dict[str, Json], why: str
) -> None:
    good = backed_up(workbench)
    name = snapshot_name(1)
    bad = {**good, "metadata": {**good["metadata"], "name": name}}
    for part, fields in change.items():
        bad[part] = {**bad[part], **fields}
    write(workbench, name, bad)
    found = page(workbench.resync())
    assert [item.name for item in unpack(found.snapshots)] == [snapshot_name(0)]
    assert found.ignored == 1
    (example,) = found.examples
    assert example.startswith(f"{name}: ")
    assert example.endswith("…") or why in example


@pytest.mark.parametrize("text", ["", "x", "a: [", "---\n---\n", "kind: Secret\n"])
def test_a_file_that_is_no_record_is_counted(workbench: Workbench, text: str) -> None:
    backed_up(workbench)
    write(workbench, _ELSEWHERE, text)
    write(workbench, snapshot_name(2), text)
    found = page(workbench.resync())
    assert [item.name for item in unpack(found.snapshots)] == [snapshot_name(0)]
    assert found.ignored == 2


def test_sizes_and_times_are_those_of_restic(workbench: Workbench) -> None:
    record = backed_up(workbench)
    status = record["status"]
    summary = status["components"]["dump"]["resticStats"][0]["summary"]
    size = summary["size"]
    summary["size"] = "999.000 TiB"
    status["snapshotTime"] = "1999-01-01T00:00:00Z"
    write(workbench, snapshot_name(0), record)
    (found,) = unpack(page(workbench.resync()).snapshots)
    assert found.paths[0].size == size
    assert found.time - NOW < timedelta(hours=1)
    assert found.time >= NOW


def test_a_clock_that_is_behind_hides_no_backup(workbench: Workbench) -> None:
    backed_up(workbench)
    (found,) = unpack(page(workbench.resync(-2)).snapshots)
    assert found.phase is Phase.SUCCEEDED
    assert found.time == found.updated >= NOW


def test_good_records_without_their_repository_do_not_come_back(workbench: Workbench) -> None:
    backed_up(workbench)
    shutil.rmtree(workbench.repository)
    found = page(workbench.resync())
    assert (unpack(found.snapshots), found.ignored) == ((), 1)


def test_a_wrong_password_is_a_failure_and_no_empty_bucket(workbench: Workbench) -> None:
    backed_up(workbench)
    workbench.password.write_text("other", encoding="utf-8")
    assert workbench.resync().reason == "WrongPassword"
