"""Metrics of the cluster: values that depend only on the objects and the time.

Each metric is described in docs/metrics.md. ``object_namespace`` is the namespace of the object and
not ``namespace``, which Prometheus itself sets to that of the pod that it scrapes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen_controller.listers.indexes import MALFORMED
from stashgen_controller.observability.coverage import coverage
from stashgen_controller.observability.freshness import (
    allowed_age,
    copy_states,
    session_promise,
)
from stashgen_controller.observability.gauge import Gauge, gauge
from stashgen_controller.observability.objectives import objective_states
from stashgen_controller.observability.outcomes import (
    newest_ended,
    session_key,
)
from stashgen_controller.observability.repository_metrics import of_retention, of_sizes, of_upkeep
from stashgen_controller.runtime.kind import Reader

_SESSION = ("object_namespace", "configuration", "session")
_COPY = (*_SESSION, "repository")


def of_cluster(reader: Reader, now: datetime) -> Iterator[Gauge]:
    """The metrics of the cluster's objects, sorted within each metric."""
    configurations = reader.items(BackupConfiguration)
    sessions = reader.items(BackupSession)
    repositories = reader.items(Repository)
    storages = reader.items(BackupStorage)
    yield from _of_phases(storages, repositories, configurations)
    yield from _of_sessions(reader, sessions)
    yield from _of_objectives(reader, configurations, now)
    yield from of_retention(repositories, sessions)
    yield from of_upkeep(reader, repositories, now)
    yield from of_sizes(reader, repositories, storages)
    yield _unprotected(reader, configurations, storages, now)
    yield gauge(
        "stashgen_malformed",
        "1 if an object, or one that it refers to, cannot be read; no series otherwise.",
        ("kind", "object_namespace", "name"),
        [
            ((index.model.resource.kind, *place), 1.0)
            for index in MALFORMED
            for place in reader.places(index)
        ],
    )


def _of_phases(
    storages: Sequence[BackupStorage],
    repositories: Sequence[Repository],
    configurations: Sequence[BackupConfiguration],
) -> Iterator[Gauge]:
    readable: list[BackupStorage | Repository | BackupConfiguration] = [
        *storages,
        *repositories,
        *configurations,
    ]
    ready = [
        ((item.kind, *item.key), float(item.status is not None and item.status.phase == "Ready"))
        for item in readable
    ]
    yield gauge(
        "stashgen_ready",
        "1 if a BackupStorage, Repository or BackupConfiguration is Ready, else 0.",
        ("kind", "object_namespace", "name"),
        ready,
    )
    paused = [
        (("BackupConfiguration", *item.key), 1.0) for item in configurations if item.spec.paused
    ]
    yield gauge(
        "stashgen_paused",
        "1 if a BackupConfiguration is paused; no series otherwise.",
        ("kind", "object_namespace", "name"),
        paused,
    )


def _of_sessions(reader: Reader, sessions: Sequence[BackupSession]) -> Iterator[Gauge]:
    phases = Counter(
        (*session_key(item), (item.phase or BackupSessionPhase.PENDING).value) for item in sessions
    )
    yield gauge(
        "stashgen_backup_sessions",
        "Existing BackupSessions by phase; the history limit deletes old ones.",
        (*_SESSION, "phase"),
        phases.items(),
    )
    yield gauge(
        "stashgen_last_backup_session_succeeded",
        "1 if the newest finished BackupSession of a session succeeded, 0 if it failed.",
        _SESSION,
        [
            (key, float(item.phase is BackupSessionPhase.SUCCEEDED))
            for key, item in newest_ended(sessions).items()
        ],
    )
    restores = Counter(
        (item.key[0], item.phase.value if item.phase else "Pending")
        for item in reader.items(RestoreSession)
    )
    yield gauge(
        "stashgen_restore_sessions",
        "RestoreSessions that are there, by phase.",
        ("object_namespace", "phase"),
        restores.items(),
    )
    requests = Counter(
        (item.key[0], (item.status.phase if item.status else None) or "Pending")
        for item in reader.items(RestoreRequest)
    )
    yield gauge(
        "stashgen_restore_requests",
        "RestoreRequests that are there, by phase.",
        ("object_namespace", "phase"),
        requests.items(),
    )


def _of_objectives(
    reader: Reader,
    configurations: Sequence[BackupConfiguration],
    now: datetime,
) -> Iterator[Gauge]:
    intervals: dict[tuple[str, ...], float] = {}
    points: dict[tuple[str, ...], float] = {}
    for configuration in configurations:
        for session in configuration.spec.sessions:
            promised = session_promise(reader, configuration, session, now)
            allowed = allowed_age(configuration, promised)
            if promised is not None and allowed is not None:
                label = (*configuration.key, session.name or "")
                intervals[label] = promised.interval.total_seconds()
                points[label] = allowed.total_seconds()
    copies = list(copy_states(reader, configurations, now))
    yield gauge(
        "stashgen_expected_interval_seconds",
        "Longest time between two ticks of a session's schedule.",
        _SESSION,
        intervals.items(),
    )
    yield gauge(
        "stashgen_recovery_point_objective_seconds",
        "Allowed age of the newest good snapshot: the longest gap plus the session's timeout, or "
        "the volume's objective if that is longer.",
        _SESSION,
        points.items(),
    )
    yield gauge(
        "stashgen_last_success_timestamp_seconds",
        "Time of the newest good snapshot of a session in a repository.",
        _COPY,
        [
            ((*copy.session_key, copy.repository), copy.newest.timestamp())
            for copy in copies
            if copy.newest is not None
        ],
    )
    yield gauge(
        "stashgen_oldest_success_timestamp_seconds",
        "Time of the oldest good snapshot of a session in a repository.",
        _COPY,
        [
            ((*copy.session_key, copy.repository), copy.oldest.timestamp())
            for copy in copies
            if copy.oldest is not None
        ],
    )
    yield gauge(
        "stashgen_last_success_unreadable_files",
        "Unreadable files that the newest good snapshot lacks; 0 if it is whole.",
        _COPY,
        [
            ((*copy.session_key, copy.repository), float(copy.unreadable))
            for copy in copies
            if copy.newest is not None
        ],
    )
    yield gauge(
        "stashgen_recovery_point_objective_met",
        "1 if the newest good snapshot is recent enough; 0 also if the schedule never fires.",
        _COPY,
        [((*copy.session_key, copy.repository), float(copy.is_met)) for copy in copies],
    )
    yield gauge(
        "stashgen_objective_met",
        "1 if an objective of a policy is met, else 0; no series where none is demanded.",
        ("object_namespace", "configuration", "objective"),
        [
            ((item.namespace, item.configuration, item.objective.value), float(item.is_met))
            for item in objective_states(configurations, copies, now)
        ],
    )


def _unprotected(
    reader: Reader,
    configurations: Sequence[BackupConfiguration],
    storages: Sequence[BackupStorage],
    now: datetime,
) -> Gauge:
    """A namespace with claims reports 0, so that a volume that becomes protected is visible."""
    counts: dict[tuple[str, ...], int] = {}
    for claim in coverage(reader, configurations, storages, now.astimezone(UTC).date()):
        counts[claim.namespace,] = counts.get((claim.namespace,), 0) + claim.is_open
    return gauge(
        "stashgen_unprotected_volumes",
        "PersistentVolumeClaims without a BackupConfiguration and without an opt-out.",
        ("object_namespace",),
        counts.items(),
    )
