"""The cluster's cron rules; the tables were made by running robfig/cron v3.0.1."""

import contextlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.cron import Code, CronError, Schedule, every_to_cron, spread

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
SANTIAGO = ZoneInfo("America/Santiago")
APIA = ZoneInfo("Pacific/Apia")
ETC_UTC = ZoneInfo("Etc/UTC")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

# What robfig or the API server refuses, or what some tool reads differently.
REFUSED = {
    "0 0 * * 7": "write 0 for Sunday",
    "0 0 * * 0-7": "write 0 for Sunday",
    "0 0 * * 0,7": "write 0 for Sunday",
    "5-1 * * * *": "write two ranges: 5-59,0-1",
    "0 22-2 * * *": "write two ranges: 22-23,0-2",
    "0 0 * * fri-mon": "write two ranges: fri-6,0-mon",
    "* * * * * *": "remove the field for seconds or years",
    "0 0 * * * * 2026": "remove the field for seconds or years",
    **dict.fromkeys(("0 0 L * *", "0 0 * * 5#3", "0 0 * * mon#1", "0 0 * * L5", "0 0 15W * *")),
    "R * * * *": None,
    "H * * * *": "in a policy write H, H/step, H(first-last) or H(first-last)/step",
    "@every 1h": 'use "every" or five fields',
    **dict.fromkeys(("@reboot", "@Daily", "@", "? ? * * *", "0 0 ? * *")),
    **dict.fromkeys(("1,,2 * * * *", ",1 * * * *", "1, * * * *", "+5 * * * *", "*-5 * * * *")),
    "TZ=UTC 0 0 * * *": "set timeZone of the policy, or of the cluster in stashgen.yaml",
    "CRON_TZ=UTC 0 0 * * *": "set timeZone of the policy, or of the cluster in stashgen.yaml",
    **dict.fromkeys(("*/61 * * * *", "*/0 * * * *", "*/-5 * * * *", "* */25 * * *", "5/ * * * *")),
    **dict.fromkeys(("60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *")),
    **dict.fromkeys(("* * * 13 *", "* * * foo *", "* * * january *", "mon * * * *", "-1 * * * *")),
    **dict.fromkeys(("", " ", "daily", "0 0 * *", "1.5 * * * *", "a b c d e", "1-2-3 * * * *")),
    **dict.fromkeys(
        ("1/2/3 * * * *", "* * * * *;", "٣ * * * *", "99999999999 * * * *", "1" * 2000)
    ),
}

MEANS: dict[str, tuple[list[int], list[int]]] = {
    "*/7 * * * *": ([0, 7, 14, 21, 28, 35, 42, 49, 56], list(range(24))),
    "5/15 3 * * *": ([5, 20, 35, 50], [3]),
    "5-25/15,40 1,2-4 * * *": ([5, 20, 40], [1, 2, 3, 4]),
    "05 05\t* * *": ([5], [5]),
    "*/60 * * * *": ([0], list(range(24))),
    "@hourly": ([0], list(range(24))),
    "@daily": ([0], [0]),
    "@midnight": ([0], [0]),
}


@pytest.mark.parametrize(("text", "fix"), REFUSED.items(), ids=lambda value: ascii(value)[:30])
def test_what_the_cluster_or_another_tool_refuses_is_refused(text: str, fix: str | None) -> None:
    with pytest.raises(CronError) as caught:
        Schedule.parse(text)
    error = caught.value
    assert error.code is Code.SYNTAX
    assert error.message.startswith("schedule ")
    assert error.message.endswith(" is not valid")
    assert error.why
    if fix is not None:
        assert error.fix == fix


@pytest.mark.parametrize(
    "text", ["0 0 31 2 *", "0 0 30,31 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30 feb *"]
)
def test_a_schedule_that_never_fires_is_refused(text: str) -> None:
    with pytest.raises(CronError) as caught:
        Schedule.parse(text)
    assert caught.value.code is Code.NEVER_FIRES


@pytest.mark.parametrize("text", ["0 0 29 2 *", "0 0 31 2 1", "0 0 31 1,2 *", "0 0 31 * *"])
def test_a_schedule_that_fires_rarely_is_accepted(text: str) -> None:
    assert Schedule.parse(text).next_tick(NEW_YEAR, ETC_UTC) is not None


@pytest.mark.parametrize(("text", "expected"), MEANS.items())
def test_fields_become_sets_of_values(text: str, expected: tuple[list[int], list[int]]) -> None:
    schedule = Schedule.parse(text)
    assert (list(schedule.minutes), list(schedule.hours)) == expected
    assert schedule.text == text


def test_names_of_months_and_weekdays_ignore_case() -> None:
    schedule = Schedule.parse("0 0 * Jan-MAR,dec SUN,mon-wed")
    assert schedule.months == (1, 2, 3, 12)
    assert schedule.weekdays == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        # Both restricted: either one is enough. February 2026 begins on a Sunday.
        ("0 0 13 2 5", [6, 13, 20, 27]),
        ("0 0 */10 2 1", [1, 2, 9, 11, 16, 21, 23]),
        ("0 0 1 2 */3", [1, 4, 7, 8, 11, 14, 15, 18, 21, 22, 25, 28]),
        # A star (also */1): both must match.
        ("0 0 * 2 1", [2, 9, 16, 23]),
        ("0 0 */1 2 1", [2, 9, 16, 23]),
        ("0 0 *,5 2 1", [2, 9, 16, 23]),
        ("0 0 13 2 *", [13]),
    ],
)
def test_day_of_month_and_weekday_are_alternatives_unless_one_is_a_star(
    text: str, days: list[int]
) -> None:
    ticks = Schedule.parse(text).ticks(
        datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), ETC_UTC
    )
    assert [tick.day for tick in ticks] == days


def local_ticks(text: str, zone: ZoneInfo, start: tuple[int, int, int], days: int) -> list[str]:
    begin = datetime(*start, tzinfo=zone).astimezone(UTC)
    end = (datetime(*start, tzinfo=zone) + timedelta(days=days)).astimezone(UTC)
    ticks = Schedule.parse(text).ticks(begin, end, zone)
    return [tick.astimezone(zone).strftime("%d %H:%M%z") for tick in ticks]


def test_a_time_that_a_clock_change_skips_does_not_run() -> None:
    assert local_ticks("30 2 * * *", NEW_YORK, (2026, 3, 7), 3) == [
        "07 02:30-0500",
        "09 02:30-0400",
    ]
    assert local_ticks("30 1 * * *", LONDON, (2026, 3, 28), 3) == ["28 01:30+0000", "30 01:30+0100"]
    assert local_ticks("15 2 * * *", LORD_HOWE, (2026, 10, 3), 3) == [
        "03 02:15+1030",
        "05 02:15+1100",
    ]
    # Midnight itself does not exist in Santiago on 6 September 2026.
    assert local_ticks("0 0 * * *", SANTIAGO, (2026, 9, 5), 3) == ["05 00:00-0400", "07 00:00-0300"]


def test_a_day_that_does_not_exist_has_no_ticks() -> None:
    assert local_ticks("30 2 * * *", APIA, (2011, 12, 29), 3) == [
        "29 02:30-1000",
        "31 02:30+1400",
    ]


def test_a_time_that_occurs_twice_runs_twice() -> None:
    assert local_ticks("30 1 * * *", NEW_YORK, (2026, 11, 1), 1) == [
        "01 01:30-0400",
        "01 01:30-0500",
    ]
    assert local_ticks("30 1 * * *", LONDON, (2026, 10, 25), 1) == [
        "25 01:30+0100",
        "25 01:30+0000",
    ]
    assert local_ticks("30 1 * * *", LORD_HOWE, (2026, 4, 5), 1) == [
        "05 01:30+1100",
        "05 01:30+1030",
    ]
    assert local_ticks("30 23 * * *", SANTIAGO, (2026, 4, 4), 2) == [
        "04 23:30-0300",
        "04 23:30-0400",
        "05 23:30-0400",
    ]


def test_half_hour_shifts_miss_no_midnight_unlike_in_robfig() -> None:
    assert local_ticks("0 0 * * *", LORD_HOWE, (2026, 10, 3), 3) == [
        "03 00:00+1030",
        "04 00:00+1030",
        "05 00:00+1100",
    ]
    assert local_ticks("30 1 * * *", LORD_HOWE, (2026, 10, 4), 1) == ["04 01:30+1030"]


def test_hourly_runs_are_an_hour_apart_over_a_clock_change() -> None:
    for zone in (NEW_YORK, LONDON, LORD_HOWE, SANTIAGO):
        schedule = Schedule.parse("0 * * * *")
        expected = timedelta(hours=1, minutes=30 if zone is LORD_HOWE else 0)
        assert schedule.longest_gap(zone, NEW_YEAR) == expected
        assert schedule.clock_changes(zone, NEW_YEAR) == ()


def test_ticks_begin_at_the_start_and_end_before_the_end() -> None:
    schedule = Schedule.parse("*/15 * * * *")
    start = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    ticks = list(schedule.ticks(start, start + timedelta(minutes=30), ETC_UTC))
    assert [tick.minute for tick in ticks] == [0, 15]
    later = start + timedelta(seconds=1)
    assert [t.minute for t in schedule.ticks(later, later + timedelta(minutes=15), ETC_UTC)] == [15]
    assert list(schedule.ticks(start, start, ETC_UTC)) == []


def test_the_next_tick_is_strictly_later() -> None:
    schedule = Schedule.parse("0 3 * * *")
    three = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
    assert schedule.next_tick(three - timedelta(microseconds=1), ETC_UTC) == three
    assert schedule.next_tick(three, ETC_UTC) == three + timedelta(days=1)
    assert schedule.next_tick(three + timedelta(seconds=30), ETC_UTC) == three + timedelta(days=1)
    leap = Schedule.parse("0 0 29 2 *")
    assert leap.next_tick(datetime(2096, 3, 1, tzinfo=UTC), ETC_UTC) == datetime(
        2104, 2, 29, tzinfo=UTC
    )


class WatchedZone(ZoneInfo):
    """Berlin that counts how often it is asked."""

    looks = 0

    def fromutc(self, dt: datetime, /) -> datetime:
        self.looks += 1
        return super().fromutc(dt)


@pytest.mark.parametrize(
    ("text", "looks"), [("0 2 * * *", 130), ("0 0 1 * *", 130), ("0 0 29 2 *", 1000)]
)
def test_the_next_tick_looks_no_further_than_it_must_and_only_once(text: str, looks: int) -> None:
    zone = WatchedZone.no_cache("Europe/Berlin")
    schedule = Schedule.parse(text)
    assert schedule.next_tick(datetime(2026, 3, 1, 12, tzinfo=UTC), zone) is not None
    assert 0 < zone.looks <= looks
    before = zone.looks
    schedule.next_tick(datetime(2026, 3, 1, 13, tzinfo=UTC), zone)
    assert zone.looks == before


@pytest.mark.parametrize(
    ("text", "zone", "gap"),
    [
        ("30 2 * * *", NEW_YORK, timedelta(hours=47)),
        ("30 2 * * *", ETC_UTC, timedelta(hours=24)),
        ("0 3 * * *", NEW_YORK, timedelta(hours=25)),
        ("17 */6 * * *", ETC_UTC, timedelta(hours=6)),
        ("17 */6 * * *", NEW_YORK, timedelta(hours=7)),
        ("*/5 * * * *", NEW_YORK, timedelta(minutes=5)),
        ("0 0,2 * * *", ETC_UTC, timedelta(hours=22)),
        ("0 0 * * 1", ETC_UTC, timedelta(days=7)),
        ("0 0 31 * *", ETC_UTC, timedelta(days=61)),
        ("@yearly", ETC_UTC, timedelta(days=365)),
        ("0 0 29 2 *", ETC_UTC, timedelta(days=1461)),
    ],
)
def test_the_longest_gap_follows_the_clusters_rules(
    text: str, zone: ZoneInfo, gap: timedelta
) -> None:
    assert Schedule.parse(text).longest_gap(zone, NEW_YEAR) == gap


def test_skipped_and_repeated_runs_are_told_before_they_happen() -> None:
    schedule = Schedule.parse("30 1,2 * * *")
    changes = schedule.clock_changes(NEW_YORK, NEW_YEAR, days=365)
    assert [(c.at, c.skipped, c.repeated) for c in changes] == [
        (datetime(2026, 3, 8, 7, tzinfo=UTC), (datetime(2026, 3, 8, 2, 30),), ()),
        (datetime(2026, 11, 1, 6, tzinfo=UTC), (), (datetime(2026, 11, 1, 1, 30),)),
    ]
    assert schedule.clock_changes(ETC_UTC, NEW_YEAR) == ()
    assert Schedule.parse("0 12 * * *").clock_changes(NEW_YORK, NEW_YEAR) == ()
    assert Schedule.parse("30 2 1 1 *").clock_changes(NEW_YORK, NEW_YEAR) == ()


ITEMS = ["*", "*/2", "*/7", "0", "3", "1-5", "2-20/3", "1,5,9", "6/2"]
DAYS = ["*", "1", "15,28", "*/5", "1-7", "29-31"]
MONTHS = ["*", "1", "feb", "*/3", "jun-aug"]
WEEKDAYS = ["*", "0", "1-5", "sat,sun", "*/2"]
schedules = st.builds(
    " ".join,
    st.tuples(*(st.sampled_from(items) for items in (ITEMS, ITEMS, DAYS, MONTHS, WEEKDAYS))),
)


@settings(max_examples=100, deadline=None)
@given(schedules, st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)))
def test_without_clock_changes_croniter_gives_the_same_times(text: str, start: datetime) -> None:
    begin = start.replace(tzinfo=UTC)
    try:
        schedule = Schedule.parse(text)
    except CronError:
        return
    other = croniter(text, begin)
    tick = begin
    for _ in range(5):
        following = schedule.next_tick(tick, ETC_UTC)
        assert following is not None
        tick = following
        assert tick == other.get_next(datetime)


ZONES = (
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Europe/London",
    "Asia/Tehran",
)


@settings(max_examples=60, deadline=None)
@given(
    schedules,
    st.sampled_from(ZONES),
    st.datetimes(datetime(2008, 1, 1), datetime(2030, 1, 1)),
)
def test_every_matching_minute_of_the_wall_clock_ticks_once(
    text: str, name: str, start: datetime
) -> None:
    try:
        schedule = Schedule.parse(text)
    except CronError:
        return
    zone = ZoneInfo(name)
    begin = start.replace(tzinfo=UTC, second=0, microsecond=0)
    expected = []
    for minute in range(2 * 24 * 60):
        local = (begin + timedelta(minutes=minute)).astimezone(zone)
        if local.hour * 60 + local.minute in schedule.minutes_of_day and schedule.matches_date(
            local.date()
        ):
            expected.append(begin + timedelta(minutes=minute))
    assert list(schedule.ticks(begin, begin + timedelta(days=2), zone)) == expected


@given(
    st.text(max_size=30) | st.text(st.sampled_from("0123456789*/,- @HLfrisunTZ=\t"), max_size=30)
)
def test_any_text_is_a_schedule_or_a_cron_error(text: str) -> None:
    for function in (Schedule.parse, lambda text: spread(text, "seed")):
        with contextlib.suppress(CronError):
            function(text)


@pytest.mark.parametrize(
    ("form", "minutes", "hours"),
    [
        ("H * * * *", range(60), None),
        ("hourly", range(60), None),
        ("H(0-5) 3 * * *", range(6), range(3, 4)),
        ("daily", range(60), range(24)),
        ("0 H(22-23) * * *", range(1), range(22, 24)),
        ("weekly", range(60), range(24)),
        ("monthly", range(60), range(24)),
    ],
)
def test_h_is_one_value_within_its_range_and_all_are_used(
    form: str, minutes: range, hours: range | None
) -> None:
    found = [Schedule.parse(spread(form, f"seed {n}")) for n in range(600)]
    assert {schedule.minutes for schedule in found} == {(minute,) for minute in minutes}
    if hours is not None:
        assert {schedule.hours for schedule in found} == {(hour,) for hour in hours}
    if form == "weekly":
        assert {schedule.weekdays for schedule in found} == {(day,) for day in range(7)}
    if form == "monthly":
        assert {schedule.days for schedule in found} == {(day,) for day in range(1, 29)}


def test_h_with_a_step_keeps_the_distance() -> None:
    firsts = set()
    for n in range(200):
        minutes = Schedule.parse(spread("H/15 * * * *", f"{n}")).minutes
        assert [b - a for a, b in pairwise(minutes)] == [15, 15, 15]
        firsts.add(minutes[0])
        inside = Schedule.parse(spread("H(0-29)/10 * * * *", f"{n}")).minutes
        assert len(inside) == 3
        assert max(inside) < 30
    assert firsts == set(range(15))


def test_h_depends_on_the_seed_alone_and_stays_the_same() -> None:
    assert spread("H H * * *", "dem1/demo/library/backup") == "12 23 * * *"
    assert spread("H/20 3 * * *", "dem1/demo/library/backup") == "12-59/20 3 * * *"
    assert spread("0 3 * * THU", "anything") == "0 3 * * THU"


@pytest.mark.parametrize(
    "form", ["H(5-3) * * * *", "H(0-60) * * * *", "H/0 * * * *", "H/61 * * * *", "H(0-5)/7 * * * *",
             "H(0) * * * *", "H5 * * * *", "H-5 * * * *", "h * * * *", "H H H H", "fortnightly"]
)  # fmt: skip
def test_an_impossible_h_is_refused(form: str) -> None:
    with pytest.raises(CronError):
        spread(form, "seed")


MINUTE, HOUR, DAY = 60, 3600, 86400
INTERVALS = [
    *(minutes * MINUTE for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
    *(hours * HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 24)),
    7 * DAY,
]


@pytest.mark.parametrize("every", INTERVALS)
def test_every_is_the_distance_of_all_ticks_and_offsets_fill_the_interval(every: int) -> None:
    offsets = set()
    for n in range(40):
        schedule = Schedule.parse(every_to_cron(every, f"seed {n}"))
        assert schedule.longest_gap(ETC_UTC, NEW_YEAR, days=15) == timedelta(seconds=every)
        first = schedule.next_tick(NEW_YEAR - timedelta(minutes=1), ETC_UTC)
        assert first is not None
        offsets.add((first - NEW_YEAR).total_seconds())
    assert all(0 <= offset < every for offset in offsets)
    assert max(offsets) - min(offsets) > 0.5 * (every - MINUTE) or every == MINUTE


@pytest.mark.parametrize(
    ("every", "fix"),
    [
        (90 * MINUTE, "use 1h or 2h"),
        (7 * MINUTE, "use 6m or 10m"),
        (5 * HOUR, "use 4h or 6h"),
        (2 * DAY, "use 24h or 7d"),
        (14 * DAY, "use 7d"),
        (30, "use 1m"),
        (0, "use 1m"),
        (-60, "use 1m"),
    ],
)
def test_other_intervals_are_refused_with_their_neighbours(every: int, fix: str) -> None:
    with pytest.raises(CronError) as caught:
        every_to_cron(every, "seed")
    assert caught.value.code is Code.INTERVAL
    assert caught.value.fix == fix
