"""When a schedule ticks in a time zone, and how far apart the ticks are.

A CronJob follows the wall clock of its zone: a time that a clock change skips does not run that
day, and one that occurs twice runs twice (robfig/cron v3, which produced the tables in the tests).

One deliberate deviation: where a zone shifts by half an hour (Australia/Lord_Howe), robfig skips a
midnight or runs 01:30 again at 02:30. Here every minute whose wall clock matches ticks once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo

from stashgen.cron.every import ChangedTimes
from stashgen.cron.fields import parse_fields

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAY_MINUTES = 24 * 60
# Clock changes are searched for and cached in blocks of this length, counted from 1970.
_BLOCK_MINUTES = 64 * _DAY_MINUTES
_HOURS_OF_DAY = 24
# robfig gives up after five years; 29 February needs eight around 2100.
_HORIZON_DAYS = 8 * 366


@dataclass(frozen=True, slots=True)
class ClockChange:
    """What one change of a zone's clock does to a schedule.

    Attributes:
        at: When the clock changes, in UTC.
        skipped: Local times (naive) that do not exist, so that the run is left out.
        repeated: Local times that occur twice, so that the job runs twice.
    """

    at: datetime
    skipped: tuple[datetime, ...]
    repeated: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule: the set of values of each field.

    Attributes:
        text: As written.
        minutes, hours, days, months, weekdays: Sorted values; Sunday is 0.
        any_day, any_weekday: The field is ``*``. If neither is, a date matches by either one
            (``0 0 13 * 5`` is every 13th and every Friday), else by both.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_day: bool
    any_weekday: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read five fields or one of ``@hourly @daily @weekly ...``, as the cluster does.

        Raises:
            CronError: it is not a schedule, it never fires, or croniter reads it differently.
        """
        return cls(text, *parse_fields(text))

    def matches_date(self, day: date) -> bool:
        """Whether the schedule ticks at all on a local date."""
        if day.month not in self.months:
            return False
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    @property
    def minutes_of_day(self) -> tuple[int, ...]:
        """The ticks of one matching day, as minutes after local midnight, sorted."""
        return tuple(hour * 60 + minute for hour in self.hours for minute in self.minutes)

    def ticks(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Every tick with ``start <= tick < end``, in UTC and in order."""
        for minute in self._tick_minutes(_ceil_minute(start), _ceil_minute(end), zone):
            yield _from_minute(minute)

    def next_tick(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """The first tick later than ``after``, in UTC; None if there is none in eight years."""
        first = _ceil_minute(after + timedelta(microseconds=1))
        last = first + _HORIZON_DAYS * _DAY_MINUTES
        minute = next(self._tick_minutes(first, last, zone), None)
        return None if minute is None else _from_minute(minute)

    def longest_gap(
        self, zone: ZoneInfo, start: datetime, days: int = 366, busy: timedelta = timedelta()
    ) -> timedelta:
        """The longest time between two consecutive ticks.

        Covers every pair whose first tick lies in the ``days`` after ``start``, and at least one
        pair, so that a yearly schedule has a gap of a year. Recovery point objectives use this.

        Args:
            zone: In which it ticks.
            start: Of the days that are looked at.
            days: How many.
            busy: How long a run may take: the ticks in that time start none.
        """
        first = _ceil_minute(start)
        end = first + days * _DAY_MINUTES
        least = -(-busy // _MINUTE)
        longest = 0
        waiting: deque[int] = deque()
        for minute in self._tick_minutes(first, end + 2 * _HORIZON_DAYS * _DAY_MINUTES, zone):
            while waiting and minute - waiting[0] >= least:
                longest = max(longest, minute - waiting.popleft())
            if minute < end or not longest:
                waiting.append(minute)
            elif not waiting:
                break
        return timedelta(minutes=longest)

    def clock_changes(
        self, zone: ZoneInfo, start: datetime, days: int = 731
    ) -> tuple[ClockChange, ...]:
        """The clock changes of a zone that skip or repeat runs of this schedule.

        A schedule that runs every hour is not affected: its runs are evenly spaced in real time.
        """
        if len(self.hours) == _HOURS_OF_DAY:
            return ()
        first = _ceil_minute(start)
        segments = _segments(first, first + days * _DAY_MINUTES, zone)
        changes = []
        for (_, at, before), (_, _, after) in pairwise(segments):
            low, high = sorted((at + before, at + after))
            local = tuple(_EPOCH.replace(tzinfo=None) + m * _MINUTE for m in self._local(low, high))
            if local and after > before:
                changes.append(ClockChange(_from_minute(at), skipped=local, repeated=()))
            elif local:
                changes.append(ClockChange(_from_minute(at), skipped=(), repeated=local))
        return tuple(changes)

    def _tick_minutes(self, start: int, end: int, zone: ZoneInfo) -> Iterator[int]:
        for low, high, offset in _segments(start, end, zone):
            for minute in self._local(low + offset, high + offset):
                yield minute - offset

    def _local(self, low: int, high: int) -> Iterator[int]:
        """Matching minutes of a wall clock without clock changes, ``low`` <= minute < ``high``.

        Minutes count from 1970 on that clock; a year costs one step per day and one per tick.
        """
        times = self.minutes_of_day
        for day in range(low // _DAY_MINUTES, (high - 1) // _DAY_MINUTES + 1):
            if not self.matches_date(date.fromordinal(_EPOCH_ORDINAL + day)):
                continue
            base = day * _DAY_MINUTES
            if low <= base and base + _DAY_MINUTES <= high:
                for time in times:
                    yield base + time
            else:
                for time in times:
                    if low <= base + time < high:
                        yield base + time


@lru_cache(maxsize=100)
def changed_times(zone: ZoneInfo, start: datetime, days: int = 731) -> ChangedTimes:
    """The local times that a zone's clock changes skip or repeat.

    The rules of most zones name a weekday, so these are an hour or two of Sunday.
    """
    first = _ceil_minute(start)
    skipped: set[tuple[int, int]] = set()
    repeated: set[tuple[int, int]] = set()
    for (_, at, before), (_, _, after) in pairwise(
        _segments(first, first + days * _DAY_MINUTES, zone)
    ):
        for minute in range(*sorted((at + before, at + after))):
            day, time = divmod(minute, _DAY_MINUTES)
            weekday = date.fromordinal(_EPOCH_ORDINAL + day).isoweekday() % 7
            (skipped if after > before else repeated).add((weekday, time))
    return ChangedTimes(frozenset(skipped), frozenset(repeated))


def _ceil_minute(moment: datetime) -> int:
    return -((_EPOCH - moment) // _MINUTE)


def _from_minute(minute: int) -> datetime:
    return _EPOCH + minute * _MINUTE


def _offset(minute: int, zone: ZoneInfo) -> int:
    local = _from_minute(minute).astimezone(zone).utcoffset()
    return 0 if local is None else local // _MINUTE


def _segments(start: int, end: int, zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Split a time span where the zone's offset may change: (from, to, offset), all in minutes.

    In order and lazily: a caller that wants only the next tick does not pay for years. Two
    consecutive parts may have the same offset.
    """
    for number in range(start // _BLOCK_MINUTES, (end - 1) // _BLOCK_MINUTES + 1):
        for low, high, offset in _block(number, zone):
            if low < end and high > start:
                yield max(low, start), min(high, end), offset


@lru_cache(maxsize=4096)
def _block(number: int, zone: ZoneInfo) -> tuple[tuple[int, int, int], ...]:
    """The segments of one block of time, the same for every schedule of a zone.

    Probes once a day and bisects the day; no zone has changed its clock twice in a day.
    """
    start, end = number * _BLOCK_MINUTES, (number + 1) * _BLOCK_MINUTES
    found = []
    begin, offset = start, _offset(start, zone)
    for known in range(start, end, _DAY_MINUTES):
        probe = known + _DAY_MINUTES
        next_offset = _offset(probe, zone)
        if next_offset != offset:
            low, high = known, probe
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            found.append((begin, high, offset))
            begin, offset = high, next_offset
    if begin < end:
        found.append((begin, end, offset))
    return tuple(found)
