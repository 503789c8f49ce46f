"""How many copies begin in each minute of a horizon, by storage."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from stashgen.cron import Schedule
from stashgen.model.resolved import Protection
from stashgen.timeline.scenario import Scenario

_MINUTE = timedelta(minutes=1)
_HOUR_MINUTES = 60
_DAY_HOURS = 24
_WEEK_HOURS = 7 * _DAY_HOURS


@dataclass(frozen=True, slots=True)
class StorageLoad:
    """The copies that begin in a storage.

    Attributes:
        storage: Its name.
        starts: In the whole horizon.
        peak: The most in one minute.
        peak_at: The first such minute.
        busiest: The most in one hour.
        busiest_at: The first such hour.
        heat: The mean of each hour of a week, from Monday 00:00 UTC on.
    """

    storage: str
    starts: int
    peak: int
    peak_at: datetime
    busiest: int
    busiest_at: datetime
    heat: tuple[float, ...]


def loads(protections: Iterable[Protection], scenario: Scenario) -> tuple[StorageLoad, ...]:
    """Of each storage to which anything is copied, the busiest first; as the schedules say it."""
    # Volumes share schedules: each is computed once.
    copies: dict[str, Counter[tuple[str, str]]] = {}
    for protection in protections:
        for session in () if protection.paused else protection.sessions:
            for copy in () if session.suspend else session.copies:
                of_storage = copies.setdefault(copy.storage.name, Counter())
                of_storage[session.schedule, session.time_zone] += 1
    ticks: dict[tuple[str, str], list[int]] = {}
    found = []
    for storage, schedules in copies.items():
        minutes = [0] * (scenario.days * _DAY_HOURS * _HOUR_MINUTES)
        for key, number in schedules.items():
            if key not in ticks:
                ticks[key] = _minutes(*key, scenario)
            for minute in ticks[key]:
                minutes[minute] += number
        found.append(_load(storage, minutes, scenario))
    return tuple(sorted(found, key=lambda one: (-one.peak, one.storage)))


def _minutes(schedule: str, zone: str, scenario: Scenario) -> list[int]:
    ticks = Schedule.parse(schedule).ticks(scenario.start, scenario.end, ZoneInfo(zone))
    return [(tick - scenario.start) // _MINUTE for tick in ticks]


def _load(storage: str, minutes: list[int], scenario: Scenario) -> StorageLoad:
    hours = [
        sum(minutes[first : first + _HOUR_MINUTES])
        for first in range(0, len(minutes), _HOUR_MINUTES)
    ]
    peak, busiest = max(minutes), max(hours)
    return StorageLoad(
        storage=storage,
        starts=sum(hours),
        peak=peak,
        peak_at=scenario.start + minutes.index(peak) * _MINUTE,
        busiest=busiest,
        busiest_at=scenario.start + hours.index(busiest) * _HOUR_MINUTES * _MINUTE,
        heat=_heat(hours, scenario),
    )


def _heat(hours: list[int], scenario: Scenario) -> tuple[float, ...]:
    first = scenario.start.weekday() * _DAY_HOURS
    total, number = [0] * _WEEK_HOURS, [0] * _WEEK_HOURS
    for index, starts in enumerate(hours):
        total[(first + index) % _WEEK_HOURS] += starts
        number[(first + index) % _WEEK_HOURS] += 1
    return tuple(
        round(starts / days, 3) if days else 0.0 for starts, days in zip(total, number, strict=True)
    )


@dataclass(frozen=True, slots=True)
class ChangeDay:
    """A change of a zone's clock, and the runs that it leaves out or repeats.

    Attributes:
        at: When, in UTC.
        skipped, repeated: Runs of all sessions.
        sessions: How many that concerns, counted for each volume.
    """

    at: datetime
    time_zone: str
    skipped: int
    repeated: int
    sessions: int


def change_days(protections: Iterable[Protection], scenario: Scenario) -> tuple[ChangeDay, ...]:
    """The changes that are of any effect, in order."""
    sessions: Counter[tuple[str, str]] = Counter()
    for protection in protections:
        for session in () if protection.paused else protection.sessions:
            if not session.suspend:
                sessions[session.schedule, session.time_zone] += 1
    found: dict[tuple[datetime, str], Counter[str]] = {}
    for (schedule, zone), number in sessions.items():
        parsed = Schedule.parse(schedule)
        for change in parsed.clock_changes(ZoneInfo(zone), scenario.start, scenario.days):
            counts = found.setdefault((change.at, zone), Counter())
            counts["skipped"] += number * len(change.skipped)
            counts["repeated"] += number * len(change.repeated)
            counts["sessions"] += number
    return tuple(
        ChangeDay(at, zone, counts["skipped"], counts["repeated"], counts["sessions"])
        for (at, zone), counts in sorted(found.items())
    )
