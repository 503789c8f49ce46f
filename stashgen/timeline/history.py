"""One copy of one session, run after run: which succeed, and what retention leaves of them.

Retention looks after each run that can reach the storage, and leaves what the worker's own function
(``stashgen.kubestash.retention``) would leave.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import Schedule
from stashgen.kubestash.kept_history import furthest, reach_of
from stashgen.kubestash.running_retention import RestorePoints, rule_counts
from stashgen.timeline.scenario import Scenario

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
_YEAR_DAYS = 365.25
# What nothing limits is as old as this when the horizon begins, and never older than the other.
_UNLIMITED = _YEAR
_LONGEST = 12 * _YEAR
# Of these rules one restore point a day is not enough.
_MANY_A_DAY = ("last", "hourly")


@dataclass(frozen=True, slots=True)
class History:
    """What decides how a copy of a session goes on; equal for thousands of volumes.

    Attributes:
        schedule: Valid, and it fires.
        time_zone: In which it ticks.
        interval: The longest gap between two ticks.
        allowance: How long a run may take.
        slack: How long after a tick retention may look.
        retention: A valid one.
        storage: Its name where that matters to the scenario; empty where all are alike.
    """

    schedule: str
    time_zone: str
    interval: timedelta
    allowance: timedelta
    slack: timedelta
    retention: RetentionPolicySpec
    storage: str


@dataclass(frozen=True, slots=True)
class Day:
    """What there is at the end of a day in UTC, and what was written in it.

    Attributes:
        points: Restore points.
        newest, oldest: Of them; None if there is none.
        stored: The data of all, as a multiple of the volume's size when the horizon begins.
        older: That part of it which the newest does not have.
        uploaded: Of the day's runs, likewise.
    """

    points: int
    newest: datetime | None
    oldest: datetime | None
    stored: float
    older: float
    uploaded: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A history over a horizon.

    Attributes:
        days: One after the other.
        chain: The successful ones of the runs, if each takes its whole time and the ticks in it
            start none; with one at least from before the horizon.
        oldest: From when on which restore point is the oldest; the first from the beginning.
        failed: How many runs of the horizon did not succeed.
    """

    days: tuple[Day, ...]
    chain: tuple[datetime, ...]
    oldest: tuple[tuple[datetime, datetime], ...]
    failed: int


@dataclass(frozen=True, slots=True)
class _Run:
    tick: datetime
    is_good: bool
    is_away: bool


@lru_cache(maxsize=10_000)
def simulate(history: History, scenario: Scenario) -> Timeline:
    """A history that has run for long when the horizon begins.

    Args:
        history: Which.
        scenario: With the outages of its storage only.
    """
    begin = _begin(history, scenario)
    runs = [*_runs(history, scenario, begin)]
    points = _warm(history, begin)
    number = sum(run.tick < scenario.start for run in runs)
    before, horizon = runs[:number], runs[number:]
    for run in before:
        _pass(run, points, history)
    oldest = [] if points.oldest is None else [(scenario.start, points.oldest)]
    days: list[Day] = []
    by_day: list[list[_Run]] = [[] for _ in range(scenario.days)]
    for run in horizon:
        by_day[(run.tick - scenario.start) // _DAY].append(run)
    for today in by_day:
        was, newest = len(points), points.newest
        for run in today:
            first = points.oldest
            _pass(run, points, history)
            if points.oldest is not None and points.oldest != first:
                oldest.append((run.tick, points.oldest))
        good = [run.tick for run in today if run.is_good]
        has_lost = len(points) < was + len(good)
        previous = days[-1] if days and not has_lost else None
        days.append(_day(newest, good, points, scenario, previous))
    return Timeline(
        days=tuple(days),
        chain=tuple(_chain(runs, history.allowance)),
        oldest=tuple(oldest),
        failed=sum(not run.is_good for run in horizon),
    )


def _begin(history: History, scenario: Scenario) -> datetime:
    """So long before the horizon, and before an outage that reaches into it, that all went well.

    Whatever gap the schedule has, a run before the horizon has succeeded.
    """
    known = 2 * (history.interval + history.allowance) + _DAY
    begin = scenario.start - known
    for outage in sorted(scenario.outages, key=lambda one: one.end, reverse=True):
        if outage.end > begin:
            begin = min(begin, outage.start - known)
    return begin


def _pass(run: _Run, points: RestorePoints, history: History) -> None:
    """A run, and the retention after it; nothing is removed while the storage is away."""
    if run.is_good:
        points.add(run.tick)
    if not run.is_away:
        points.expire(run.tick + history.slack)


def _runs(history: History, scenario: Scenario, begin: datetime) -> Iterator[_Run]:
    name = f"{history.schedule}/{history.time_zone}/{history.storage}"
    zone = ZoneInfo(history.time_zone)
    for tick in Schedule.parse(history.schedule).ticks(begin, scenario.end, zone):
        is_away = scenario.is_away(tick)
        yield _Run(tick, not is_away and not scenario.fails(name, tick), is_away)


def _chain(runs: Sequence[_Run], allowance: timedelta) -> Iterator[datetime]:
    free: datetime | None = None
    for run in runs:
        if free is None or run.tick >= free:
            free = run.tick + allowance
            if run.is_good:
                yield run.tick


def _warm(history: History, now: datetime) -> RestorePoints:
    """What retention has left of the runs before."""
    points = RestorePoints(history.retention)
    reach = furthest(history.retention, history.interval)
    limit = _UNLIMITED if reach == timedelta.max else min(_LONGEST, reach + 2 * history.interval)
    dense = _dense(history, limit)
    ticks: dict[object, datetime] = {}
    schedule, zone = Schedule.parse(history.schedule), ZoneInfo(history.time_zone)
    for tick in schedule.ticks(now - max(limit, 2 * history.interval), now, zone):
        # Of a day that is long past only the last one may still be there.
        ticks[tick if now - tick <= dense else tick.date()] = tick
    for tick in ticks.values():
        points.add(tick)
    if points.newest is not None:
        points.expire(points.newest + history.slack)
    return points


def _dense(history: History, most: timedelta) -> timedelta:
    """For how long every run, not only the last of a day, may still be there."""
    counts = rule_counts(history.retention.successful_snapshots)
    reaches = (
        reach_of(name, counts[name], history.interval) for name in _MANY_A_DAY if name in counts
    )
    return min(most, max(reaches, default=timedelta())) + _DAY


def _day(
    was: datetime | None,
    good: Sequence[datetime],
    points: RestorePoints,
    scenario: Scenario,
    before: Day | None,
) -> Day:
    """A day.

    Args:
        was: The newest restore point when it began.
        good: Its successful runs.
        points: What there is when it ends.
        scenario: What is simulated.
        before: The day before, if nothing has been removed since.
    """
    made = [*(() if was is None else (was,)), *good]
    uploaded = sum(_changed(one, other, scenario) for one, other in pairwise(made))
    if was is None and good:
        uploaded += _size(good[0], scenario)
    if before is not None:
        # There may be more restore points than can be gone through each day.
        older = before.older + _other(made, scenario)
    else:
        older = _other([*points] if scenario.change else (), scenario)
    return Day(
        points=len(points),
        newest=points.newest,
        oldest=points.oldest,
        stored=older + (0.0 if points.newest is None else _size(points.newest, scenario)),
        older=older,
        uploaded=uploaded,
    )


def _other(times: Sequence[datetime], scenario: Scenario) -> float:
    """What of each restore point is other in the next.

    If any part of a volume is as likely to change as any other, a repository that stores equal
    data once holds this beside the newest one.
    """
    if not scenario.change:
        return 0.0
    return sum(_replaced(one, other, scenario) for one, other in pairwise(times))


def _size(moment: datetime, scenario: Scenario) -> float:
    years: float = (moment - scenario.start) / _DAY / _YEAR_DAYS
    return float((1 + scenario.growth) ** years)


def _replaced(one: datetime, other: datetime, scenario: Scenario) -> float:
    share = 1 - (1 - scenario.change) ** ((other - one) / _DAY)
    return float(share) * _size(one, scenario)


def _changed(one: datetime, other: datetime, scenario: Scenario) -> float:
    """What a run uploads after the one before: what is other, and what is new."""
    new = _size(other, scenario) - _size(one, scenario)
    return _replaced(one, other, scenario) + max(0.0, new)
