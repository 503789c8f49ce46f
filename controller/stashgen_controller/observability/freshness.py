"""How old the newest good snapshot of each copy is, and how old it may be.

Until policies carry objectives of their own, a session promises the longest gap of its schedule
and the time that a run may take. Metrics and ``kubectl stashgen status`` say the same because both
ask here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.base import JsonObject
from stashgen.api.resources import CRON_JOBS
from stashgen.api.snapshot import Phase
from stashgen.cron import CronError, Schedule
from stashgen.kubestash import names
from stashgen.kubestash.quantities import parse_duration
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class Objective:
    """What a session of a BackupConfiguration promises."""

    interval: timedelta
    allowance: timedelta

    @property
    def recovery_point(self) -> timedelta:
        """How old the newest good snapshot may become at most."""
        return self.interval + self.allowance


@dataclass(frozen=True, slots=True)
class CopyState:
    """One copy of a session.

    Attributes:
        namespace, configuration, session, repository: Which copy.
        objective: None where the schedule cannot be read or never fires.
        newest: When its newest good snapshot was taken; None before the first.
        since: From when on its age counts: a new configuration has as long as any other until its
            first good snapshot.
        is_met: Whether it is young enough.
    """

    namespace: str
    configuration: str
    session: str
    repository: str
    objective: Objective | None
    newest: datetime | None
    since: datetime
    is_met: bool

    @property
    def session_key(self) -> tuple[str, str, str]:
        """Namespace, configuration and session."""
        return (self.namespace, self.configuration, self.session)


def copy_states(
    reader: Reader,
    configurations: Iterable[BackupConfiguration],
    now: datetime,
) -> Iterator[CopyState]:
    """The state of every copy of every session."""
    taken = _newest(reader.values(SNAPSHOTS_BY_REPOSITORY))
    for configuration in configurations:
        namespace, name = configuration.key
        for session in configuration.spec.sessions:
            promised = objective(reader, configuration, session, now)
            for item in session.repositories or ():
                repository = item.name or ""
                newest = taken.get((namespace, repository, session.name or ""))
                since = newest or configuration.metadata.creation_timestamp or now
                is_met = promised is not None and now - since <= promised.recovery_point
                yield CopyState(
                    namespace,
                    name,
                    session.name or "",
                    repository,
                    promised,
                    newest,
                    since,
                    is_met,
                )


def _newest(snapshots: Iterable[SnapshotRecord]) -> dict[tuple[str, str, str], datetime]:
    """By namespace, repository and session: when the newest good snapshot was taken."""
    taken: dict[tuple[str, str, str], datetime] = {}
    for snapshot in snapshots:
        if snapshot.phase is Phase.SUCCEEDED:
            key = (snapshot.namespace, snapshot.repository, snapshot.session)
            taken[key] = max(snapshot.time, taken.get(key, snapshot.time))
    return taken


def objective(
    reader: Reader, configuration: BackupConfiguration, session: Session, now: datetime
) -> Objective | None:
    """What a session promises: the longest gap of its schedule, and the time that a run may take.

    A run may take its timeout; without one, until the next tick. None where the schedule cannot be
    read or never fires.
    """
    written, zone = timing(reader, configuration, session)
    gap = _longest_gap(written, zone, now.year)
    if gap is None:
        return None
    try:
        timeout = parse_duration(session.backup_timeout) if session.backup_timeout else gap
    except ValueError:
        timeout = gap
    return Objective(gap, timeout)


def timing(reader: Reader, configuration: BackupConfiguration, session: Session) -> tuple[str, str]:
    """A session's schedule and time zone: the CronJob's, which is what runs."""
    namespace, name = configuration.key
    cron_job = reader.stored(CRON_JOBS, namespace, names.cron_job_name(name, session.name or ""))
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    written = session.scheduler.schedule if session.scheduler is not None else ""
    return str(spec.get("schedule") or written), str(spec.get("timeZone") or "Etc/UTC")


# The same few schedules at each scrape; a year is looked at, so the answer changes once a year.
@lru_cache(maxsize=10_000)
def _longest_gap(schedule: str, zone: str, year: int) -> timedelta | None:
    try:
        where = ZoneInfo(zone)
        start = datetime(year, 1, 1, tzinfo=where)
        gap = Schedule.parse(schedule).longest_gap(where, start)
    except (CronError, ZoneInfoNotFoundError, ValueError):
        return None
    return gap or None
