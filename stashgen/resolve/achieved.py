"""What the backups of a volume achieve: how old, how far back and in how many storages.

The policy's objectives are judged by it; reports and the comparison of two states show it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import without_offset
from stashgen.kubestash.kept_history import furthest, kept_for
from stashgen.kubestash.objectives import Promise, promise, storages_in_time
from stashgen.kubestash.quantities import format_duration
from stashgen.model.coverage import LeftOut
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.policy.duration import format_written
from stashgen.resolve.schedules import YEAR_START

# What is kept for longer counts as kept so long: no year of ticks says more.
FURTHEST = timedelta(days=10 * 366)
NO_BACKUP_RUNS = "no backup runs"


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
            once the backups have run for so long; at most ``FURTHEST``. None if no session runs.
        longest: The copy that reaches so far.
        storages: The maximum age of the newest snapshot by storage, sorted by name.
        copies: In how many of them it is recent enough, as ``minCopies`` counts.
    """

    rpo: timedelta | None
    keep_for: timedelta | None
    longest: CopyRuns | None
    storages: Mapping[str, timedelta]
    copies: int


_NOTHING = Achieved(None, None, None, {}, 0)


def achieved(protection: Protection) -> Achieved:
    """Of a volume's sessions that run; nothing of a paused policy."""
    runs = [] if protection.paused else [*copy_runs(protection)]
    if not runs:
        return _NOTHING
    storages: dict[str, timedelta] = {}
    for run in runs:
        name, age = run.copy.storage.name, run.promised.recovery_point
        storages[name] = min(age, storages.get(name, age))
    reaches = [_furthest_kept(protection, run) for run in runs]
    keep_for = max(reaches)
    promises = [(run.copy.storage.name, run.promised) for run in runs]
    return Achieved(
        rpo=min(storages.values()),
        keep_for=keep_for,
        longest=runs[reaches.index(keep_for)],
        storages=dict(sorted(storages.items())),
        copies=len(storages_in_time(protection.objectives, promises)),
    )


def _furthest_kept(protection: Protection, run: CopyRuns) -> timedelta:
    reach = furthest(run.copy.retention, run.promised.interval)
    return kept(protection, run, run.copy.retention, min(FURTHEST, reach))


def why_nothing_runs(protection: Protection) -> LeftOut | None:
    """Why no backup of a volume runs, and where that is written; None if one does."""
    if protection.paused:
        return LeftOut("the policy is paused", protection.spec.at("paused").position)
    if not all(session.suspend for session in protection.sessions):
        return None
    places = (session.origin.at("suspend").position for session in protection.sessions)
    return LeftOut("all sessions are suspended", next(places, protection.position))


def rpo_text(value: timedelta | None) -> str:
    """``1h30m``; ``no backup runs`` where none does."""
    return NO_BACKUP_RUNS if value is None else format_written(int(value.total_seconds()))


def keep_for_text(value: timedelta | None) -> str:
    """``14d``, from two days on without hours; ``no backup runs`` where none does."""
    if value is None:
        return NO_BACKUP_RUNS
    if value >= FURTHEST:
        return f"{FURTHEST.days // 366}y or more"
    return f"{value.days}d" if value.days > 1 else format_written(int(value.total_seconds()))


def promised_by(session: ResolvedSession) -> Promise | None:
    """What a session's schedule promises; None if it never fires."""
    timeout = format_duration(timedelta(seconds=session.timeout_seconds))
    return promise(session.schedule, session.time_zone, timeout, YEAR_START.year)


def copy_runs(protection: Protection) -> Iterator[CopyRuns]:
    """The copies of the sessions that are not suspended and ever fire."""
    for session in protection.sessions:
        promised = None if session.suspend else promised_by(session)
        if promised is not None:
            for copy in session.copies:
                yield CopyRuns(session, copy, promised)


def kept(
    protection: Protection, run: CopyRuns, retention: RetentionPolicySpec, wanted: timedelta
) -> timedelta:
    """How far back a copy reaches with a retention, at most as far as wanted."""
    return kept_for(
        without_offset(run.session.schedule),
        ZoneInfo(run.session.time_zone),
        run.promised.interval,
        retention,
        latest_retention(protection, run),
        wanted,
        YEAR_START,
    )


def latest_retention(protection: Protection, run: CopyRuns) -> timedelta:
    """How long after a tick of the session retention may look at its restore points."""
    is_shared = any(
        other is not run.session and any(c.repository == run.copy.repository for c in other.copies)
        for other in protection.sessions
    )
    # After another session's backup the Repository's retention looks at these as well.
    extra = run.promised.interval if is_shared else timedelta()
    return run.promised.allowance + extra
