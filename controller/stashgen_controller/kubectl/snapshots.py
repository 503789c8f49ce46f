"""Restore points: what ``kubectl stashgen snapshots`` shows and ``restore`` chooses from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stashgen.api.base import JsonObject, format_time
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash.retention import SnapshotFact, decide
from stashgen_controller.kubectl.lookup import Subject, subjects
from stashgen_controller.kubectl.text import NOTHING, age, moment, table
from stashgen_controller.runtime.kind import Reader

_SHORT_ID = 8


class Fate(StrEnum):
    """What the next retention run does with a restore point."""

    KEPT = "kept"
    REMOVED = "removed next"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Point:
    """One Snapshot.

    Attributes:
        size: The amount of data read from the volume.
        restic_id: The id of its first component; empty if there is none yet.
        unreadable: What it lacks because it could not be read.
        is_restorable: Whether it can be restored by its name.
    """

    namespace: str
    name: str
    time: datetime
    phase: Phase
    repository: str
    session: str
    size: str
    restic_id: str
    fate: Fate
    unreadable: AffectedFiles | None = None
    is_restorable: bool = False


def points(reader: Reader, chosen: Iterable[Subject] | None, now: datetime) -> list[Point]:
    """All restore points of some subjects, or of every Repository; newest first."""
    everything = subjects(reader)
    policies = _policies(reader, everything)
    keys = None
    if chosen is not None:
        keys = {item.key for subject in chosen for item in subject.repositories}
    found: list[Point] = []
    snapshots = reader.items(Snapshot)
    for repository in reader.items(Repository):
        if keys is None or repository.key in keys:
            mine = [item for item in snapshots if _place(item) == repository.key]
            found += _of_repository(mine, policies.get(repository.key), now)
    if keys is None:
        known = {item.key for item in reader.items(Repository)}
        found += _of_repository([s for s in snapshots if _place(s) not in known], None, now)
    return sorted(found, key=lambda item: (item.time, item.name), reverse=True)


def _place(snapshot: Snapshot) -> tuple[str, str]:
    return (snapshot.metadata.namespace or "", snapshot.spec.repository or "")


def _policies(
    reader: Reader, everything: Iterable[Subject]
) -> dict[tuple[str, str], RetentionPolicy]:
    """The retention policy of each Repository; none if two sessions have different ones."""
    by_key = {item.key: item for item in reader.items(RetentionPolicy)}
    wanted: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for subject in everything:
        configuration = subject.configuration
        for session in configuration.spec.sessions if configuration is not None else ():
            for item in session.repositories or ():
                backend = configuration.backend(item.backend) if configuration else None
                ref = backend.retention_policy if backend is not None else None
                if ref is not None:
                    place = (subject.namespace, item.name or "")
                    key = (ref.namespace or subject.namespace, ref.name)
                    wanted.setdefault(place, set()).add(key)
    return {
        place: by_key[next(iter(keys))]
        for place, keys in wanted.items()
        if len(keys) == 1 and keys <= by_key.keys()
    }


def _of_repository(
    snapshots: list[Snapshot], policy: RetentionPolicy | None, now: datetime
) -> Iterator[Point]:
    kept: set[str] | None = None
    if policy is not None:
        facts = [
            SnapshotFact(
                item.metadata.name,
                item.time,
                item.phase,
                item.spec.session or "",
                is_whole=item.unreadable is None,
            )
            for item in snapshots
        ]
        try:
            kept = set(decide(facts, policy.spec, now).keep)
        except ValueError:
            kept = None  # the policy's own status reports the error
    for item in snapshots:
        fate = Fate.UNKNOWN
        if kept is not None:
            fate = Fate.KEPT if item.metadata.name in kept else Fate.REMOVED
        size, restic_id = _of_restic(item)
        yield Point(
            item.metadata.namespace or "",
            item.metadata.name,
            item.time,
            item.phase,
            item.spec.repository or "",
            item.spec.session or "",
            size,
            restic_id,
            fate,
            item.unreadable,
            item.is_restorable,
        )


def _of_restic(snapshot: Snapshot) -> tuple[str, str]:
    components = (snapshot.status.components if snapshot.status is not None else None) or {}
    for component in components.values():
        for stats in component.restic_stats or ():
            if stats.summary is not None:
                return stats.summary.size or component.size or "", stats.summary.id or ""
        if component.size:
            return component.size, ""
    return "", ""


def points_text(
    found: list[Point], now: datetime, width: int | None, *, with_namespace: bool
) -> str:
    """A table, newest first."""
    headings = ["NAME", "TIME", "AGE", "PHASE", "SIZE", "REPOSITORY", "SESSION", "RESTIC ID"]
    headings.append("RETENTION")
    rows = [
        [
            item.name,
            moment(item.time),
            age(item.time, now),
            _phase(item),
            item.size,
            item.repository,
            item.session,
            item.restic_id[:_SHORT_ID] or NOTHING,
            item.fate.value,
        ]
        for item in found
    ]
    if with_namespace:
        headings = ["NAMESPACE", *headings]
        rows = [[item.namespace, *row] for item, row in zip(found, rows, strict=True)]
    return table(headings, rows, width)


def _phase(point: Point) -> str:
    if point.unreadable is None:
        return point.phase.value
    return f"{point.phase.value}, lacks {point.unreadable.count}"


def points_json(found: list[Point]) -> JsonObject:
    """The restore points as JSON, with full ids."""
    return {
        "snapshots": [
            {
                "namespace": item.namespace,
                "name": item.name,
                "time": format_time(item.time),
                "phase": item.phase.value,
                "unreadable": item.unreadable.to_wire() if item.unreadable is not None else None,
                "isRestorable": item.is_restorable,
                "size": item.size,
                "repository": item.repository,
                "session": item.session,
                "resticID": item.restic_id,
                "retention": item.fate.value,
            }
            for item in found
        ]
    }
