"""The sizes of volumes, and of what is stored of them, from what is known of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stashgen.inventory.repository_sizes import RepositorySize
from stashgen.model.resolved import Protection
from stashgen.report.over_time import Row
from stashgen.resolve.achieved import copy_runs
from stashgen.timeline.growth import StoredCopy
from stashgen.timeline.history import Timeline

Sizes = Mapping[tuple[str, str, str], RepositorySize]


@dataclass(frozen=True, slots=True)
class Stored:
    """The copies of known size, and where it is from.

    Attributes:
        recorded: Volumes whose size a Repository in the inventory says.
        assumed: Those that have the given size.
        requested: Those that are taken to be as large as their claims request.
        unknown: Those of which nothing is known, and which are not counted.
    """

    copies: tuple[StoredCopy, ...]
    recorded: int
    assumed: int
    requested: int
    unknown: int


def stored(rows: Iterable[Row], sizes: Sizes, assumed: int | None) -> Stored:
    """The copies of volumes.

    Args:
        rows: Volumes with their timelines.
        sizes: What Repositories say.
        assumed: The size of the other volumes in bytes; None for what their claims request.
    """
    copies: list[StoredCopy] = []
    counts = {"recorded": 0, "assumed": 0, "requested": 0, "unknown": 0}
    for row in rows:
        if not row.timeline.copies:
            continue
        recorded = _recorded(row.protection, sizes)
        size = max(recorded, default=None)
        source = "recorded"
        if size is None:
            size, source = assumed, "assumed"
        if size is None:
            size, source = row.protection.volume.size_bytes, "requested"
        counts[source if size is not None else "unknown"] += 1
        if size is not None:
            copies += _copies(row, sizes, size)
    return Stored(tuple(copies), **counts)


def _recorded(protection: Protection, sizes: Sizes) -> list[int]:
    key = protection.volume.key
    found = []
    for run in copy_runs(protection):
        recorded = sizes.get((key.cluster_id, key.namespace, run.copy.repository))
        if recorded is not None and run.session.name in recorded.newest_bytes:
            found.append(recorded.newest_bytes[run.session.name])
    return found


def _copies(row: Row, sizes: Sizes, size: int) -> Iterator[StoredCopy]:
    """Each copy; those of a Repository together begin with what it says that is stored."""
    key = row.protection.volume.key
    by_repository: dict[str, list[tuple[str, Timeline]]] = {}
    runs = copy_runs(row.protection)
    for run, (copy, timeline) in zip(runs, row.timeline.copies, strict=True):
        of_repository = by_repository.setdefault(run.copy.repository, [])
        of_repository.append((copy.storage, timeline))
    for repository, found in by_repository.items():
        recorded = sizes.get((key.cluster_id, key.namespace, repository))
        computed = sum(size * timeline.days[0].stored for _, timeline in found)
        known = recorded.stored_bytes if recorded is not None else None
        factor = known / computed if known is not None and computed else 1.0
        for storage, timeline in found:
            yield StoredCopy(storage, timeline, size * factor)
