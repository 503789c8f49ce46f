"""Schedules that differ only by an offset count as one, and nothing that is counted changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.cron import Schedule, every_to_cron, without_offset

_START = datetime(2026, 1, 1, tzinfo=UTC)
_ZONES = ("Etc/UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("7 3 * * *", "0 3 * * *"),
        ("44 3 * * *", "30 3 * * *"),
        ("7,27,47 * * * *", "5,25,45 * * * *"),
        ("14,15 * * * *", "14,15 * * * *"),
        ("7-59/20 */2 * * 1-5", "5,25,45 */2 * * 1-5"),
        ("*/7 * * * *", "*/7 * * * *"),
        ("5-9 * * * *", "5-9 * * * *"),
        ("5-59/0 * * * *", "5-59/0 * * * *"),
        ("75 3 * * *", "75 3 * * *"),
        ("@daily", "@daily"),
        ("7", "7"),
        ("", ""),
    ],
)
def test_offset_is_what_all_minutes_are_late_in_their_quarter_of_an_hour(
    schedule: str, expected: str
) -> None:
    assert without_offset(schedule) == expected


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(_ZONES),
    every=st.sampled_from((900, 1_200, 3_600, 14_400, 86_400, 604_800)),
    seed=st.text("abc", max_size=8),
    busy=st.sampled_from((0, 5, 60, 90)),
)
def test_gaps_and_days_are_the_same_without_the_offset(
    zone: str, every: int, seed: str, busy: int
) -> None:
    schedule = every_to_cron(every, seed)
    one, other = Schedule.parse(schedule), Schedule.parse(without_offset(schedule))
    info, timeout = ZoneInfo(zone), timedelta(minutes=busy)
    assert one.longest_gap(info, _START, busy=timeout) == other.longest_gap(
        info, _START, busy=timeout
    )
    ticks = [*one.ticks(_START, _START + timedelta(days=366), info)]
    others = [*other.ticks(_START, _START + timedelta(days=366), info)]
    assert {tick - late for tick, late in zip(ticks, others, strict=True)} == {
        ticks[0] - others[0] if ticks else timedelta()
    }
    assert [tick.date() for tick in ticks] == [tick.date() for tick in others]
