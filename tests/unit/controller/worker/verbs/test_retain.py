from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.meta import ObjectMeta
from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.snapshot import Phase, Snapshot, SnapshotSpec, SnapshotStatus
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.worker.repository.guards import Good
from stashgen_controller.worker.repository.records import Record, Records
from stashgen_controller.worker.repository.removal import MOST_REMOVED
from stashgen_controller.worker.repository.restic_snapshots import Listed
from stashgen_controller.worker.run import RunFailedError
from stashgen_controller.worker.verbs.maintenance import MaintainOrder
from stashgen_controller.worker.verbs.retain import (
    Choice,
    History,
    choose,
    data_of,
    own_session,
    unrecorded_failures,
)

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PATH = "repository/v1/backup/dump"


def at(day: float) -> datetime:
    return NOW + timedelta(days=day)


def record(name: str, day: float = 0, *, phase: Phase = Phase.SUCCEEDED) -> Record:
    snapshot = Snapshot(
        metadata=ObjectMeta(name=name),
        spec=SnapshotSpec(session="backup"),
        status=SnapshotStatus(phase=phase, snapshot_time=at(day)),
    )
    return Record(snapshot, PATH, (name,))


def listed(**days: float) -> Mapping[str, Listed]:
    return {name: Listed(at(day), 1) for name, day in days.items()}


def history(
    records: Sequence[Record], there: Mapping[str, Listed], failed: Sequence[Record] = ()
) -> History:
    return History("backup", PATH, records, failed, there)


def chosen(found: History, last: int, day: float = 3) -> Choice:
    policy = RetentionPolicySpec(successful_snapshots=SuccessfulSnapshots(last=last))
    return choose(found, policy, at(day))


def removed(choice: Choice) -> list[str]:
    return [item.name for item in choice.remove]


def test_what_restic_does_not_list_is_neither_counted_nor_removed() -> None:
    records = [record("a"), record("b"), record("c")]
    choice = chosen(history(records, listed(a=0, b=1)), 1)
    assert removed(choice) == ["a"]
    assert (choice.kept, choice.missing) == (1, 1)


def test_a_good_record_without_any_id_is_missing() -> None:
    empty = Record(record("a").snapshot, PATH, ())
    choice = chosen(history([empty, record("b")], listed(b=1)), 1)
    assert (removed(choice), choice.kept, choice.missing) == ([], 1, 1)


def test_restics_time_decides_and_not_the_records() -> None:
    records = [record("old", day=9), record("new", day=-9)]
    assert removed(chosen(history(records, listed(old=0, new=1)), 1)) == ["old"]


def test_what_was_interrupted_comes_first_and_the_rest_has_to_wait() -> None:
    names = [f"s{number:03}" for number in range(50)]
    there = listed(**{name: number for number, name in enumerate(names) if name != "s048"})
    found = replace(history([record(name) for name in names], there), interrupted={"s048"})
    choice = chosen(found, 1, 60)
    assert choice.remove[0].name == "s048"
    assert len(choice.remove) == MOST_REMOVED
    assert choice.remaining == 49 - MOST_REMOVED


def test_what_was_interrupted_does_not_take_the_place_of_a_good_one() -> None:
    records = [record(name, phase=Phase.SUCCEEDED) for name in ("a", "b")]
    found = replace(history(records, listed(a=0)), interrupted={"b"})
    choice = chosen(found, 1)
    assert (removed(choice), choice.kept, choice.missing) == (["b"], 1, 0)


def test_what_a_restore_needs_stays_beside_what_the_policy_keeps() -> None:
    records = [record(name) for name in ("a", "b", "c", "d")]
    found = replace(history(records, listed(a=0, b=1, c=2, d=3)), pinned={"a", "d"})
    choice = chosen(found, 1)
    assert (removed(choice), choice.kept) == (["b"], 3)


def test_a_failed_one_that_a_restore_needs_is_kept_with_its_data() -> None:
    failed = unrecorded_failures(said("x", "y"), Records(()), "backup", "dump")
    there = left_by("x", "y")
    found = replace(history([], there, failed), pinned={"x"})
    assert removed(chosen(found, 1)) == []
    assert data_of(found, failed) == ["of-y"]


def test_what_was_interrupted_waits_for_a_restore_that_needs_it() -> None:
    records = [record("a"), record("b")]
    found = replace(history(records, listed(b=1)), interrupted={"a"}, pinned={"a"})
    assert removed(chosen(found, 1)) == []


def test_good_backups_are_in_the_order_in_which_restic_took_them() -> None:
    two = Record(record("two").snapshot, PATH, ("two", "more"))
    records = [two, record("one"), record("bad", phase=Phase.FAILED), record("lost")]
    there = {
        "one": Listed(at(0), 5),
        "two": Listed(at(1), 7),
        "more": Listed(at(2), None),
        "bad": Listed(at(3), 1),
    }
    assert history(records, there).good == [Good("one", at(0), 5), Good("two", at(1), None)]


def said(*names: str, session: str = "backup") -> list[UnrecordedFailure]:
    return [UnrecordedFailure(name=name, session=session, time=NOW) for name in names]


def left_by(*owners: str | None) -> dict[str, Listed]:
    """What restic lists: an id ``of-<owner>`` for each owner, ``foreign`` for none."""
    return {f"of-{owner}" if owner else "foreign": Listed(NOW, 1, owner) for owner in owners}


def test_what_a_failed_snapshot_without_a_record_left_goes_and_nothing_else() -> None:
    good = record("good")
    failed = unrecorded_failures(said("killed"), Records((good,)), "backup", "dump")
    there = left_by("killed", "another", "good", None)
    assert data_of(history([good], there, failed), failed) == ["of-killed"]


def test_history_without_records_stays_where_nothing_says_that_it_failed() -> None:
    assert data_of(history([], left_by("a", "b", None)), []) == []


def test_an_earlier_try_of_the_same_job_goes_with_its_record() -> None:
    there = left_by("a", "b") | {"a": Listed(NOW, 1, "a")}
    found = history([record("a"), record("b")], there)
    assert data_of(found, [record("a")]) == ["of-a", "a"]


def test_what_another_record_names_stays_whatever_its_tag_says() -> None:
    failed = unrecorded_failures(said("killed"), Records(()), "backup", "dump")
    keeper = Record(record("keeper").snapshot, PATH, ("of-killed",))
    assert data_of(history([keeper], left_by("killed"), failed), failed) == []


def test_a_file_in_the_bucket_counts_more_than_what_the_cluster_says() -> None:
    found = Records((record("uploaded"),), ignored=("odd",))
    assert unrecorded_failures(said("uploaded", "odd"), found, "backup", "dump") == []


def test_a_failure_of_another_session_is_left_alone() -> None:
    other = said("killed", session="weekly")
    assert unrecorded_failures(other, Records(()), "backup", "dump") == []


def test_failed_ones_without_a_record_count_among_the_failed() -> None:
    failed = unrecorded_failures(said("x", "y"), Records(()), "backup", "dump")
    recorded = record("z", day=1, phase=Phase.FAILED)
    choice = chosen(history([record("good"), recorded], listed(good=0), failed), 1)
    assert removed(choice) == ["x", "y"]
    assert choice.kept == 2


@pytest.mark.parametrize("session", [None, "", "weekly"])
def test_a_run_for_a_session_that_was_not_reviewed_is_refused(session: str | None) -> None:
    order = MaintainOrder("dump", ("backup", "night"), RetentionPolicySpec())
    assert own_session("night", order) == "night"
    with pytest.raises(RunFailedError, match="is not among those of the command line") as caught:
        own_session(session, order)
    assert caught.value.reason is ErrorClass.INTERNAL
