"""One copy over time: restore points, outages, failures, and what is stored."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.timeline.growth import Price, StoredCopy, growth
from stashgen.timeline.history import History, Timeline, simulate
from stashgen.timeline.scenario import Outage, Scenario

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2027, 3, 1, tzinfo=UTC)


def timeline(
    schedule: str = "0 3 * * *",
    *,
    interval: timedelta = DAY,
    max_age: str | None = None,
    scenario: Scenario | None = None,
    **keep: int,
) -> Timeline:
    retention = RetentionPolicySpec(
        max_retention_period=max_age,
        successful_snapshots=SuccessfulSnapshots.model_validate(keep) if keep else None,
    )
    history = History(schedule, "Etc/UTC", interval, HOUR, HOUR, retention, "s3")
    return simulate(history, scenario or Scenario(START, 30))


def test_history_has_run_for_long_when_the_horizon_begins() -> None:
    first = timeline(daily=7, weekly=4).days[0]
    assert first.points == 9  # 7 days and 4 weeks, of which two end within the days
    assert first.newest == START + 3 * HOUR
    assert first.oldest == datetime(2027, 2, 14, 3, tzinfo=UTC)


def test_what_nothing_limits_is_a_year_old_when_the_horizon_begins() -> None:
    days = timeline().days
    assert days[-1].points - days[0].points == 29
    assert days[0].oldest is not None
    assert 360 * DAY < START - days[0].oldest < 372 * DAY


def test_nothing_is_written_or_removed_while_the_storage_is_away() -> None:
    away = Outage("s3", START + 10 * DAY, START + 20 * DAY)
    days = timeline(max_age="5d", scenario=Scenario(START, 30, (away,))).days
    assert {day.points for day in days[9:20]} == {days[9].points}
    assert {day.newest for day in days[9:20]} == {START + 9 * DAY + 3 * HOUR}
    assert days[20].points == 1  # all others are older than five days


def test_an_outage_that_began_before_the_horizon_was_there_before_it() -> None:
    away = Outage("s3", START - 40 * DAY, START + 10 * DAY)
    found = timeline(daily=7, scenario=Scenario(START, 30, (away,)))
    last = START - 41 * DAY + 3 * HOUR
    assert found.chain[found.chain.index(last) + 1] == START + 10 * DAY + 3 * HOUR
    assert {day.newest for day in found.days[:10]} == {last}
    assert found.failed == 10


def test_an_outage_that_follows_another_before_the_horizon_counts_too() -> None:
    first = Outage("s3", START - 60 * DAY, START - 41 * DAY)
    second = Outage("s3", START - 41 * DAY, START + DAY)
    found = timeline(daily=7, scenario=Scenario(START, 30, (first, second)))
    assert found.days[0].newest == START - 61 * DAY + 3 * HOUR


def test_runs_that_are_few_weeks_but_many_a_day_are_all_counted_at_the_beginning() -> None:
    first = timeline("0 1,13 * * 0", interval=7 * DAY, last=10).days[0]
    assert first.points == 10
    # The Sunday before the horizon and the four before that, with two runs each.
    assert first.oldest == START - DAY - 28 * DAY + HOUR


def test_failed_runs_leave_nothing_and_old_restore_points_go() -> None:
    found = timeline(max_age="5d", scenario=Scenario(START, 30, failures=1))
    assert found.failed == 30
    assert found.days[-1].points == 1
    assert found.days[-1].newest == START - DAY + 3 * HOUR


def test_failures_are_the_same_at_each_call_and_others_with_another_seed() -> None:
    found = [
        timeline(daily=3, scenario=Scenario(START, 300, failures=0.2, seed=seed)).chain
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]
    assert 220 < sum(tick >= START for tick in found[0]) < 260


def test_stored_is_the_newest_and_what_is_other_in_older_ones() -> None:
    days = timeline(last=3, scenario=Scenario(START, 5, change=0.1)).days
    assert days[0].stored == pytest.approx(1 + 2 * 0.1)
    assert days[0].uploaded == pytest.approx(0.1)


def test_what_is_kept_for_ever_adds_up_day_by_day() -> None:
    days = timeline("0 * * * *", scenario=Scenario(START, 200, change=0.1)).days
    each = 1 - 0.9 ** (1 / 24)
    assert days[0].stored == pytest.approx(1 + (days[0].points - 1) * each)
    assert days[-1].stored == pytest.approx(1 + (days[-1].points - 1) * each)


def test_without_change_nothing_is_stored_twice_but_growth_is_uploaded() -> None:
    days = timeline(last=3, scenario=Scenario(START, 366, growth=1.0)).days
    assert days[-1].stored == pytest.approx(2, rel=0.01)
    assert sum(day.uploaded for day in days) == pytest.approx(1, rel=0.01)


def test_cost_is_by_gigabytes_and_months_and_what_is_uploaded() -> None:
    line = timeline(last=1, scenario=Scenario(START, 30))
    copies = [StoredCopy("s3", line, 60e9), StoredCopy("s3", line, 40e9)]
    ((name, found),) = growth(copies, {"s3": Price(0.02)})
    assert (name, found.first, found.most) == ("s3", 100e9, 100e9)
    assert found.cost == pytest.approx(2 * 30 / 30.4375)
    ((_, unpriced),) = growth(copies, {})
    assert unpriced.cost is None
