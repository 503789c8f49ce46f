"""The schedule of a session for one volume, and what clock changes do to it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from stashgen import cron
from stashgen.cron import CronError, Schedule
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import VolumeKey
from stashgen.model.source import Origin
from stashgen.policy.backup_policy import Session
from stashgen.policy.duration import parse_duration
from stashgen.resolve.findings import finding

# A build does not depend on the clock: the same input gives the same findings every year. It looks
# at the year that begins here.
YEAR_START = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR_SECONDS = 3600
_FIX = "write five fields, such as 0 2 * * *"


def schedule_for(session: Session, key: VolumeKey, zone: ZoneInfo) -> str:
    """The session's schedule for one volume, with no ``H`` left.

    The offset depends on the volume's identity and the session's name, and on nothing else; of
    ``every`` it is clear of the times that the zone's clock skips or repeats, where it can be.

    Raises:
        CronError: the hash chose values that never coincide, or the window is not one for it.
    """
    seed = f"{key.cluster_id}/{key.namespace}/{key.name}/{session.name}"
    if session.every is not None:
        window = cron.parse_window(session.between, session.days)
        changed = cron.changed_times(zone, YEAR_START)
        return cron.every_to_cron(parse_duration(session.every), seed, window, changed)
    if session.between is not None or session.days is not None:
        field = "between" if session.between is not None else "days"
        raise CronError(
            cron.Code.WINDOW,
            f"{field} and schedule are both set",
            "a schedule has its own hours and days; a window is for every, which it spreads",
            f"use every, or remove {field}",
        )
    return cron.spread(session.schedule or "", seed)


def night_finding(session: Session, origin: Origin) -> Finding | None:
    """A warning about a schedule that looks like once in each of some nights, and is not."""
    if session.schedule is None:
        return None
    split = cron.split_night(session.schedule)
    if split is not None:
        return finding(
            cron.Code.SPLIT_NIGHT,
            origin,
            f"schedule {quote(session.schedule)} has volumes that run before midnight and others "
            "after it, on the same days",
            why="its days are those of the runs: after midnight it is the night before that day",
            fix=f'write every: 1d with between: "{split.text}" and with days, which are those on '
            "which the window begins",
            severity=Severity.WARNING,
        )
    found = cron.hourly_window(session.schedule)
    if found is None:
        return None
    window, runs = found
    why = "cron has no windows: it runs in each of these hours"
    fix = f'for one run a night write every: 1d with between: "{window.text}"'
    if window.is_daily:
        fix += ", for one an hour every: 1h with it"
    else:
        why += "; its days are those of the runs, and after midnight it is the next day"
        fix += " and with days, which are those on which the window begins"
    return finding(
        cron.Code.EACH_HOUR,
        origin,
        f"schedule {quote(session.schedule)} runs {runs} times a night",
        why=why,
        fix=fix,
        severity=Severity.WARNING,
    )


def either_day_finding(session: Session, origin: Origin) -> Finding | None:
    """A warning about a schedule that names days of the month and of the week: either is enough."""
    if session.schedule is None:
        return None
    parsed = Schedule.parse(cron.spread(session.schedule, ""))
    if parsed.any_day or parsed.any_weekday:
        return None
    return finding(
        cron.Code.EITHER_DAY,
        origin,
        f"schedule {quote(session.schedule)} runs on each of its days of the month and on each of "
        "its weekdays",
        why="where both are written cron runs when either one matches, not when both do",
        fix="replace one of the two fields by *",
        severity=Severity.WARNING,
    )


def schedule_origin(session: Session, origin: Origin) -> Origin:
    """Where a session, which is written at ``origin``, says when it runs."""
    return origin.at("every" if session.every is not None else "schedule")


def schedule_finding(session: Session, origin: Origin, error: CronError) -> Finding:
    """A finding about an impossible schedule, where the session at ``origin`` says it."""
    windows = [name for name in ("between", "days") if getattr(session, name) is not None]
    return finding(
        error.code,
        schedule_origin(session, origin),
        error.message,
        why=error.why,
        fix=error.fix or _FIX,
        related=[origin.at(name).position for name in windows],
    )


class ClockChanges:
    """The effect of clock changes on the runs of a session, over all its volumes."""

    def __init__(self, session: Session, origin: Origin, zone: ZoneInfo) -> None:
        self._session = session
        self._origin = schedule_origin(session, origin)
        self._zone = zone
        self._affected: dict[str, tuple[set[VolumeKey], str, datetime]] = {}

    def add(self, key: VolumeKey, schedule: str) -> None:
        """Add one volume's schedule."""
        for change in Schedule.parse(schedule).clock_changes(self._zone, YEAR_START):
            code = cron.Code.SKIPPED if change.skipped else cron.Code.REPEATED
            if code not in self._minded():
                continue
            local = (change.skipped or change.repeated)[0]
            entry = self._affected.setdefault(code, (set(), schedule, local))
            entry[0].add(key)

    def _minded(self) -> Iterable[str]:
        """Of ``every``, one run more breaks no promise, nor does one less among many an hour."""
        if self._session.every is None:
            return (cron.Code.SKIPPED, cron.Code.REPEATED)
        is_rare = parse_duration(self._session.every) > _HOUR_SECONDS
        return (cron.Code.SKIPPED,) if is_rare else ()

    def findings(self) -> list[Finding]:
        """One warning for skipped runs and one for repeated runs."""
        found = []
        for code, (keys, schedule, local) in sorted(self._affected.items()):
            is_skip = code == cron.Code.SKIPPED
            count = f"{len(keys)} volume" + ("s" if len(keys) > 1 else "")
            found.append(
                finding(
                    code,
                    self._origin,
                    f"a clock change in {self._zone.key} "
                    f"{'skips' if is_skip else 'repeats'} runs of {count}",
                    why=f"schedule {quote(schedule)} runs at {local:%H:%M}, which on "
                    f"{local:%Y-%m-%d} {'does not exist' if is_skip else 'occurs twice'}",
                    fix="use another hour, or the time zone Etc/UTC",
                    severity=Severity.WARNING,
                )
            )
        return found
