"""How many copies begin in the same minute in one storage, in a week."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from stashgen.cron import Schedule
from stashgen.model.resolved import Protection
from stashgen.plan.plan import Peak
from stashgen.plan.state import State
from stashgen.resolve.schedules import YEAR_START

# The first whole week of the year, from Monday on.
_START = YEAR_START + timedelta(days=-YEAR_START.weekday() % 7)
_WEEK = timedelta(days=7)
_Top = tuple[int, datetime | None]


def peaks(before: State, after: State) -> tuple[Peak, ...]:
    """Storages whose peak differs, sorted by name; the first minute of several counts."""
    old, new = (_tops(state.protections.values()) for state in (before, after))
    found = []
    for storage in sorted({*old, *new}):
        was, becomes = old.get(storage, (0, None)), new.get(storage, (0, None))
        if was[0] != becomes[0]:
            found.append(Peak(storage, was[0], becomes[0], _shown(was[1]), _shown(becomes[1])))
    return tuple(found)


def _tops(protections: Iterable[Protection]) -> dict[str, _Top]:
    """The most copies that begin together in each storage, and when."""
    # Volumes share schedules: each is computed once.
    starts: Counter[tuple[str, str, str]] = Counter()
    for protection in protections:
        for session in () if protection.paused else protection.sessions:
            for copy in () if session.suspend else session.copies:
                starts[copy.storage.name, session.schedule, session.time_zone] += 1
    minutes: dict[str, Counter[datetime]] = {}
    for (storage, schedule, zone), number in starts.items():
        of_storage = minutes.setdefault(storage, Counter())
        for tick in _ticks(schedule, zone):
            of_storage[tick] += number
    return {storage: _top(found) for storage, found in minutes.items()}


def _top(found: Counter[datetime]) -> _Top:
    most = max(found.values(), default=0)
    return most, min((tick for tick, number in found.items() if number == most), default=None)


@lru_cache(maxsize=20_000)
def _ticks(schedule: str, zone: str) -> tuple[datetime, ...]:
    return (*Schedule.parse(schedule).ticks(_START, _START + _WEEK, ZoneInfo(zone)),)


def _shown(tick: datetime | None) -> str:
    return "" if tick is None else f"{tick:%a %H:%M}"
