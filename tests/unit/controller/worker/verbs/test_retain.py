from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.meta import ObjectMeta
from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase, Snapshot, SnapshotSpec, SnapshotStatus
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.worker.repository.records import Listed, Record, Records
from stashgen_controller.worker.run import RunFailedError
from stashgen_controller.worker.verbs.maintenance import MaintainOrder
from stashgen_controller.worker.verbs.retain import (
    MOST_REMOVED,
    choose,
    data_of,
    refuse_past,
    refuse_shrunk,
    unrecorded_failures,
)

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


def said(*names: str, session: str = "backup") -> list[UnrecordedFailure]:
    return [UnrecordedFailure(name=name, session=session, time=NOW) for name in names]


def left_by(*owners: str | None) -> dict[str, dict[str, Listed]]:
    """What restic lists: an id ``of-<owner>`` for each owner, ``foreign`` for none."""
    there = {f"of-{owner}" if owner else "foreign": Listed(NOW, 1, owner) for owner in owners}
    return {PATH: there}


def test_what_a_failed_snapshot_without_a_record_left_goes_and_nothing_else() -> None:
    failed = unrecorded_failures(said("killed"), Records((record("good"),)), order(1))
    there = left_by("killed", "another", "good", None)
    assert data_of(failed, [record("good")], there) == {PATH: ["of-killed"]}


def test_history_without_records_stays_where_nothing_says_that_it_failed() -> None:
    assert data_of([], [], left_by("a", "b", None)) == {PATH: []}


def test_an_earlier_try_of_the_same_job_goes_with_its_record() -> None:
    there = left_by("a", "b")
    there[PATH]["a"] = Listed(NOW, 1, "a")
    assert data_of([record("a")], [record("b")], there) == {PATH: ["of-a", "a"]}


def test_what_another_record_names_stays_whatever_its_tag_says() -> None:
    failed = unrecorded_failures(said("killed"), Records(()), order(1))
    keeper = Record(record("keeper").snapshot, PATH, ("of-killed",), is_pruning=False)
    assert data_of(failed, [keeper], left_by("killed")) == {PATH: []}


def test_a_file_in_the_bucket_counts_more_than_what_the_cluster_says() -> None:
    found = Records((record("uploaded"),), ignored=("odd",))
    assert unrecorded_failures(said("uploaded", "odd"), found, order(1)) == []


def test_a_session_that_is_not_in_the_reviewed_arguments_is_left_alone() -> None:
    assert unrecorded_failures(said("killed", session="weekly"), Records(()), order(1)) == []


def test_failed_ones_without_a_record_count_among_the_failed() -> None:
    failed = unrecorded_failures(said("x", "y"), Records(()), order(1))
    recorded = record("z", day=1, phase=Phase.FAILED)
    choice = choose([record("good"), recorded, *failed], listed(good=(0, 1)), order(1), at(3))
    assert [item.name for item in choice.remove] == ["x", "y"]
    assert choice.kept == 2
