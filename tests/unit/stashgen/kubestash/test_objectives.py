"""What a session promises follows from its schedule, zone and timeout alone."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen.kubestash.objectives import Objective, objective

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
    assert objective(schedule, zone, "1h", 2026) is None


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
    assert objective(schedule, zone, "1h", year) == Objective(interval, _HOUR)


@pytest.mark.parametrize(
    ("timeout", "allowance"),
    [("30m", timedelta(minutes=30)), (None, 4 * _HOUR), ("", 4 * _HOUR), ("soon", 4 * _HOUR)],
)
def test_run_may_take_its_timeout_or_until_the_next_tick(
    timeout: str | None, allowance: timedelta
) -> None:
    assert objective("0 */4 * * *", "Etc/UTC", timeout, 2026) == Objective(4 * _HOUR, allowance)


def test_recovery_point_is_met_until_the_gap_and_the_allowance_are_over() -> None:
    promised = Objective(4 * _HOUR, _HOUR)
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    assert promised.recovery_point == 5 * _HOUR
    assert promised.is_met(taken, taken + 5 * _HOUR)
    assert not promised.is_met(taken, taken + 5 * _HOUR + timedelta(seconds=1))
