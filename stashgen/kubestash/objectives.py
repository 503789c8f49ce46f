"""A session's recovery point objective: the maximum age of a copy's newest good snapshot.

Until policies have objectives of their own, a session promises what its schedule allows: the
longest gap between two ticks, by the cluster's own cron rules, plus the time that a run may take.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stashgen.cron import CronError, Schedule
from stashgen.kubestash.quantities import parse_duration


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective of a session.

    Attributes:
        interval: The longest gap between two ticks of its schedule.
        allowance: How long a run may take.
    """

    interval: timedelta
    allowance: timedelta

    @property
    def recovery_point(self) -> timedelta:
        """The maximum age of the newest good snapshot."""
        return self.interval + self.allowance

    def is_met(self, since: datetime, now: datetime) -> bool:
        """Whether a snapshot taken at ``since`` is still recent enough."""
        return now - since <= self.recovery_point


def objective(schedule: str, time_zone: str, timeout: str | None, year: int) -> Objective | None:
    """The objective of a session; None if its schedule is invalid or never fires.

    Args:
        schedule: Five fields or a name such as ``@daily``.
        time_zone: An IANA name, in which the schedule ticks.
        timeout: A Go duration. Without a valid one, a run may take until the next tick.
        year: The year in which the gaps are measured, since clock changes differ between years.
    """
    gap = _longest_gap(schedule, time_zone, year)
    if gap is None:
        return None
    try:
        allowance = parse_duration(timeout) if timeout else gap
    except ValueError:
        allowance = gap
    return Objective(gap, allowance)


# The same few schedules at each scrape; the answer changes once a year.
@lru_cache(maxsize=10_000)
def _longest_gap(schedule: str, time_zone: str, year: int) -> timedelta | None:
    try:
        zone = ZoneInfo(time_zone)
        gap = Schedule.parse(schedule).longest_gap(zone, datetime(year, 1, 1, tzinfo=zone))
    except (CronError, ZoneInfoNotFoundError, ValueError):
        return None
    return gap or None
