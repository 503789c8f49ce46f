"""Which line breaks an objective, and what would be enough."""

from collections.abc import Callable
from datetime import timedelta

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec, SuccessfulSnapshots
from stashgen.cron import CronError, every_to_cron
from stashgen.cron.every import INTERVALS
from stashgen.kubestash.kept_history import LENGTHS
from stashgen.kubestash.objectives import Promise, promise
from stashgen.kubestash.quantities import format_duration
from stashgen.model.resolved import ResolvedSession
from stashgen.model.source import Origin
from stashgen.policy.duration import format_written, parse_duration
from stashgen.resolve.schedules import YEAR_START, schedule_origin

# Counts above what fills the time exactly that may be necessary: the first and the last hour, day
# and so on are not whole.
_MARGIN = 4


def rpo_line(session: ResolvedSession, rpo: timedelta) -> Origin:
    """Where a session says what makes its backups older than a recovery point objective."""
    if _gap(session) < rpo:
        return session.origin.at("timeout")
    field = _restriction(session, rpo)
    return session.origin.at(field) if field else schedule_origin(session.written, session.origin)


def often_enough(session: ResolvedSession, rpo: timedelta) -> str:
    """How a session's backups would be recent enough."""
    field = _restriction(session, rpo)
    if field:
        return f"remove {field}"
    gap = _gap(session)
    if gap < rpo:
        shorter = min(rpo - gap, gap)
        promised = _promise(session.schedule, session, shorter)
        is_enough = promised is not None and promised.recovery_point <= rpo
        return "shorten timeout" + (
            f" to {format_written(int(shorter.total_seconds()))}" if is_enough else ""
        )
    for seconds in sorted(INTERVALS, reverse=True):
        if _is_enough(session, seconds, rpo):
            return f"use every: {format_written(seconds)}"
    return "shorten timeout and run it more often"


def _gap(session: ResolvedSession) -> timedelta:
    """The longest time between two ticks of a session."""
    promised = _promise(session.schedule, session, timedelta(minutes=1))
    return promised.interval if promised is not None else timedelta.max


def _promise(schedule: str, session: ResolvedSession, timeout: timedelta) -> Promise | None:
    return promise(schedule, session.time_zone, format_duration(timeout), YEAR_START.year)


def _restriction(session: ResolvedSession, rpo: timedelta) -> str:
    """The field without which the session would run often enough; empty if there is none."""
    written = session.written
    if written.every is None or not _is_enough(session, parse_duration(written.every), rpo):
        return ""
    # Without hours the days alone are in the way.
    return "between" if written.between is not None else "days" if written.days else ""


def _is_enough(session: ResolvedSession, every_seconds: int, rpo: timedelta) -> bool:
    try:
        schedule = every_to_cron(every_seconds, session.schedule)
    except CronError:
        return False
    promised = _promise(schedule, session, timedelta(seconds=session.timeout_seconds))
    return promised is not None and promised.recovery_point <= rpo


def enough_history(
    retention: RetentionPolicySpec,
    promised: Promise,
    wanted: timedelta,
    is_enough: Callable[[RetentionPolicySpec], bool],
) -> tuple[str, str]:
    """The field of a retention that keeps too little, and advice.

    Args:
        retention: What is kept.
        promised: By the session.
        wanted: How far back it should reach.
        is_enough: Whether another retention reaches so far.
    """
    ageless = retention.model_copy(update={"max_retention_period": None})
    if is_enough(ageless):
        days = -(-(wanted + promised.recovery_point + promised.interval) // timedelta(days=1))
        return "maxAge", f"raise maxAge to {days}d"
    counts = retention.successful_snapshots or SuccessfulSnapshots()
    for name in reversed([name for name in COUNTS if getattr(counts, name)]):
        each = max(promised.interval, LENGTHS.get(name, timedelta()))
        least = wanted // each + 1
        for count in range(least, least + _MARGIN):
            more = {"successful_snapshots": counts.model_copy(update={name: count})}
            if is_enough(retention.model_copy(update=more)):
                return name, f"raise {name} to {count}"
            if is_enough(ageless.model_copy(update=more)):
                return name, f"raise {name} to {count} and remove maxAge"
    return "", "keep more" + (" and remove maxAge" if retention.max_retention_period else "")
