"""Metrics of Repositories and their storages: retention, upkeep and sizes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen.kubestash.quantities import parse_size
from stashgen_controller.listers.indexes.configurations import CONFIGURATIONS_BY_REPOSITORY
from stashgen_controller.listers.indexes.sessions import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.observability.gauge import Gauge, gauge
from stashgen_controller.observability.outcomes import (
    retention_states,
    upkeep_state,
)
from stashgen_controller.runtime.kind import Reader

_REPOSITORY = ("object_namespace", "repository")


def of_retention(
    repositories: Sequence[Repository], sessions: Sequence[BackupSession]
) -> Iterator[Gauge]:
    """Whether and when retention was applied to each Repository."""
    states = retention_states(repositories, sessions)
    yield gauge(
        "stashgen_retention_last_success_timestamp_seconds",
        "Time of the newest BackupSession after which retention was applied to a repository.",
        _REPOSITORY,
        [
            (key, state.last_success.timestamp())
            for key, state in states.items()
            if state.last_success is not None
        ],
    )
    yield gauge(
        "stashgen_retention_applied",
        "1 if the last retention run of a repository succeeded, else 0.",
        _REPOSITORY,
        [
            (key, float(state.is_applied))
            for key, state in states.items()
            if state.is_applied is not None
        ],
    )


def of_upkeep(reader: Reader, repositories: Sequence[Repository], now: datetime) -> Iterator[Gauge]:
    """What checks and prunes of each Repository came to, and whether they are late."""
    states = []
    for item in repositories:
        is_written = bool(reader.places(CONFIGURATIONS_BY_REPOSITORY, *item.key))
        states.append((item.key, upkeep_state(item, now, is_written=is_written)))
    yield gauge(
        "stashgen_repository_intact",
        "1 if the last check of a repository found no damage, 0 if it did.",
        _REPOSITORY,
        [(key, float(state.is_intact)) for key, state in states if state.is_intact is not None],
    )
    yield gauge(
        "stashgen_repository_last_check_timestamp_seconds",
        "Time of the last check of a repository.",
        _REPOSITORY,
        [(key, state.checked.timestamp()) for key, state in states if state.checked is not None],
    )
    yield gauge(
        "stashgen_repository_last_prune_timestamp_seconds",
        "Time at which the data of forgotten snapshots was last removed from a repository.",
        _REPOSITORY,
        [(key, state.pruned.timestamp()) for key, state in states if state.pruned is not None],
    )
    yield gauge(
        "stashgen_repository_upkeep_overdue",
        "1 if a repository should have been checked or pruned more than a day ago, else 0.",
        _REPOSITORY,
        [(key, float(state.is_overdue)) for key, state in states],
    )


def of_sizes(
    reader: Reader, repositories: Sequence[Repository], storages: Sequence[BackupStorage]
) -> Iterator[Gauge]:
    """How many Snapshots there are, and how much Repositories and storages hold."""
    counts = Counter(
        (item.namespace, item.repository, item.phase.value)
        for item in reader.values(SNAPSHOTS_BY_REPOSITORY)
    )
    yield gauge(
        "stashgen_snapshots",
        "Existing Snapshots of a repository by phase.",
        (*_REPOSITORY, "phase"),
        counts.items(),
    )
    yield gauge(
        "stashgen_repository_size_bytes",
        "Size of a repository in its storage.",
        _REPOSITORY,
        _sizes((item.key, item.status.size if item.status else None) for item in repositories),
    )
    yield gauge(
        "stashgen_storage_size_bytes",
        "Total size of the repositories in a BackupStorage.",
        ("object_namespace", "storage"),
        _sizes((item.key, item.status.total_size if item.status else None) for item in storages),
    )


def _sizes(
    texts: Iterable[tuple[tuple[str, ...], str | None]],
) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, text in texts:
        if text:
            try:
                yield key, parse_size(text)
            except ValueError:
                continue  # written by another operator, in a way that we do not know
