"""Which restore points retention removes because of a change, when, and how many at once.

Computed by the worker's own retention (``stashgen.kubestash.retention``), over the ticks of a
session that has run for long: what the old settings have left on a fixed day meets the first run,
and then 30 days, of the new ones; what the old ones would have removed as well is not counted.
Retention that runs after each backup leaves what a single run at the end would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.retention import SnapshotFact, decide
from stashgen.model.resolved import ResolvedCopy, ResolvedSession
from stashgen.output.restore_points import NOW, left_by
from stashgen.resolve.achieved import promised_by

_DAY = timedelta(days=1)
# When it is looked again: what is gone by then, and would not be. On other days only, some that
# go would be missed: both sides have removed them when it is looked the next time.
_LATER_DAYS = range(1, 31)
_Facts = tuple[SnapshotFact, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What a change removes from one history; see ``stashgen.plan.plan.Removal``."""

    had: int
    at_once: int
    later: int
    newest_days: int
    oldest_days: int
    within_seconds: int
    left: int


def number_left(session: ResolvedSession, retention: RetentionPolicySpec) -> int:
    """How many restore points a history has in the long run; 0 if that cannot be said."""
    try:
        return len(left_by(session.schedule, session.time_zone, retention))
    except ValueError:
        return 0


def removed(
    before: tuple[ResolvedSession, ResolvedCopy], after: tuple[ResolvedSession, ResolvedCopy]
) -> Removed | None:
    """What the new session and retention remove that the old ones would have kept.

    None if that is nothing, or if the new session does not run.
    """
    promised = promised_by(after[0])
    if promised is None:
        return None
    try:
        had = left_by(before[0].schedule, before[0].time_zone, before[1].retention)
        first = _next_tick(after[0])
        gone = _gone(had, before, after, lambda _: (first,), first)
        gone_later = _gone_later(had, before, after)
    except ValueError:
        return None
    if not gone and not gone_later:
        return None
    ages = [(NOW - fact.time) // _DAY for fact in gone]
    return Removed(
        had=len(had),
        at_once=len(gone),
        later=len(set(gone_later) - set(gone)),
        newest_days=min(ages, default=0),
        oldest_days=max(ages, default=0),
        within_seconds=int(promised.interval.total_seconds()),
        left=number_left(after[0], after[1].retention),
    )


def _gone_later(
    had: _Facts,
    before: tuple[ResolvedSession, ResolvedCopy],
    after: tuple[ResolvedSession, ResolvedCopy],
) -> _Facts:
    """What other times remove earlier, in the course of 30 days: counts are used up faster."""
    if before[0].schedule == after[0].schedule and before[0].time_zone == after[0].time_zone:
        return ()
    gone: dict[SnapshotFact, None] = {}
    for days in _LATER_DAYS:
        end = NOW + days * _DAY
        gone |= dict.fromkeys(_gone(had, before, after, partial(_ticks, end=end), end))
    return tuple(gone)


def _gone(
    had: _Facts,
    before: tuple[ResolvedSession, ResolvedCopy],
    after: tuple[ResolvedSession, ResolvedCopy],
    ticks: Callable[[ResolvedSession], tuple[datetime, ...]],
    now: datetime,
) -> _Facts:
    """The restore points that only the old settings keep up to some time."""
    kept = [
        set(decide((*had, *map(_fact, ticks(session))), copy.retention, now).keep)
        for session, copy in (before, after)
    ]
    return tuple(fact for fact in had if fact.name in kept[0] - kept[1])


def _fact(tick: datetime) -> SnapshotFact:
    return SnapshotFact(tick.isoformat(), tick, Phase.SUCCEEDED, "")


def _next_tick(session: ResolvedSession) -> datetime:
    zone = ZoneInfo(session.time_zone)
    return Schedule.parse(session.schedule).next_tick(NOW, zone) or NOW


def _ticks(session: ResolvedSession, end: datetime) -> tuple[datetime, ...]:
    zone = ZoneInfo(session.time_zone)
    return (*Schedule.parse(session.schedule).ticks(NOW + timedelta(minutes=1), end, zone),)
