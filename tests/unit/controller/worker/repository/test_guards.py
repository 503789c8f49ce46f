from datetime import UTC, datetime, timedelta

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.repository.acceptance import AcceptedGap, AcceptedSize
from stashgen_controller.worker.repository.guards import (
    Good,
    refuse_gap,
    refuse_late,
    refuse_other_clock,
    refuse_past,
    refuse_shrunk,
)
from stashgen_controller.worker.run import RunFailedError

NOW = datetime(2026, 5, 4, tzinfo=UTC)
GIB = 1 << 30
Sizes = list[tuple[float, int | None]]


def at(day: float) -> datetime:
    return NOW + timedelta(days=day)


def taken(*days: float) -> list[Good]:
    return [Good(f"s{day:g}", at(day), 1) for day in days]


def read(sizes: Sizes) -> list[Good]:
    return [Good(f"s{day:g}", at(day), size) for day, size in sizes]


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=1)])
def test_a_snapshot_from_the_future_holds_retention(ahead: timedelta) -> None:
    with pytest.raises(RunFailedError, match="the clock went back") as caught:
        refuse_past([NOW + ahead], NOW)
    assert caught.value.reason is ErrorClass.RETENTION_HELD


def test_clocks_that_differ_a_little_do_not_hold_retention() -> None:
    refuse_past([NOW + timedelta(minutes=4)], NOW)
    refuse_past([], NOW)
    refuse_other_clock(NOW, NOW - timedelta(minutes=59))
    refuse_other_clock(NOW, None)


@pytest.mark.parametrize("hours", [-2, 2, 24 * 400])
def test_a_node_whose_clock_is_not_the_storages_holds_retention(hours: int) -> None:
    with pytest.raises(RunFailedError, match="one of them is wrong") as caught:
        refuse_other_clock(NOW + timedelta(hours=hours), NOW)
    assert caught.value.reason is ErrorClass.RETENTION_HELD


def test_retention_long_after_the_newest_backup_is_held() -> None:
    refuse_late([], NOW)
    refuse_late([at(-30), at(-1.9)], NOW)
    with pytest.raises(RunFailedError, match="the newest backup is from 2026-05-01T00:00:00Z"):
        refuse_late([at(-30), at(-3)], NOW)


@pytest.mark.parametrize(
    ("days", "is_held"),
    [
        ([0, 1, 2, 3, 400], True),
        ([0, 1, 2, 3, 400, 401, 402], True),
        ([0, 1, 2, 3, 10.5], True),
        ([0, 1, 2, 3, 9], False),
        # A monthly session; and one of which too little is known, but for ten years.
        ([0, 31, 62, 90, 181], False),
        ([0, 31], False),
        ([0, 1, 60], False),
        ([0, 3650], True),
        # What a policy by years, months, weeks and days leaves.
        ([0, 365, 396, 424, 455, 462, 469, 470, 471, 472], False),
        # After a pause like those before.
        ([0, 10, 20, 30, 60], False),
        ([], False),
        ([0], False),
    ],
)
def test_an_unusual_time_without_a_backup_holds_retention(days: list[float], is_held: bool) -> None:
    if is_held:
        with pytest.raises(RunFailedError, match="the clock may have jumped ahead") as caught:
            refuse_gap(taken(*days), None, None)
        assert caught.value.reason is ErrorClass.RETENTION_HELD
    else:
        assert refuse_gap(taken(*days), None, None) is None


def test_a_gap_that_a_person_has_accepted_stays_accepted() -> None:
    backups = taken(0, 1, 2, 3, 400, 401)
    text = "for 397 days before Snapshot s400: .* with stashgen.dev/accept-gap: s400$"
    for other in (None, "s401", "s3"):
        with pytest.raises(RunFailedError, match=text):
            refuse_gap(backups, None, other)
    known = refuse_gap(backups, None, "s400")
    assert known == AcceptedGap(snapshot="s400", time=at(400))
    assert refuse_gap(backups, known, None) == known
    with pytest.raises(RunFailedError, match="before Snapshot s900"):
        refuse_gap([*backups, *taken(402, 900)], known, None)


@pytest.mark.parametrize(
    ("sizes", "is_held"),
    [
        ([(0, 2 * GIB), (1, GIB - 1)], True),
        ([(0, 2 * GIB), (1, GIB)], False),
        ([(0, 2 * GIB), (1, 0)], True),
        ([(0, 2 * GIB), (1, 0), (2, 0), (6, 0)], True),
        # Whatever the rhythm, and however long ago.
        ([(0, 2 * GIB), (1, 0), (8, 0)], True),
        ([(0, 2 * GIB), (31, 0)], True),
        ([(0, 2 * GIB), (31, 0), (400, 0)], True),
        # Bit by bit, or for a while only.
        ([(0, 8 * GIB), (1, 5 * GIB), (2, 3 * GIB), (3, 2 * GIB)], False),
        ([(0, 2 * GIB), (1, 0), (2, GIB)], False),
        ([(0, GIB), (1, 9 * GIB)], False),
        ([(0, 0), (1, 0)], False),
        ([(0, GIB)], False),
        ([], False),
        # An old restic did not record the size.
        ([(0, 2 * GIB), (1, None)], False),
        ([(0, None), (1, 0)], False),
        ([(0, 2 * GIB), (1, None), (2, 1)], True),
    ],
)
def test_a_volume_that_lost_half_of_its_bytes_holds_retention(sizes: Sizes, is_held: bool) -> None:
    if is_held:
        with pytest.raises(RunFailedError, match="the volume shrank") as caught:
            refuse_shrunk(read(sizes), None, None)
        assert caught.value.reason is ErrorClass.RETENTION_HELD
    else:
        assert refuse_shrunk(read(sizes), None, None) is None


def test_a_smaller_size_that_a_person_has_accepted_stays_accepted() -> None:
    sizes: Sizes = [(0, 100), (1, 90), (2, 10), (3, 11), (4, 1)]
    text = "from 90 B to 10 B with Snapshot s2: .* with stashgen.dev/accept-smaller: s2$"
    for other in (None, "s1", "another"):
        with pytest.raises(RunFailedError, match=text):
            refuse_shrunk(read(sizes), None, other)
    # Only that size was accepted.
    with pytest.raises(RunFailedError, match="from 11 B to 1 B with Snapshot s4"):
        refuse_shrunk(read(sizes), None, "s2")
    known = refuse_shrunk(read(sizes), None, "s4")
    assert known == AcceptedSize(snapshot="s4", time=at(4), size_bytes=1)
    # Larger ones from before it may stay longer than it does.
    assert refuse_shrunk(read([(0, 100), (5, 1), (6, 2)]), known, None) == known
    with pytest.raises(RunFailedError, match="with Snapshot s7"):
        refuse_shrunk(read([(0, 100), (6, 50), (7, 1)]), known, "s4")
