"""What the backups of a volume achieve: how old, how far back and in how many storages.

The policy's objectives are judged by it; reports and the comparison of two states show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import without_offset
from stashgen.kubestash.kept_history import furthest, kept_for
from stashgen.kubestash.objectives import Promise, promise, storages_in_time
from stashgen.kubestash.quantities import format_duration
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.resolve.schedules import YEAR_START

# What is kept for longer counts as kept so long: no year of ticks says more.
FURTHEST = timedelta(days=10 * 366)


@dataclass(frozen=True, slots=True)
class CopyRuns:
    """A copy that a session makes, and what the session's schedule promises."""

    session: ResolvedSession
    copy: ResolvedCopy
    promised: Promise


@dataclass(frozen=True, slots=True)
class Achieved:
    """What holds at every moment if every run succeeds.

    Attributes:
        rpo: The maximum age of the newest snapshot, in one storage at least; None if no session
            runs.
        keep_for: Of the copy that reaches furthest back: the age that some snapshot always has,
            once the backups have run for so long; at most ``FURTHEST``.
        copies: In how many storages the newest snapshot is recent enough, as ``minCopies`` counts.
    """

    rpo: timedelta | None
    keep_for: timedelta
    copies: int


def achieved(protection: Protection) -> Achieved:
    """Of a volume's sessions that run; nothing of a paused policy."""
    runs = [] if protection.paused else [*copy_runs(protection)]
    if not runs:
        return Achieved(None, timedelta(), 0)
    promises = [(run.copy.storage.name, run.promised) for run in runs]
    return Achieved(
        rpo=min(run.promised.recovery_point for run in runs),
        keep_for=max(
            kept(
                protection,
                run,
                run.copy.retention,
                min(FURTHEST, furthest(run.copy.retention, run.promised.interval)),
            )
            for run in runs
        ),
        copies=len(storages_in_time(protection.objectives, promises)),
    )


def copy_runs(protection: Protection) -> Iterator[CopyRuns]:
    """The copies of the sessions that are not suspended and ever fire."""
    for session in protection.sessions:
        if session.suspend:
            continue
        timeout = format_duration(timedelta(seconds=session.timeout_seconds))
        promised = promise(session.schedule, session.time_zone, timeout, YEAR_START.year)
        if promised is not None:
            for copy in session.copies:
                yield CopyRuns(session, copy, promised)


def kept(
    protection: Protection, run: CopyRuns, retention: RetentionPolicySpec, wanted: timedelta
) -> timedelta:
    """How far back a copy reaches with a retention, at most as far as wanted."""
    is_shared = any(
        other is not run.session and any(c.repository == run.copy.repository for c in other.copies)
        for other in protection.sessions
    )
    # After another session's backup the Repository's retention looks at these as well.
    extra = run.promised.interval if is_shared else timedelta()
    return kept_for(
        without_offset(run.session.schedule),
        ZoneInfo(run.session.time_zone),
        run.promised.interval,
        retention,
        run.promised.allowance + extra,
        wanted,
        YEAR_START,
    )
