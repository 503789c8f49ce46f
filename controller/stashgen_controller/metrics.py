"""What Prometheus reads, computed at each scrape from the objects in the caches.

Nothing is remembered: a controller that was started a second ago says the same as one that runs
for a year, and a standby the same as the leader. Only the requests and the queue are the process'
own. Each metric is described in docs/metrics.md; the alert rules need no thresholds because the
objects say what is expected.

Labels: ``object_namespace`` is the namespace of the object and not ``namespace``, which Prometheus
itself sets to that of the pod which it scrapes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Protocol, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    SNAPSHOTS,
)
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash.quantities import parse_size
from stashgen_controller.coverage import coverage
from stashgen_controller.freshness import copy_states, objective
from stashgen_controller.observing import models
from stashgen_controller.outcomes import newest_ended, retention_states, session_key
from stashgen_controller.reconciler import Reader

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_WITH_PHASE = (BACKUP_STORAGES, REPOSITORIES, BACKUP_CONFIGURATIONS)
_SESSION = ("object_namespace", "configuration", "session")
_COPY = (*_SESSION, "repository")
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

    @property
    def admission_problems(self) -> Sequence[str]:
        """In strict mode: each namespace in which a policy is missing, in words."""
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
    yield _gauge(
        "stashgen_admission_policy_missing",
        "Namespaces in which the API server would let in a Job that nobody reviewed.",
        (),
        [((), len(process.admission_problems))],
    )


def of_cluster(reader: Reader, now: datetime) -> Iterator[Metric]:
    """The metrics of the cluster's objects, sorted within each metric."""
    configurations = models(reader, BACKUP_CONFIGURATIONS, BackupConfiguration)
    sessions = models(reader, BACKUP_SESSIONS, BackupSession)
    snapshots = models(reader, SNAPSHOTS, Snapshot)
    repositories = models(reader, REPOSITORIES, Repository)
    storages = models(reader, BACKUP_STORAGES, BackupStorage)
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
    phases = Counter(
        (*session_key(item), (item.phase or BackupSessionPhase.PENDING).value) for item in sessions
    )
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
        [
            (key, float(item.phase is BackupSessionPhase.SUCCEEDED))
            for key, item in newest_ended(sessions).items()
        ],
    )
    for resource, name in (
        (RESTORE_SESSIONS, "stashgen_restore_sessions"),
        (RESTORE_REQUESTS, "stashgen_restore_requests"),
    ):
        restores = Counter(
            (_namespace(obj), _phase(obj) or "Pending") for obj in reader.items(resource)
        )
        yield _gauge(
            name,
            f"{resource.kind}s that are there, by phase.",
            ("object_namespace", "phase"),
            restores.items(),
        )


def _of_objectives(
    reader: Reader,
    configurations: list[BackupConfiguration],
    snapshots: list[Snapshot],
    now: datetime,
) -> Iterator[Metric]:
    intervals: dict[tuple[str, ...], float] = {}
    points: dict[tuple[str, ...], float] = {}
    for configuration in configurations:
        for session in configuration.spec.sessions:
            promised = objective(reader, configuration, session, now)
            if promised is not None:
                label = (*configuration.key, session.name or "")
                intervals[label] = promised.interval.total_seconds()
                points[label] = promised.recovery_point.total_seconds()
    copies = list(copy_states(reader, configurations, snapshots, now))
    yield _gauge(
        "stashgen_expected_interval_seconds",
        "The longest time between two ticks of a session's schedule.",
        _SESSION,
        intervals.items(),
    )
    yield _gauge(
        "stashgen_recovery_point_objective_seconds",
        "How old the newest good snapshot may be: the longest gap plus the session's timeout.",
        _SESSION,
        points.items(),
    )
    yield _gauge(
        "stashgen_last_success_timestamp_seconds",
        "When the newest good snapshot of a session in a repository was taken.",
        _COPY,
        [
            ((*copy.session_key, copy.repository), copy.newest.timestamp())
            for copy in copies
            if copy.newest is not None
        ],
    )
    yield _gauge(
        "stashgen_recovery_point_objective_met",
        "1 where the newest good snapshot is young enough; 0 too where the schedule never fires.",
        _COPY,
        [((*copy.session_key, copy.repository), float(copy.is_met)) for copy in copies],
    )


def _of_retention(
    repositories: list[Repository], sessions: list[BackupSession]
) -> Iterator[Metric]:
    states = retention_states(repositories, sessions)
    yield _gauge(
        "stashgen_retention_last_success_timestamp_seconds",
        "The newest BackupSession after which retention was applied to a repository.",
        _REPOSITORY,
        [
            (key, state.last_success.timestamp())
            for key, state in states.items()
            if state.last_success is not None
        ],
    )
    yield _gauge(
        "stashgen_retention_applied",
        "1 where retention was applied to a repository the last time it was tried, 0 where not.",
        _REPOSITORY,
        [
            (key, float(state.is_applied))
            for key, state in states.items()
            if state.is_applied is not None
        ],
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
    """A namespace that has claims says 0, so that a volume that becomes protected is seen."""
    counts: dict[tuple[str, ...], int] = {}
    for claim in coverage(reader, configurations, storages):
        counts[claim.namespace,] = counts.get((claim.namespace,), 0) + claim.is_open
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


def _phase(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj.get("status") or {}).get("phase") or "")


def _name(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj["metadata"])["name"])


def _namespace(obj: JsonObject) -> str:
    return str(cast("JsonObject", obj["metadata"]).get("namespace") or "")
