from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.meta import ObjectMeta
from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase, Snapshot, SnapshotSpec, SnapshotStatus
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.orders import MaintainOrder
from stashgen_controller.worker.records import Listed, Record, Records
from stashgen_controller.worker.retain import (
    MOST_REMOVED,
    choose,
    find_orphans,
    refuse_past,
    refuse_shrunk,
)
from stashgen_controller.worker.run import RunFailedError

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PATH = "repository/v1/backup/dump"
GIB = 1 << 30


def at(day: float) -> datetime:
    return NOW + timedelta(days=day)


def record(
    name: str, day: float = 0, *, phase: Phase = Phase.SUCCEEDED, pruning: bool = False
) -> Record:
    snapshot = Snapshot(
        metadata=ObjectMeta(name=name),
        spec=SnapshotSpec(session="backup"),
        status=SnapshotStatus(phase=phase, snapshot_time=at(day)),
    )
    return Record(snapshot, PATH, (name,), pruning)


def listed(**days: tuple[float, int]) -> dict[str, dict[str, Listed]]:
    return {PATH: {name: Listed(at(day), size) for name, (day, size) in days.items()}}


def order(last: int) -> MaintainOrder:
    keep = RetentionPolicySpec(successful_snapshots=SuccessfulSnapshots(last=last))
    return MaintainOrder("dump", ("backup",), keep)


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=1)])
def test_a_snapshot_from_the_future_holds_retention(ahead: timedelta) -> None:
    with pytest.raises(RunFailedError, match="the clock went back") as caught:
        refuse_past({PATH: {"a": Listed(NOW + ahead, 1)}}, NOW)
    assert caught.value.reason is ErrorClass.RETENTION_HELD


def test_clocks_that_differ_a_little_do_not_hold_retention() -> None:
    refuse_past({PATH: {"a": Listed(NOW + timedelta(minutes=4), 1)}, "other": {}}, NOW)


@pytest.mark.parametrize(
    ("sizes", "is_held"),
    [
        ([(0, 2 * GIB), (1, GIB - 1)], True),
        ([(0, 2 * GIB), (1, GIB)], False),
        ([(0, 2 * GIB), (1, 0)], True),
        ([(0, 2 * GIB), (1, 0), (2, 0), (6, 0)], True),
        ([(0, 2 * GIB), (1, 0), (8, 0)], False),
        ([(0, GIB), (1, 9 * GIB)], False),
        ([(0, 0), (1, 0)], False),
        ([(0, GIB)], False),
    ],
)
def test_a_volume_that_lost_half_within_a_week_holds_retention(
    sizes: list[tuple[float, int]], is_held: bool
) -> None:
    there = listed(**{f"s{index}": item for index, item in enumerate(sizes)})
    records = [record(name) for name in there[PATH]]
    if is_held:
        with pytest.raises(RunFailedError, match="the volume shrank") as caught:
            refuse_shrunk(records, there)
        assert caught.value.reason is ErrorClass.RETENTION_HELD
    else:
        refuse_shrunk(records, there)


def test_a_failed_backup_that_read_little_does_not_hold_retention() -> None:
    records = [record("good"), record("bad", phase=Phase.FAILED)]
    refuse_shrunk(records, listed(good=(0, GIB), bad=(1, 0)))


def test_what_restic_does_not_list_is_neither_counted_nor_removed() -> None:
    records = [record("a"), record("b"), record("c")]
    choice = choose(records, listed(a=(0, 1), b=(1, 1)), order(1), at(3))
    assert [item.name for item in choice.remove] == ["a"]
    assert (choice.kept, choice.missing) == (1, 1)


def test_a_good_record_without_any_id_is_missing() -> None:
    empty = Record(record("a").snapshot, PATH, (), is_pruning=False)
    choice = choose([empty, record("b")], listed(b=(1, 1)), order(1), at(3))
    assert (list(choice.remove), choice.kept, choice.missing) == ([], 1, 1)


def test_restics_time_decides_and_not_the_records() -> None:
    records = [record("old", day=9), record("new", day=-9)]
    choice = choose(records, listed(old=(0, 1), new=(1, 1)), order(1), at(3))
    assert [item.name for item in choice.remove] == ["old"]


def test_what_was_begun_comes_first_and_the_rest_has_to_wait() -> None:
    names = [f"s{number:03}" for number in range(50)]
    records = [record(name, pruning=name == "s048") for name in names]
    there = listed(**{name: (number, 1) for number, name in enumerate(names)})
    choice = choose(records, there, order(1), at(60))
    assert choice.remove[0].name == "s048"
    assert len(choice.remove) == MOST_REMOVED
    assert choice.remaining == 49 - MOST_REMOVED


def test_marks_do_not_remove_the_last_good_one() -> None:
    records = [record(name, pruning=True) for name in ("a", "b")]
    choice = choose(records, listed(a=(0, 1), b=(1, 1)), order(1), at(3))
    assert [item.name for item in choice.remove] == ["a"]
    assert choice.kept == 1


def orphans(*records: Record, ignored: int = 0, **days: float) -> list[str]:
    """Orphans among restic snapshots of ours; the records name theirs."""
    there = {name: Listed(at(day), 1, is_ours=True) for name, day in days.items()}
    return list(find_orphans(Records(records, ignored), {PATH: there}).get(PATH, ()))


def test_what_no_record_names_is_an_orphan_between_two_good_backups() -> None:
    assert orphans(record("a"), record("d"), a=0, b=1, c=2, d=3) == ["b", "c"]


def test_a_failed_record_names_its_data_too() -> None:
    failed = record("b", phase=Phase.FAILED)
    assert orphans(record("a"), failed, record("c"), a=0, b=1, c=2) == []


def test_what_is_newer_than_the_last_good_backup_may_get_its_record_yet() -> None:
    assert orphans(record("a"), record("b"), a=0, b=1, c=2) == []
    assert orphans(record("a"), record("b"), a=0, b=1, c=1) == []


def test_history_whose_records_are_lost_is_no_orphan() -> None:
    assert orphans(record("c"), a=0, b=1, c=2) == []
    assert orphans(a=0, b=1, c=2) == []


def test_a_good_record_without_data_bounds_no_orphans() -> None:
    assert orphans(record("lost"), record("c"), b=1, c=2) == []


def test_nothing_is_an_orphan_while_a_record_cannot_be_read() -> None:
    assert orphans(record("a"), record("c"), ignored=1, a=0, b=1, c=2) == []


def test_what_is_not_ours_is_no_orphan() -> None:
    there = listed(a=(0, 1), foreign=(1, 1), c=(2, 1))
    assert find_orphans(Records((record("a"), record("c")), 0), there) == {PATH: []}
