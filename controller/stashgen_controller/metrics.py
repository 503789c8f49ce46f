"""What Prometheus reads, computed at each scrape from the objects in the caches.

Nothing is remembered: a controller that was started a second ago says the same as one that runs
for a year, and a standby the same as the leader. Only the requests and the queue are the process'
own. Each metric is described in docs/metrics.md; the alert rules need no thresholds because the
objects say what is expected.

Labels: ``object_namespace`` is the namespace of the object and not ``namespace``, which Prometheus
itself sets to that of the pod which it scrapes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Protocol, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from pydantic import ValidationError

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_session import BackupSession, BackupSessionPhase, RetentionPhase
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    REPOSITORIES,
    RESTORE_SESSIONS,
    SNAPSHOTS,
    Resource,
)
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.cron import CronError, Schedule
from stashgen.kubestash import names
from stashgen.kubestash.quantities import parse_duration, parse_size
from stashgen_controller.reconciler import Reader

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# On a claim: it needs no backup, and the value says why.
OPT_OUT = "stashgen.dev/opt-out"
_RETENTION_APPLIED = "RetentionApplied"
_WITH_PHASE = (BACKUP_STORAGES, REPOSITORIES, BACKUP_CONFIGURATIONS)
_SESSION = ("object_namespace", "configuration", "session")
_COPY = (*_SESSION, "repository")
_LONG_AGO = datetime.fromtimestamp(0, UTC)
KindT = TypeVar("KindT", bound=Kind)
_REPOSITORY = ("object_namespace", "repository")


class Process(Protocol):
    """What a metric says of this process and not of the cluster."""

    @property
    def requests_by_verb(self) -> Mapping[str, int]:
        """Requests to the API server since the start."""
        ...

    @property
    def queue_depth(self) -> int:
        """Objects that wait to be looked at."""
        ...

    @property
    def is_leading(self) -> bool:
        """Whether this process reconciles."""
        ...


class Metrics:
    """All metrics of one controller, as text for Prometheus."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._lock = Lock()

    def exposition(self, reader: Reader, now: datetime) -> bytes:
        """The text exposition format 0.0.4; one scrape after the other."""
        with self._lock:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Collector([*of_cluster(reader, now), *of_process(self._process)]))
            return generate_latest(registry)


class _Collector:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """What is exposed."""
        return self._families


def of_process(process: Process) -> Iterator[Metric]:
    """The metrics of this process."""
    requests = CounterMetricFamily(
        "stashgen_api_requests", "Requests to the API server, by verb.", labels=["verb"]
    )
    for verb, number in sorted(process.requests_by_verb.items()):
        requests.add_metric([verb], number)
    yield requests
    yield _gauge("stashgen_queue_depth", "Objects that wait to be looked at.", (), [
        ((), process.queue_depth)
    ])  # fmt: skip
    yield _gauge("stashgen_leader", "1 where this process reconciles, 0 on a standby.", (), [
        ((), float(process.is_leading))
    ])  # fmt: skip


def of_cluster(reader: Reader, now: datetime) -> Iterator[Metric]:
    """The metrics of the cluster's objects, sorted within each metric."""
    configurations = _models(reader, BACKUP_CONFIGURATIONS, BackupConfiguration)
    sessions = _models(reader, BACKUP_SESSIONS, BackupSession)
    snapshots = _models(reader, SNAPSHOTS, Snapshot)
    repositories = _models(reader, REPOSITORIES, Repository)
    storages = _models(reader, BACKUP_STORAGES, BackupStorage)
    yield from _of_phases(reader)
    yield from _of_sessions(reader, sessions)
    yield from _of_objectives(reader, configurations, snapshots, now)
    yield from _of_retention(repositories, sessions)
    yield from _of_sizes(repositories, storages, snapshots)
    yield _unprotected(reader, configurations, storages)


def _of_phases(reader: Reader) -> Iterator[Metric]:
    ready = [
        ((resource.kind, _namespace(obj), _name(obj)), float(_phase(obj) == "Ready"))
        for resource in _WITH_PHASE
        for obj in reader.items(resource)
    ]
    yield _gauge(
        "stashgen_ready",
        "1 where a BackupStorage, Repository or BackupConfiguration is Ready.",
        ("kind", "object_namespace", "name"),
        ready,
    )
    paused = [
        (("BackupConfiguration", _namespace(obj), _name(obj)), 1.0)
        for obj in reader.items(BACKUP_CONFIGURATIONS)
        if cast("JsonObject", obj.get("spec") or {}).get("paused")
    ]
    yield _gauge(
        "stashgen_paused",
        "1 where a BackupConfiguration is paused; no series where it is not.",
        ("kind", "object_namespace", "name"),
        paused,
    )


def _of_sessions(reader: Reader, sessions: list[BackupSession]) -> Iterator[Metric]:
    phases: Counter[tuple[str, ...]] = Counter()
    newest: dict[tuple[str, ...], BackupSession] = {}
    for item in sessions:
        key = _session_key(item)
        phases[(*key, (item.phase or BackupSessionPhase.PENDING).value)] += 1
        if item.phase in {BackupSessionPhase.SUCCEEDED, BackupSessionPhase.FAILED}:
            known = newest.get(key)
            if known is None or _created(known) < _created(item):
                newest[key] = item
    yield _gauge(
        "stashgen_backup_sessions",
        "BackupSessions that are there, by phase; the history limit deletes old ones.",
        (*_SESSION, "phase"),
        phases.items(),
    )
    yield _gauge(
        "stashgen_last_backup_session_succeeded",
        "1 where the newest finished BackupSession of a session succeeded, 0 where it failed.",
        _SESSION,
        [(key, float(item.phase is BackupSessionPhase.SUCCEEDED)) for key, item in newest.items()],
    )
    restores = Counter(
        (_namespace(obj), _phase(obj) or "Pending") for obj in reader.items(RESTORE_SESSIONS)
    )
    yield _gauge(
        "stashgen_restore_sessions",
        "RestoreSessions that are there, by phase.",
        ("object_namespace", "phase"),
        restores.items(),
    )


@dataclass(frozen=True, slots=True)
class Objective:
    """What a session of a BackupConfiguration promises."""

    interval: timedelta
    allowance: timedelta

    @property
    def recovery_point(self) -> timedelta:
        """How old the newest good snapshot may become at most."""
        return self.interval + self.allowance


def objective(
    reader: Reader, configuration: BackupConfiguration, session: Session, now: datetime
) -> Objective | None:
    """What a session promises: the longest gap of its schedule, and the time that a run may take.

    Until policies carry objectives of their own. A run may take its timeout; without one, until
    the next tick. None where the schedule cannot be read or never fires.
    """
    namespace, name = configuration.key
    cron_job = reader.get(CRON_JOBS, namespace, names.cron_job_name(name, session.name or ""))
    spec = cast("JsonObject", (cron_job or {}).get("spec") or {})
    written = session.scheduler.schedule if session.scheduler is not None else ""
    zone = str(spec.get("timeZone") or "Etc/UTC")
    gap = _longest_gap(str(spec.get("schedule") or written), zone, now.year)
    if gap is None:
        return None
    try:
        timeout = parse_duration(session.backup_timeout) if session.backup_timeout else gap
    except ValueError:
        timeout = gap
    return Objective(gap, timeout)


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


def _of_objectives(
    reader: Reader,
    configurations: list[BackupConfiguration],
    snapshots: list[Snapshot],
    now: datetime,
) -> Iterator[Metric]:
    taken: dict[tuple[str, ...], datetime] = {}
    for snapshot in snapshots:
        if snapshot.phase is Phase.SUCCEEDED:
            spec = snapshot.spec
            key = (snapshot.metadata.namespace or "", spec.repository or "", spec.session or "")
            taken[key] = max(snapshot.time, taken.get(key, snapshot.time))
    intervals, points, last, met = [], [], [], []
    for configuration in configurations:
        namespace, name = configuration.key
        for session in configuration.spec.sessions:
            promised = objective(reader, configuration, session, now)
            label = (namespace, name, session.name or "")
            if promised is not None:
                intervals.append((label, promised.interval.total_seconds()))
                points.append((label, promised.recovery_point.total_seconds()))
            for repository in session.repositories or ():
                copy = (*label, repository.name or "")
                newest = taken.get((namespace, repository.name or "", session.name or ""))
                if newest is not None:
                    last.append((copy, newest.timestamp()))
                # A new configuration has as long as any other until its first good snapshot.
                since = newest or configuration.metadata.creation_timestamp or now
                is_met = promised is not None and now - since <= promised.recovery_point
                met.append((copy, float(is_met)))
    yield _gauge(
        "stashgen_expected_interval_seconds",
        "The longest time between two ticks of a session's schedule.",
        _SESSION,
        intervals,
    )
    yield _gauge(
        "stashgen_recovery_point_objective_seconds",
        "How old the newest good snapshot may be: the longest gap plus the session's timeout.",
        _SESSION,
        points,
    )
    yield _gauge(
        "stashgen_last_success_timestamp_seconds",
        "When the newest good snapshot of a session in a repository was taken.",
        _COPY,
        last,
    )
    yield _gauge(
        "stashgen_recovery_point_objective_met",
        "1 where the newest good snapshot is young enough; 0 too where the schedule never fires.",
        _COPY,
        met,
    )


def _of_retention(
    repositories: list[Repository], sessions: list[BackupSession]
) -> Iterator[Metric]:
    applied: dict[tuple[str, ...], datetime] = {}
    for item in sessions:
        for entry in (item.status.retention_policy if item.status else None) or ():
            if entry.phase is RetentionPhase.APPLIED:
                key = (item.metadata.namespace or "", entry.repository or "")
                applied[key] = max(_created(item), applied.get(key, _created(item)))
    last, state = [], []
    for repository in repositories:
        known = _condition(repository, _RETENTION_APPLIED)
        is_applied = known is not None and known.status is ConditionStatus.TRUE
        when = applied.get(repository.key)
        if when is None and known is not None and is_applied:
            when = known.last_transition_time
        if when is not None:
            last.append((repository.key, when.timestamp()))
        if known is not None:
            state.append((repository.key, float(is_applied)))
    yield _gauge(
        "stashgen_retention_last_success_timestamp_seconds",
        "The newest BackupSession after which retention was applied to a repository.",
        _REPOSITORY,
        last,
    )
    yield _gauge(
        "stashgen_retention_applied",
        "1 where retention was applied to a repository the last time it was tried, 0 where not.",
        _REPOSITORY,
        state,
    )


def _of_sizes(
    repositories: list[Repository], storages: list[BackupStorage], snapshots: list[Snapshot]
) -> Iterator[Metric]:
    counts = Counter(
        (item.metadata.namespace or "", item.spec.repository or "", item.phase.value)
        for item in snapshots
    )
    yield _gauge(
        "stashgen_snapshots",
        "Snapshots of a repository that are there, by phase.",
        (*_REPOSITORY, "phase"),
        counts.items(),
    )
    yield _gauge(
        "stashgen_repository_size_bytes",
        "What a repository takes in its storage.",
        _REPOSITORY,
        _sizes((item.key, item.status.size if item.status else None) for item in repositories),
    )
    yield _gauge(
        "stashgen_storage_size_bytes",
        "What the repositories of a BackupStorage take together.",
        ("object_namespace", "storage"),
        _sizes((item.key, item.status.total_size if item.status else None) for item in storages),
    )


def _unprotected(
    reader: Reader, configurations: list[BackupConfiguration], storages: list[BackupStorage]
) -> Metric:
    """Claims that nothing backs up; what holds backups, or says why it needs none, aside."""
    excused = set()
    for configuration in configurations:
        target = configuration.spec.target
        if target is not None and target.kind == "PersistentVolumeClaim":
            namespace = target.namespace or configuration.metadata.namespace
            excused.add((namespace or "", target.name))
    for storage in storages:
        claim = storage.local.persistent_volume_claim if storage.local else None
        if claim is not None:
            excused.add((storage.metadata.namespace or "", claim.claim_name))
    # A namespace that has claims says 0, so that a volume that becomes protected is seen.
    counts: dict[tuple[str, ...], int] = {}
    for claim_obj in reader.items(PERSISTENT_VOLUME_CLAIMS):
        namespace = _namespace(claim_obj)
        metadata = cast("JsonObject", claim_obj["metadata"])
        annotations = cast("dict[str, str]", metadata.get("annotations") or {})
        is_open = (namespace, _name(claim_obj)) not in excused and not annotations.get(OPT_OUT)
        counts[namespace,] = counts.get((namespace,), 0) + is_open
    return _gauge(
        "stashgen_unprotected_volumes",
        "PersistentVolumeClaims without a BackupConfiguration and without an opt-out.",
        ("object_namespace",),
        counts.items(),
    )


def _gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for values, value in sorted(samples):
        family.add_metric(list(values), value)
    return family


def _sizes(
    texts: Iterable[tuple[tuple[str, ...], str | None]],
) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, text in texts:
        if text:
            try:
                yield key, parse_size(text)
            except ValueError:
                continue  # written by another operator, in a way that we do not know


def _models(reader: Reader, resource: Resource, model: type[KindT]) -> list[KindT]:
    """The objects that can be read; one of an odd shape is told by its own status."""
    found = []
    for obj in reader.items(resource):
        try:
            found.append(model.from_wire(obj))
        except ValidationError:
            continue
    return found


def _session_key(item: BackupSession) -> tuple[str, str, str]:
    invoker = item.spec.invoker.name if item.spec.invoker is not None else ""
    return (item.metadata.namespace or "", invoker, item.spec.session or "")


def _created(item: BackupSession) -> datetime:
    return item.metadata.creation_timestamp or _LONG_AGO


def _condition(repository: Repository, type_: str) -> Condition | None:
    conditions = repository.status.conditions if repository.status is not None else ()
    return next((item for item in conditions if item.type == type_), None)


def _phase(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj.get("status") or {}).get("phase") or "")


def _name(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj["metadata"])["name"])


def _namespace(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj["metadata"]).get("namespace") or "")
