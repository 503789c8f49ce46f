"""One copy of one session, run after run: which succeed, and what retention leaves of them.

Retention is the worker's own function (``stashgen.kubestash.retention``). What it leaves after each
of several runs is what it leaves if it looks once after the last of them: it never keeps what it
would have removed before. So it is asked once a day, and more often only on a day on which the
oldest restore point goes, to find the run after which it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.kept_history import furthest
from stashgen.kubestash.retention import SnapshotFact, decide, retention_period
from stashgen.timeline.scenario import Scenario

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
_YEAR_DAYS = 365.25
# What nothing limits is as old as this when the horizon begins, and never older than the other.
_UNLIMITED = _YEAR
_LONGEST = 12 * _YEAR
_Facts = tuple[SnapshotFact, ...]


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
    # So long before the horizon that the runs before it are known whatever gap there is.
    begin = scenario.start - 2 * (history.interval + history.allowance) - _DAY
    runs = [*_runs(history, scenario, begin)]
    kept = _warm(history, begin)
    before = [run for run in runs if run.tick < scenario.start]
    kept = _left(kept, before, history)
    oldest = [(scenario.start, kept[0].time)] if kept else []
    days: list[Day] = []
    rest = iter(runs[len(before) :])
    run = next(rest, None)
    for number in range(scenario.days):
        end = scenario.start + (number + 1) * _DAY
        today: list[_Run] = []
        while run is not None and run.tick < end:
            today.append(run)
            run = next(rest, None)
        was = kept
        kept, changes = _advance(kept, today, history)
        oldest += changes
        days.append(_day(was, kept, today, scenario, days[-1] if days else None))
    return Timeline(
        days=tuple(days),
        chain=tuple(_chain(runs, history.allowance)),
        oldest=tuple(oldest),
        failed=sum(not run.is_good for run in runs[len(before) :]),
    )


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


def _warm(history: History, now: datetime) -> _Facts:
    """What retention has left of the runs before."""
    reach = furthest(history.retention, history.interval)
    limit = _UNLIMITED if reach == timedelta.max else min(_LONGEST, reach + 2 * history.interval)
    dense = _dense_days(history.retention, limit.days)
    ticks: dict[object, datetime] = {}
    schedule, zone = Schedule.parse(history.schedule), ZoneInfo(history.time_zone)
    for tick in schedule.ticks(now - max(limit, 2 * history.interval), now, zone):
        # Of a day that is long past only the last one may still be there.
        ticks[tick if now - tick <= dense * _DAY else tick.date()] = tick
    facts = tuple(_fact(tick) for tick in ticks.values())
    if not facts:
        return ()
    kept = {*decide(facts, history.retention, facts[-1].time + history.slack).keep}
    return tuple(fact for fact in facts if fact.name in kept)


def _dense_days(retention: RetentionPolicySpec, most: int) -> int:
    """The days of which every run may still be there; a count of runs is no fewer of days."""
    counts = retention.successful_snapshots
    numbers = [] if counts is None else [getattr(counts, name) for name in COUNTS]
    if not any(number is not None for number in numbers):
        return most
    every_run = (counts.last, counts.hourly) if counts is not None else ()
    return max((most if (one or 0) < 0 else (one or 0) for one in every_run), default=0) + 1


def _fact(tick: datetime) -> SnapshotFact:
    return SnapshotFact(f"{tick:%Y%m%d%H%M}", tick, Phase.SUCCEEDED, "")


def _left(kept: _Facts, runs: Sequence[_Run], history: History) -> _Facts:
    """What is left after the last of some runs; nothing is removed while the storage is away."""
    facts = (*kept, *(_fact(run.tick) for run in runs if run.is_good))
    looked = [run.tick for run in runs if not run.is_away]
    if not looked or _keeps_all(history.retention):
        return facts
    left = {*decide(facts, history.retention, looked[-1] + history.slack).keep}
    return tuple(fact for fact in facts if fact.name in left)


def _keeps_all(retention: RetentionPolicySpec) -> bool:
    counts = retention.successful_snapshots
    given = [] if counts is None else [getattr(counts, name) for name in COUNTS]
    is_unlimited = not any(number is not None for number in given) or (
        counts is not None and (counts.last or 0) < 0
    )
    return is_unlimited and retention_period(retention) is None


def _advance(
    kept: _Facts, runs: Sequence[_Run], history: History
) -> tuple[_Facts, list[tuple[datetime, datetime]]]:
    """What is left after some runs, and after which of them another one is the oldest."""
    if not runs:
        return kept, []
    left = _left(kept, runs, history)
    if not left or (kept and left[0] is kept[0]):
        return left, []
    if len(runs) == 1:
        return left, [(runs[0].tick, left[0].time)]
    half = len(runs) // 2
    middle, first = _advance(kept, runs[:half], history)
    end, second = _advance(middle, runs[half:], history)
    return end, [*first, *second]


def _day(
    was: _Facts, kept: _Facts, runs: Sequence[_Run], scenario: Scenario, before: Day | None
) -> Day:
    """A day from what was there when it began, what is there when it ends, and the day before."""
    good = [run.tick for run in runs if run.is_good]
    made = [*(fact.time for fact in was[-1:]), *good]
    uploaded = sum(_changed(one, other, scenario) for one, other in pairwise(made))
    if not was and good:
        uploaded += _size(good[0], scenario)
    newest = kept[-1].time if kept else None
    if before is not None and len(kept) == len(was) + len(good):
        # Nothing was removed: there may be more restore points than can be gone through each day.
        older = before.older + _other(made, scenario)
    else:
        older = _other([fact.time for fact in kept] if scenario.change else (), scenario)
    return Day(
        points=len(kept),
        newest=newest,
        oldest=kept[0].time if kept else None,
        stored=older + (0.0 if newest is None else _size(newest, scenario)),
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
