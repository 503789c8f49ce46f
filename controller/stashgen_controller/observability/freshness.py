"""How old the good snapshots of each copy are, and whether the newest is young enough.

Metrics and ``kubectl stashgen status`` say the same because both ask here. How old a snapshot may
be is ``stashgen.kubestash.objectives``' to say; this joins the objects that the answer needs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.base import JsonObject
from stashgen.api.resources import CRON_JOBS
from stashgen.api.snapshot import Phase
from stashgen.kubestash import names
from stashgen.kubestash.objectives import Objectives, Promise, from_annotations, promise
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes.repositories import DAMAGED_REPOSITORIES
from stashgen_controller.listers.indexes.sessions import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.runtime.kind import Reader

_NONE: tuple[None, None] = (None, None)


@dataclass(frozen=True, slots=True)
class CopyState:
    """One copy of a session.

    Attributes:
        namespace, configuration, session, repository: Which copy.
        storage: Namespace and name of the BackupStorage; one that is taken by default has none.
        promised: None if the schedule is invalid or never fires.
        allowed: How old its newest good snapshot may be; None without a promise.
        newest, oldest: When its newest and its oldest good snapshot was taken; None before the
            first.
        since: The start of its age: a new configuration has the full allowed age until its first
            good snapshot.
        is_met: Whether it is recent enough.
        is_damaged: The last check of its Repository found damage: whatever is there may be lost.
        unreadable: How many files the newest good snapshot lacks; the policy accepts that.
    """

    namespace: str
    configuration: str
    session: str
    repository: str
    storage: tuple[str, str]
    promised: Promise | None
    allowed: timedelta | None
    newest: datetime | None
    oldest: datetime | None
    since: datetime
    is_met: bool
    unreadable: int = 0
    is_damaged: bool = False

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
    taken = _taken(reader.values(SNAPSHOTS_BY_REPOSITORY))
    damaged = frozenset(reader.places(DAMAGED_REPOSITORIES))
    for configuration in configurations:
        namespace, name = configuration.key
        for session in configuration.spec.sessions:
            promised = session_promise(reader, configuration, session, now)
            allowed = allowed_age(configuration, promised)
            for item in session.repositories or ():
                repository = item.name or ""
                oldest, newest = taken.get((namespace, repository, session.name or ""), _NONE)
                time = newest.time if newest is not None else None
                since = time or configuration.metadata.creation_timestamp or now
                yield CopyState(
                    namespace,
                    name,
                    session.name or "",
                    repository,
                    _storage(configuration, item.backend),
                    promised,
                    allowed,
                    time,
                    oldest.time if oldest is not None else None,
                    since,
                    allowed is not None and now - since <= allowed,
                    newest.unreadable if newest is not None else 0,
                    is_damaged=(namespace, repository) in damaged,
                )


def _taken(
    snapshots: Iterable[SnapshotRecord],
) -> dict[tuple[str, str, str], tuple[SnapshotRecord, SnapshotRecord]]:
    """The oldest and the newest good snapshot by namespace, repository and session."""
    taken: dict[tuple[str, str, str], tuple[SnapshotRecord, SnapshotRecord]] = {}
    for snapshot in snapshots:
        if snapshot.phase is Phase.SUCCEEDED:
            key = (snapshot.namespace, snapshot.repository, snapshot.session)
            oldest, newest = taken.get(key, (snapshot, snapshot))
            taken[key] = min(oldest, snapshot, key=_order), max(newest, snapshot, key=_order)
    return taken


def _order(snapshot: SnapshotRecord) -> tuple[datetime, str]:
    return snapshot.time, snapshot.name


def _storage(configuration: BackupConfiguration, backend: str | None) -> tuple[str, str]:
    namespace = configuration.metadata.namespace or ""
    for item in configuration.spec.backends:
        if item.name == backend and item.storage_ref is not None:
            return item.storage_ref.namespace or namespace, item.storage_ref.name
    return "", ""


def session_promise(
    reader: Reader, configuration: BackupConfiguration, session: Session, now: datetime
) -> Promise | None:
    """What a session promises; None where the schedule cannot be read or never fires."""
    schedule, zone = timing(reader, configuration, session)
    return promise(schedule, zone, session.backup_timeout, now.year)


def allowed_age(configuration: BackupConfiguration, promised: Promise | None) -> timedelta | None:
    """How old a session's newest good snapshot may be: what its objectives say, or its schedule."""
    if promised is None:
        return None
    try:
        demanded = from_annotations(configuration.metadata.annotations or {})
    except ValueError:
        demanded = Objectives()
    return demanded.allowed(promised)


def timing(reader: Reader, configuration: BackupConfiguration, session: Session) -> tuple[str, str]:
    """A session's schedule and time zone: those of the CronJob, which is what actually runs."""
    namespace, name = configuration.key
    cron_job = reader.stored(CRON_JOBS, namespace, names.cron_job_name(name, session.name or ""))
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    written = session.scheduler.schedule if session.scheduler is not None else ""
    return str(spec.get("schedule") or written), str(spec.get("timeZone") or "Etc/UTC")
