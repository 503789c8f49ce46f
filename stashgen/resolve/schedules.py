"""The schedule of a session for one volume, and what clock changes do to it."""

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

# A build does not depend on the clock: the same input gives the same findings every year.
_START = datetime(2026, 1, 1, tzinfo=UTC)
_FIX = "write five fields, such as 0 2 * * *"


def schedule_for(session: Session, key: VolumeKey) -> str:
    """The session's schedule for one volume, with no ``H`` left.

    The offset depends on the volume's identity and the session's name, and on nothing else.

    Raises:
        CronError: the hash chose values that never coincide.
    """
    seed = f"{key.cluster_id}/{key.namespace}/{key.name}/{session.name}"
    if session.every is not None:
        return cron.every_to_cron(parse_duration(session.every), seed)
    return cron.spread(session.schedule or "", seed)


def schedule_origin(session: Session, origin: Origin) -> Origin:
    """Where a session, which is written at ``origin``, says when it runs."""
    return origin.at("every" if session.every is not None else "schedule")


def schedule_finding(origin: Origin, error: CronError) -> Finding:
    """A finding about an impossible schedule, where it is written."""
    return finding(error.code, origin, error.message, why=error.why, fix=error.fix or _FIX)


class ClockChanges:
    """The effect of clock changes on the runs of a session, over all its volumes."""

    def __init__(self, origin: Origin, zone: ZoneInfo) -> None:
        self._origin = origin
        self._zone = zone
        self._affected: dict[str, tuple[set[VolumeKey], str, datetime]] = {}

    def add(self, key: VolumeKey, schedule: str) -> None:
        """Add one volume's schedule."""
        for change in Schedule.parse(schedule).clock_changes(self._zone, _START):
            code = cron.Code.SKIPPED if change.skipped else cron.Code.REPEATED
            local = (change.skipped or change.repeated)[0]
            entry = self._affected.setdefault(code, (set(), schedule, local))
            entry[0].add(key)

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
