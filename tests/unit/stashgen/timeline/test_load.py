"""What begins when: peaks, hours of the week, and clock changes."""

from datetime import UTC, datetime

from stashgen.model.resolved import Protection
from stashgen.timeline.load import ChangeDay, change_days, loads
from stashgen.timeline.scenario import Scenario
from tests.support.project import POLICY, STORAGE, claim, resolved

START = datetime(2027, 3, 1, tzinfo=UTC)  # a Monday


def protections(schedule: str, *names: str) -> tuple[Protection, ...]:
    policy = POLICY.replace("every: 1h", f"schedule: '{schedule}'")
    found = resolved("".join(claim(name) for name in names), STORAGE, f"{policy}  {BERLIN}\n")
    assert found.value.protections
    return found.value.protections


BERLIN = "timeZone: Europe/Berlin"


def test_peak_is_the_first_minute_in_which_most_copies_begin() -> None:
    (found,) = loads(protections("30 2 * * *", "a", "b"), Scenario(START, 14))
    assert (found.storage, found.starts) == ("local", 28)
    assert (found.peak, found.peak_at) == (2, datetime(2027, 3, 1, 1, 30, tzinfo=UTC))
    assert (found.busiest, found.busiest_at) == (2, datetime(2027, 3, 1, 1, tzinfo=UTC))


def test_heat_is_the_mean_of_each_hour_of_the_week_from_monday_on() -> None:
    (found,) = loads(protections("30 2 * * 3", "a"), Scenario(datetime(2027, 3, 5, tzinfo=UTC), 21))
    assert [hour for hour, mean in enumerate(found.heat) if mean] == [2 * 24 + 1]
    assert found.heat[2 * 24 + 1] == 1


def test_clock_changes_leave_out_and_repeat_runs() -> None:
    found = change_days(protections("30 2 * * *", "a", "b"), Scenario(START, 300))
    assert found == (
        ChangeDay(datetime(2027, 3, 28, 1, tzinfo=UTC), "Europe/Berlin", 2, 0, 2),
        ChangeDay(datetime(2027, 10, 31, 1, tzinfo=UTC), "Europe/Berlin", 0, 2, 2),
    )
