"""``every`` within hours and days: what cron can repeat, and the days of a clock change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.cron import (
    Code,
    CronError,
    Schedule,
    changed_times,
    every_to_cron,
    hourly_window,
    parse_window,
    split_night,
    spread,
)
from stashgen.cron.window import parse_days

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ETC_UTC, BERLIN = ZoneInfo("Etc/UTC"), ZoneInfo("Europe/Berlin")
SEEDS = [f"dem1/demo/volume-{number}/backup" for number in range(150)]


@pytest.mark.parametrize(
    "text",
    ["", "22:00", "22-05", "24:00-05:00", "22:00-24:01", "22:60-23:00", "9:00-10:00", "05:00-05:00",
     "22:00 - 05:00", "22:00-05:00 ", "٢٢:00-05:00", "-1:00-02:00", "22:00-05:00-06:00"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_window(text)


@pytest.mark.parametrize("item", ["", "monday", "mo", "1", "mon-", "mon-fri-sun", "mon fri", "*"])
def test_what_is_no_day_is_refused(item: str) -> None:
    with pytest.raises(ValueError, match="a day is one of"):
        parse_days([item])


@pytest.mark.parametrize(
    ("items", "days"),
    [
        (["mon-fri"], (1, 2, 3, 4, 5)),
        (["fri-mon"], (0, 1, 5, 6)),
        (["Sat", "SUN", "sun"], (0, 6)),
        (["sun-sat"], tuple(range(7))),
        (["wed-wed"], (3,)),
    ],
)
def test_days_may_pass_the_end_of_the_week(items: list[str], days: tuple[int, ...]) -> None:
    assert parse_days(items) == days


@pytest.mark.parametrize(
    ("every", "between", "days", "message", "fix"),
    [
        (12 * HOUR, "22:00-05:00", None, "12h is longer than the window", "every: 1d"),
        (2 * HOUR, "22:00-05:00", None, "2h does not divide the window", "use 1h or 1d"),
        (4 * HOUR, "20:00-02:00", None, "4h does not divide the window", "use 3h or 6h or 1d"),
        (HOUR, "22:30-05:00", None, "1h does not divide the window", "use 1d"),
        (30 * MINUTE, "22:30-05:00", None, "30m cannot be repeated", "at a full hour, or use 1d"),
        (30 * MINUTE, "22:30-05:30", None, "30m cannot be repeated", "use 1h or 1d"),
        (30 * MINUTE, "22:30-05:30", ["mon"], "30m cannot be repeated", "full hour, or use 1d"),
        (4 * HOUR, "20:00-02:00", ["mon"], "4h does not divide the window", "use 6h or 1d"),
        (HOUR, "22:00-05:00", ["mon-fri"], "1h cannot be repeated", "leave out days"),
        (5 * HOUR, "22:00-05:00", None, "5h does not divide a day", "use 4h or 6h"),
    ],
)
def test_what_one_line_of_cron_cannot_repeat_is_refused_and_what_it_can_is_said(
    every: int, between: str, days: list[str] | None, message: str, fix: str
) -> None:
    with pytest.raises(CronError) as caught:
        every_to_cron(every, "seed", parse_window(between, days))
    assert caught.value.code is (Code.INTERVAL if every == 5 * HOUR else Code.WINDOW)
    assert message in caught.value.message
    assert fix in (caught.value.fix or "")


def test_once_a_night_is_spread_over_the_whole_window_and_its_days_are_those_of_its_begin() -> None:
    window = parse_window("22:00-05:00", ["mon-fri"])
    offsets = set()
    for seed in SEEDS:
        schedule = Schedule.parse(every_to_cron(DAY, seed, window))
        (time,) = schedule.minutes_of_day
        evening = time >= 22 * 60
        assert evening or time < 5 * 60
        assert schedule.weekdays == ((1, 2, 3, 4, 5) if evening else (2, 3, 4, 5, 6))
        offsets.add(time - 22 * 60 if evening else time + 2 * 60)
    assert min(offsets) < 20
    assert max(offsets) > 400
    assert len(offsets) > 100


def test_once_a_week_takes_one_of_the_days() -> None:
    window = parse_window("23:00-01:00", ["sat-sun"])
    found = {Schedule.parse(every_to_cron(WEEK, seed, window)) for seed in SEEDS}
    assert {(item.hours, item.weekdays) for item in found} == {
        ((23,), (6,)),
        ((23,), (0,)),
        ((0,), (0,)),
        ((0,), (1,)),
    }


def test_days_without_hours_move_nothing() -> None:
    for seed in SEEDS[:20]:
        daily = every_to_cron(DAY, seed)
        assert every_to_cron(DAY, seed, parse_window(None, ["mon-fri"])) == daily[:-1] + "1-5"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([5, 15, 30, 60, 120, 180, 240, 360, 720, 1440]),
    st.integers(0, 47),
    st.integers(1, 48),
    st.sampled_from([None, ["mon-fri"], ["sun"], ["fri-mon"]]),
    st.text(max_size=5),
)
def test_all_ticks_are_in_the_window_of_their_days_and_as_many_each_time(
    every: int, start: int, length: int, days: list[str] | None, seed: str
) -> None:
    begin, end = start * 30, start * 30 + length * 30
    text = f"{begin // 60:02}:{begin % 60:02}-{end // 60 % 24:02}:{end % 60:02}"
    try:
        window = parse_window(text, days)
        schedule = Schedule.parse(every_to_cron(every * MINUTE, seed, window))
    except (CronError, ValueError):
        return
    # The first window that begins in this week, to the last one.
    first = datetime(2026, 2, 1, tzinfo=UTC)
    found: dict[int, list[int]] = {day: [] for day in window.days}
    for tick in schedule.ticks(first + timedelta(days=1), first + timedelta(days=9), ETC_UTC):
        minute = int((tick - first).total_seconds()) // 60
        day = next(day for day in range(9) if 0 <= minute - day * 1440 - window.start < 1440)
        offset = minute - day * 1440 - window.start
        assert offset < window.length
        assert day % 7 in window.days
        if 1 <= day <= 7:
            found[day % 7].append(offset)
    offsets = {tuple(each) for each in found.values()}
    assert len(offsets) == 1
    (each,) = offsets
    assert len(each) == max(1, window.length // every)
    assert all(b - a == every for a, b in pairwise(each))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("every", [2 * HOUR, 4 * HOUR, DAY])
def test_no_run_is_at_a_time_that_a_clock_change_skips_or_repeats(zone: str, every: int) -> None:
    place = ZoneInfo(zone)
    changed = changed_times(place, NEW_YEAR)
    window = parse_window("22:00-06:00")
    moved = 0
    for seed in SEEDS:
        text = every_to_cron(every, seed, window, changed)
        changes = Schedule.parse(text).clock_changes(place, NEW_YEAR)
        assert [change.skipped for change in changes if change.skipped] == []
        # In New York the two hours follow each other: every second hour meets one of them.
        assert changes == () or (zone == "America/New_York" and every == 2 * HOUR)
        moved += text != every_to_cron(every, seed, window)
    # Only those that have to move do.
    assert moved < len(SEEDS) * 0.6


def test_each_night_of_the_year_has_one_run() -> None:
    window, changed = parse_window("22:00-05:00"), changed_times(BERLIN, NEW_YEAR)
    for seed in SEEDS[:40]:
        schedule = Schedule.parse(every_to_cron(DAY, seed, window, changed))
        ticks = list(schedule.ticks(NEW_YEAR, NEW_YEAR + timedelta(days=365), BERLIN))
        assert len(ticks) == 365
        assert schedule.longest_gap(BERLIN, NEW_YEAR) == timedelta(hours=25)


def test_a_window_within_the_hour_that_a_clock_change_skips_is_kept() -> None:
    changed = changed_times(BERLIN, NEW_YEAR)
    window = parse_window("02:00-03:00")
    text = every_to_cron(DAY, "seed", window, changed)
    assert text == every_to_cron(DAY, "seed", window)
    assert Schedule.parse(text).clock_changes(BERLIN, NEW_YEAR)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("0 22-5 * * *", (0, 1, 2, 3, 4, 5, 22, 23)),
        ("0 23-0 * * *", (0, 23)),
        ("0 22-5/3 * * *", (1, 4, 22)),
        ("0 12,22-1 * * *", (0, 1, 12, 22, 23)),
    ],
)
def test_a_range_of_hours_may_pass_midnight(text: str, hours: tuple[int, ...]) -> None:
    assert Schedule.parse(spread(text, "seed")).hours == hours


def test_h_takes_hours_on_both_sides_of_midnight() -> None:
    found = [Schedule.parse(spread("H H(22-5) * * *", seed)).hours for seed in SEEDS]
    assert {hour for (hour,) in found} == {22, 23, 0, 1, 2, 3, 4, 5}
    stepped = [Schedule.parse(spread("0 H(22-3)/3 * * *", seed)).hours for seed in SEEDS]
    assert set(stepped) == {(1, 22), (2, 23), (0, 3)}


@pytest.mark.parametrize(
    "text", ["0 22-24 * * *", "0 24-2 * * *", "0 22-5/0 * * *", "0 22-5/25 * * *",
             "0 H(22-24) * * *", "0 H(22-5)/9 * * *", "50-10 * * * *", "0 0 * * fri-mon"]
)  # fmt: skip
def test_no_other_range_passes_an_end(text: str) -> None:
    with pytest.raises(CronError):
        spread(text, "seed")


@pytest.mark.parametrize(
    ("text", "runs", "window"),
    [
        ("H 22-23,0-4 * * MON-FRI", 7, "22:00-05:00"),
        ("H 22-4 * * *", 7, "22:00-05:00"),
        ("0 23,0 * * sat", 2, "23:00-01:00"),
        ("*/30 22-1 * * mon-fri", 8, "22:00-02:00"),
    ],
)
def test_each_hour_of_a_night_is_noticed(text: str, runs: int, window: str) -> None:
    found = hourly_window(text)
    assert found is not None
    assert (found[0].text, found[1]) == (window, runs)


@pytest.mark.parametrize(
    "text",
    ["H H(22-4) * * *", "H 9-17 * * mon-fri", "H * * * *", "0 22-4 * * *", "H 0,12,23 * * *",
     "daily", "H/30 22-4 * * *", "H 1-23 * * *"],
)  # fmt: skip
def test_schedules_that_say_what_they_do_are_left_alone(text: str) -> None:
    assert hourly_window(text) is None


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("H H(22-5) * * mon-fri", "22:00-06:00"),
        ("0 H(23-0) * * 0", "23:00-01:00"),
        ("H H(20-2) 1 * *", "20:00-03:00"),
    ],
)
def test_days_that_split_a_night_are_noticed(text: str, window: str) -> None:
    found = split_night(text)
    assert found is not None
    assert found.text == window


@pytest.mark.parametrize(
    "text", ["H H(22-5) * * *", "H H(1-5) * * mon-fri", "H H * * sat", "weekly", "@daily"]
)
def test_nights_of_every_day_and_hours_of_one_day_are_left_alone(text: str) -> None:
    assert split_night(text) is None
