"""How many restore points a change of retention costs, for a volume that is backed up for long.

An estimate: the restore points that the old retention would have kept of a session's own ticks, up
to a fixed day, so that the same input gives the same words every day.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.snapshot import Phase
from stashgen.cron import Schedule
from stashgen.kubestash.retention import SnapshotFact, decide

NOW = datetime(2025, 6, 18, 12, tzinfo=UTC)
_DAY = timedelta(days=1)
_LONGEST = 12 * 366 * _DAY


@dataclass(frozen=True, slots=True)
class Loss:
    """Restore points of one volume: how many it has, and how many of them go."""

    had: int
    removed: int


@lru_cache(maxsize=1000)
def _ticks(schedule: str, time_zone: str, whole_days: int) -> tuple[datetime, ...]:
    """A session's ticks; of days before the last ``whole_days`` only the last one of each."""
    since = NOW - whole_days * _DAY
    last_of: dict[object, datetime] = {}
    for tick in Schedule.parse(schedule).ticks(NOW - _LONGEST, NOW, ZoneInfo(time_zone)):
        last_of[tick if tick >= since else tick.date()] = tick
    return tuple(last_of.values())


def loss(
    schedule: str, time_zone: str, old: RetentionPolicySpec, new: RetentionPolicySpec
) -> Loss | None:
    """What a volume loses when its retention changes; None if a policy is not valid.

    Args:
        schedule: Five fields.
        time_zone: An IANA name.
        old: What was kept.
        new: What is kept now.
    """
    try:
        had = left_by(schedule, time_zone, old)
        kept = decide(had, new, NOW).keep
    except ValueError:
        return None
    return Loss(len(had), len(had) - len(kept))


def left_by(
    schedule: str, time_zone: str, retention: RetentionPolicySpec
) -> tuple[SnapshotFact, ...]:
    """The restore points that a retention has left of a session's ticks up to the fixed day.

    Raises:
        ValueError: the retention is not valid.
    """
    facts = tuple(
        SnapshotFact(tick.isoformat(), tick, Phase.SUCCEEDED, "")
        for tick in _ticks(schedule, time_zone, _whole_days(retention))
    )
    kept = set(decide(facts, retention, NOW).keep)
    return tuple(fact for fact in facts if fact.name in kept)


def _whole_days(policy: RetentionPolicySpec) -> int:
    """The days of which all ticks may matter: the rest of the counts take one a day at most."""
    counts = policy.successful_snapshots
    if counts is None:
        return _LONGEST.days
    return max(_reach(counts.last), _reach(counts.hourly))


def _reach(count: int | None) -> int:
    """Days that certainly have so many ticks of a daily schedule; a rarer one is not thinned."""
    return _LONGEST.days if count is not None and count < 0 else count or 0
