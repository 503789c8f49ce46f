"""What a session promises follows from its schedule, zone and timeout alone."""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.cron import Schedule
from stashgen.kubestash.objectives import (
    Objectives,
    Promise,
    from_annotations,
    promise,
    storages_in_time,
    to_annotations,
)

_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("every now and then", "Etc/UTC"),
        ("", "Etc/UTC"),
        ("0 0 31 2 *", "Etc/UTC"),  # it never fires
        ("0 0 * * *", "Mars/Olympus_Mons"),
        ("0 0 * * *", "../etc/passwd"),
    ],
)
def test_schedule_that_cannot_be_read_or_never_fires_promises_nothing(
    schedule: str, zone: str
) -> None:
    assert promise(schedule, zone, "1h", 2026) is None


@pytest.mark.parametrize(
    ("schedule", "zone", "year", "interval"),
    [
        ("0 */4 * * *", "Etc/UTC", 2026, 4 * _HOUR),
        ("0 9-17 * * *", "Etc/UTC", 2026, 16 * _HOUR),
        # The day on which the clocks go back has 25 hours.
        ("30 4 * * *", "Europe/Berlin", 2026, 25 * _HOUR),
        # 02:30 does not exist on one day of spring.
        ("30 2 * * *", "Europe/Berlin", 2026, 47 * _HOUR),
        ("0 0 1 * *", "Etc/UTC", 2026, timedelta(days=31)),
        ("0 0 1 1 *", "Etc/UTC", 2026, timedelta(days=365)),
        ("0 0 1 1 *", "Etc/UTC", 2028, timedelta(days=366)),
    ],
)
def test_longest_gap_of_the_year_counts_and_not_the_usual_one(
    schedule: str, zone: str, year: int, interval: timedelta
) -> None:
    assert promise(schedule, zone, "1h", year) == Promise(interval, _HOUR)


@pytest.mark.parametrize(
    ("timeout", "allowance"),
    [("30m", timedelta(minutes=30)), (None, 4 * _HOUR), ("", 4 * _HOUR), ("soon", 4 * _HOUR)],
)
def test_run_may_take_its_timeout_or_until_the_next_tick(
    timeout: str | None, allowance: timedelta
) -> None:
    assert promise("0 */4 * * *", "Etc/UTC", timeout, 2026) == Promise(4 * _HOUR, allowance)


@pytest.mark.parametrize(
    ("schedule", "timeout", "interval"),
    [
        ("*/15 * * * *", "15m", timedelta(minutes=15)),
        ("*/15 * * * *", "40m", timedelta(minutes=45)),
        # The run of 16:00 is not over at 17:00.
        ("0 9-17 * * *", "2h", 17 * _HOUR),
    ],
)
def test_run_that_takes_longer_than_the_gap_skips_ticks(
    schedule: str, timeout: str, interval: timedelta
) -> None:
    promised = promise(schedule, "Etc/UTC", timeout, 2026)
    assert promised is not None
    assert promised.interval == interval


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["*/15 * * * *", "0 9-17 * * *", "30 2 * * *", "0 22,1,4 * * mon-fri"]),
    st.sampled_from(["Etc/UTC", "Europe/Berlin"]),
    st.integers(1, 150),
    st.integers(0, 1000),
)
def test_no_run_of_whatever_length_breaks_the_promise(
    schedule: str, zone: str, timeout: int, seed: int
) -> None:
    promised = promise(schedule, zone, f"{timeout}m", 2026)
    assert promised is not None
    start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
    newest, free, random = None, start, Random(seed)
    for tick in Schedule.parse(schedule).ticks(start, start + timedelta(days=366), ZoneInfo(zone)):
        if tick < free:
            continue  # The one before is still running.
        free = tick + timedelta(minutes=random.choice([1, timeout, random.randint(1, timeout)]))
        # Just before this run ends, the one before it is still the newest.
        if newest is not None:
            assert free - newest <= promised.recovery_point
        newest = tick


def test_session_that_is_made_for_the_objective_has_its_time_and_a_rarer_one_its_own() -> None:
    demanded = Objectives(rpo=6 * _HOUR)
    assert demanded.allowed(Promise(4 * _HOUR, _HOUR)) == 6 * _HOUR
    assert demanded.allowed(Promise(168 * _HOUR, _HOUR)) == 169 * _HOUR
    assert Objectives().allowed(Promise(4 * _HOUR, _HOUR)) == 5 * _HOUR


def test_storages_count_once_and_only_in_time() -> None:
    often, rarely = Promise(4 * _HOUR, _HOUR), Promise(168 * _HOUR, _HOUR)
    found = [("a", often), ("a", rarely), ("b", rarely)]
    assert storages_in_time(Objectives(rpo=6 * _HOUR), found) == {"a"}
    assert storages_in_time(Objectives(), found) == {"a", "b"}


def test_annotations_say_the_objectives() -> None:
    demanded = Objectives(6 * _HOUR, timedelta(days=14), 2)
    written = to_annotations(demanded)
    assert written == {
        "stashgen.dev/rpo": "6h0m0s",
        "stashgen.dev/keep-for": "336h0m0s",
        "stashgen.dev/min-copies": "2",
    }
    assert from_annotations(written | {"other": "thing"}) == demanded
    assert to_annotations(Objectives()) == {}
