"""Objects in memory, read as the caches are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    PERSISTENT_VOLUME_CLAIMS,
    REPOSITORIES,
    SNAPSHOTS,
    Resource,
)
from stashgen_controller.runtime.scanned import ScannedReader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Objects(ScannedReader):
    """A reader of what was added to it."""

    def __init__(self) -> None:
        self._objects: dict[Resource, dict[tuple[str, str], JsonObject]] = {}

    def add(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "demo",
        age: timedelta = timedelta(),
        annotations: Mapping[str, str] | None = None,
        **fields: object,
    ) -> JsonObject:
        """Add an object that is ``age`` old; ``fields`` are its spec, status and so on."""
        obj = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"{resource.plural}-{name}",
                "creationTimestamp": format_time(NOW - age),
                "annotations": dict(annotations or {}),
            },
        } | fields
        found = cast("JsonObject", obj)
        self._objects.setdefault(resource, {})[namespace, name] = found
        return found

    def listed(self, resource: Resource) -> list[JsonObject]:
        """The objects of a kind."""
        return list(self._objects.get(resource, {}).values())

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        return self._objects.get(resource, {}).get((namespace or "", name))


@dataclass
class ThisProcess:
    """A process that did nothing yet."""

    requests_by_verb: Mapping[str, int] = field(default_factory=dict)
    queue_depth: int = 0
    is_leading: bool = False
    admission_problems: Sequence[str] = ()


def claim(objects: Objects, name: str, **annotations: str) -> None:
    """A volume."""
    objects.add(PERSISTENT_VOLUME_CLAIMS, name, annotations=annotations)


def configuration(
    objects: Objects,
    name: str = "library",
    *,
    schedule: str = "0 */4 * * *",
    timeout: str | None = "1h",
    age: timedelta = timedelta(days=30),
    annotations: Mapping[str, str] | None = None,
) -> None:
    """A BackupConfiguration of a volume of its own name, with one session and one repository."""
    session: dict[str, object] = {
        "name": "backup",
        "scheduler": {"schedule": schedule, "jobTemplate": {}},
        "repositories": [{"name": "local-abcde"}],
    }
    if timeout is not None:
        session["backupTimeout"] = timeout
    target = {"kind": "PersistentVolumeClaim", "name": name, "namespace": "demo"}
    spec = {"target": target, "sessions": [session]}
    objects.add(BACKUP_CONFIGURATIONS, name, age=age, spec=spec, annotations=annotations)


def backup_session(
    objects: Objects, name: str, phase: str | None, *, age: timedelta, **status: object
) -> JsonObject:
    """A BackupSession of ``library``."""
    invoker = {"kind": "BackupConfiguration", "name": "library"}
    state = ({"phase": phase} if phase else {}) | status
    return objects.add(
        BACKUP_SESSIONS,
        name,
        age=age,
        spec={"invoker": invoker, "session": "backup"},
        status=state,
    )


def snapshot(
    objects: Objects,
    name: str,
    phase: str,
    *,
    age: timedelta,
    unreadable: int = 0,
    repository: str = "local-abcde",
) -> None:
    """A Snapshot of the session ``backup`` in a Repository."""
    taken = format_time(NOW - age)
    component = {"unreadable": {"count": unreadable}} if unreadable else {}
    objects.add(
        SNAPSHOTS,
        name,
        age=age,
        spec={"repository": repository, "session": "backup"},
        status={"phase": phase, "snapshotTime": taken, "components": {"dump": component}},
    )


def repository(objects: Objects, **status: object) -> None:
    """The Repository ``local-abcde``."""
    objects.add(REPOSITORIES, "local-abcde", spec={}, status=status)
