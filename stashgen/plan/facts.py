"""What a protection achieves: how old the newest backup may be, how far back, how many copies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec
from stashgen.kubestash.kept_history import LENGTHS, kept_for
from stashgen.kubestash.objectives import Promise, promise
from stashgen.kubestash.quantities import format_duration
from stashgen.kubestash.retention import retention_period
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.policy.duration import format_written
from stashgen.resolve.schedules import YEAR_START

_DAY_SECONDS = 86_400
# How far back a history without a limit is looked at.
_FAR = timedelta(days=20 * 366)


@dataclass(frozen=True, slots=True)
class Run:
    """A copy of a session that runs, and what its schedule promises."""

    session: ResolvedSession
    copy: ResolvedCopy
    promised: Promise


@dataclass(frozen=True, slots=True)
class Achieved:
    """What the backups of a volume achieve.

    Attributes:
        rpo: How old the newest backup may become; None if no session runs.
        best: The session that is the reason.
        keep_for: How old the oldest backup is at least, once they have run for long.
        longest: The run that reaches so far.
        storages: With a copy of a session that runs: how old the newest one there may become.
    """

    rpo: timedelta | None
    best: ResolvedSession | None
    keep_for: timedelta | None
    longest: Run | None
    storages: Mapping[str, timedelta]


class Achievements:
    """Computes what protections achieve; what is the same for many volumes, once.

    How far a history reaches depends on a volume's own minute only by the length of a run, so
    volumes of the same rhythm and retention share the answer for the first of them.
    """

    def __init__(self) -> None:
        self._reaches: dict[tuple[object, ...], timedelta] = {}

    def of(self, protection: Protection) -> Achieved:
        """What one protection achieves."""
        runs = [*_runs(protection)]
        if not runs:
            return Achieved(None, None, None, None, {})
        best = min(runs, key=lambda run: run.promised.recovery_point)
        reaches = [(self._reach(run), index) for index, run in enumerate(runs)]
        keep_for, index = max(reaches, key=lambda one: (one[0], -one[1]))
        storages: dict[str, timedelta] = {}
        for run in runs:
            name, age = run.copy.storage.name, run.promised.recovery_point
            storages[name] = min(age, storages.get(name, age))
        longest = runs[index]
        return Achieved(
            best.promised.recovery_point,
            best.session,
            keep_for,
            longest,
            dict(sorted(storages.items())),
        )

    def _reach(self, run: Run) -> timedelta:
        session, retention = run.session, run.copy.retention
        rhythm = run.promised.interval, run.promised.allowance, session.time_zone
        key = (*rhythm, retention_text(retention))
        if key not in self._reaches:
            self._reaches[key] = kept_for(
                session.schedule,
                ZoneInfo(session.time_zone),
                run.promised.interval,
                retention,
                run.promised.allowance,
                _nominal(retention, run.promised.interval),
                YEAR_START,
            )
        return self._reaches[key]


def _runs(protection: Protection) -> Iterator[Run]:
    if protection.paused:
        return
    for session in protection.sessions:
        promised = promised_by(session)
        if not session.suspend and promised is not None:
            for copy in session.copies:
                yield Run(session, copy, promised)


def promised_by(session: ResolvedSession) -> Promise | None:
    """What a session's schedule promises; None if it never fires."""
    timeout = format_duration(timedelta(seconds=session.timeout_seconds))
    return promise(session.schedule, session.time_zone, timeout, YEAR_START.year)


def _nominal(retention: RetentionPolicySpec, interval: timedelta) -> timedelta:
    """The longest that a retention can reach back."""
    counts = retention.successful_snapshots
    found = {} if counts is None else {name: getattr(counts, name) for name in COUNTS}
    given = {name: count for name, count in found.items() if count is not None}
    reach = _FAR
    if given and min(given.values()) >= 0:
        reach = max(
            min(count, _FAR.days) * max(interval, LENGTHS.get(name, timedelta()))
            for name, count in given.items()
        )
    return min(reach, retention_period(retention) or _FAR, _FAR)


def duration_text(value: timedelta | None) -> str:
    """``1h30m``; from two days on in days, rounded down; ``none`` where there is none."""
    if value is None:
        return "none"
    seconds = int(value.total_seconds())
    if value >= _FAR:
        return "forever"
    if seconds >= 2 * _DAY_SECONDS:
        seconds -= seconds % _DAY_SECONDS
    return format_written(seconds)


def rpo_text(value: timedelta | None) -> str:
    """``1h30m``; ``none`` where no backup runs."""
    return "none" if value is None else format_written(int(value.total_seconds()))


def retention_text(retention: RetentionPolicySpec) -> str:
    """``last 6, daily 14, maxAge 90d``, as far as it concerns good backups; ``all`` for all."""
    counts = retention.successful_snapshots
    parts = []
    if counts is not None:
        parts = [
            f"{name} {'all' if count < 0 else count}"
            for name in COUNTS
            if (count := getattr(counts, name)) is not None
        ]
    if retention.max_retention_period:
        parts.append(f"maxAge {retention.max_retention_period}")
    return ", ".join(parts) or "all"


def when_text(session: ResolvedSession) -> str:
    """When a session runs, as people wrote it: ``every 4h between 22:00-05:00 mon-fri``."""
    written = session.written
    if written.every is None:
        text = f"at {written.schedule}"
    else:
        text = f"every {written.every}"
        text += f" between {written.between}" if written.between is not None else ""
        text += f" on {', '.join(written.days)}" if written.days is not None else ""
    return f"{text} ({session.time_zone})" + (", suspended" if session.suspend else "")
