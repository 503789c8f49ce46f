"""How far back a session's restore points reach at every instant, by its schedule and retention.

Right after each backup retention leaves the least, and until the next one everything only gets
older. So the answer is the least age, over all ticks of a year, of the oldest restore point that
is then left. It counts ticks: every run succeeds, and is as old as its tick.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import Schedule
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.running_retention import Rule, rule_counts

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
# The longest time that one of each hour, day and so on stands for.
LENGTHS = {
    "hourly": timedelta(hours=1),
    "daily": _DAY,
    "weekly": 7 * _DAY,
    "monthly": 31 * _DAY,
    "yearly": 366 * _DAY,
}
# Of a day only the first and the last tick matter to these.
_BY_DAY = frozenset({"daily", "weekly", "monthly", "yearly"})


@lru_cache(maxsize=10_000)
def kept_for(
    schedule: str,
    zone: ZoneInfo,
    interval: timedelta,
    retention: RetentionPolicySpec,
    slack: timedelta,
    wanted: timedelta,
    start: datetime,
) -> timedelta:
    """The age that some restore point has at every instant, after warm-up; at most ``wanted``.

    Args:
        schedule: Five fields, valid.
        zone: In which it ticks.
        interval: The longest gap between two ticks.
        retention: A valid one.
        slack: How much later than the tick retention may look: what ``maxRetentionPeriod`` removes
            by then is not counted.
        wanted: How far to look back.
        start: Of the year that is looked at, in UTC.
    """
    period = retention_period(retention)
    oldest = None if period is None else max(timedelta(), period - slack)
    counts = rule_counts(retention.successful_snapshots)
    useful = {
        name: count for name, count in counts.items() if reach_of(name, count, interval) >= wanted
    }
    if oldest is None and None in useful.values():
        return wanted
    # A rule that never reaches so far cannot change whether the others do.
    if useful:
        least = _least(schedule, zone, interval, useful, oldest, wanted, start)
        if least == wanted or useful == counts:
            return least
    return _least(schedule, zone, interval, counts, oldest, wanted, start)


def _least(
    schedule: str,
    zone: ZoneInfo,
    interval: timedelta,
    counts: Mapping[str, int | None],
    oldest: timedelta | None,
    wanted: timedelta,
    start: datetime,
) -> timedelta:
    """The least age of the oldest that any rule keeps, over a year; at most ``wanted``."""
    rules = [Rule(name, count) for name, count in counts.items()]
    # As much as the year looks back on, and a whole week, month or year before that.
    before = wanted + 2 * interval + max(LENGTHS.get(rule.name, _DAY) for rule in rules)
    ticks: Iterator[datetime] = Schedule.parse(schedule).ticks(start - before, start + _YEAR, zone)
    if oldest is None and {rule.name for rule in rules} <= _BY_DAY:
        ticks = _ends_of_days(ticks)
    least = wanted
    for tick in ticks:
        for rule in rules:
            rule.add(tick)
        if tick >= start:
            least = min(least, max(rule.reach(tick, oldest) for rule in rules))
    return least


def furthest(retention: RetentionPolicySpec, interval: timedelta) -> timedelta:
    """More than any restore point's age right after a retention; ``timedelta.max`` without a limit.

    Args:
        retention: A valid one.
        interval: The longest gap between two ticks.
    """
    period = retention_period(retention)
    counts = rule_counts(retention.successful_snapshots)
    reach = max(reach_of(name, count, interval) for name, count in counts.items())
    return reach if period is None else min(period, reach)


def reach_of(name: str, count: int | None, interval: timedelta) -> timedelta:
    """How old the oldest restore point of a rule is at most, when the next one is made."""
    if count is None:
        return timedelta.max
    return min(count, 100_000) * max(interval, LENGTHS.get(name, timedelta())) + interval


def _ends_of_days(ticks: Iterator[datetime]) -> Iterator[datetime]:
    """The first and the last tick of each day in UTC."""
    last: datetime | None = None
    for tick in ticks:
        if last is None or tick.date() != last.date():
            if last is not None:
                yield last
            yield tick
        last = tick
    if last is not None:
        yield last
