"""How old the newest good snapshot of each copy is, and whether it is young enough.

Metrics and ``kubectl stashgen status`` say the same because both ask here. How old a snapshot may
be is ``stashgen.kubestash.objectives``' to say; this joins the objects that the answer needs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.base import JsonObject
from stashgen.api.resources import CRON_JOBS
from stashgen.api.snapshot import Phase
from stashgen.kubestash import names
from stashgen.kubestash.objectives import Objective, objective
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class CopyState:
    """One copy of a session.

    Attributes:
        namespace, configuration, session, repository: Which copy.
        objective: None if the schedule is invalid or never fires.
        newest: When its newest good snapshot was taken; None before the first.
        since: The start of its age: a new configuration has the full allowed age until its first
            good snapshot.
        is_met: Whether it is recent enough.
        unreadable: How many files the newest good snapshot lacks; the policy accepts that.
    """

    namespace: str
    configuration: str
    session: str
    repository: str
    objective: Objective | None
    newest: datetime | None
    since: datetime
    is_met: bool
    unreadable: int = 0

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
            promised = session_objective(reader, configuration, session, now)
            for item in session.repositories or ():
                repository = item.name or ""
                last = taken.get((namespace, repository, session.name or ""))
                newest = last.time if last is not None else None
                since = newest or configuration.metadata.creation_timestamp or now
                is_met = promised is not None and promised.is_met(since, now)
                yield CopyState(
                    namespace,
                    name,
                    session.name or "",
                    repository,
                    promised,
                    newest,
                    since,
                    is_met,
                    last.unreadable if last is not None else 0,
                )


def _newest(snapshots: Iterable[SnapshotRecord]) -> dict[tuple[str, str, str], SnapshotRecord]:
    """The newest good snapshot by namespace, repository and session."""
    taken: dict[tuple[str, str, str], SnapshotRecord] = {}
    for snapshot in snapshots:
        if snapshot.phase is Phase.SUCCEEDED:
            key = (snapshot.namespace, snapshot.repository, snapshot.session)
            known = taken.get(key)
            if known is None or (snapshot.time, snapshot.name) > (known.time, known.name):
                taken[key] = snapshot
    return taken


def session_objective(
    reader: Reader, configuration: BackupConfiguration, session: Session, now: datetime
) -> Objective | None:
    """What a session promises; None where the schedule cannot be read or never fires."""
    schedule, zone = timing(reader, configuration, session)
    return objective(schedule, zone, session.backup_timeout, now.year)


def timing(reader: Reader, configuration: BackupConfiguration, session: Session) -> tuple[str, str]:
    """A session's schedule and time zone: those of the CronJob, which is what actually runs."""
    namespace, name = configuration.key
    cron_job = reader.stored(CRON_JOBS, namespace, names.cron_job_name(name, session.name or ""))
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    written = session.scheduler.schedule if session.scheduler is not None else ""
    return str(spec.get("schedule") or written), str(spec.get("timeZone") or "Etc/UTC")
