"""The objects, their versions and who watches them; what etcd and the watch cache do."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Condition, RLock
from typing import cast

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.errors import gone

# Group and plural.
ResourceKey = tuple[str, str]
HISTORY = 5000


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ADDED, MODIFIED or DELETED, with the object after it (before, if deleted)."""

    version: int
    type: str
    resource: ResourceKey
    object: JsonObject
    previous: JsonObject | None


class Store:
    """Objects by resource, namespace and name; every write gets the next version.

    Stored objects are never changed in place: readers may keep them.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        # A condition a resource: a write wakes those who watch its kind, not all of them.
        self._changed: defaultdict[ResourceKey, Condition] = defaultdict(
            lambda: Condition(self.lock)
        )
        self._last_change: dict[ResourceKey, int] = {}
        self._objects: dict[ResourceKey, dict[tuple[str, str], JsonObject]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._begun: dict[ResourceKey, int] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """The version of the last write."""
        with self.lock:
            return self._version

    def next_version(self) -> str:
        """The version that the next write will have; call it with the lock held."""
        return str(self._version + 1)

    def get(self, resource: ResourceKey, namespace: str, name: str) -> JsonObject | None:
        """One object, or None."""
        with self.lock:
            return self._objects.get(resource, {}).get((namespace, name))

    def items(self, resource: ResourceKey, namespace: str | None = None) -> list[JsonObject]:
        """The objects of a resource, sorted by namespace and name."""
        with self.lock:
            known = self._objects.get(resource, {})
            return [known[key] for key in sorted(known) if namespace is None or key[0] == namespace]

    def items_at(
        self, resource: ResourceKey, version: int, namespace: str | None = None
    ) -> list[JsonObject]:
        """The objects of a resource as they were at a version, sorted by namespace and name.

        Raises:
            StatusError: 410 when the version is older than the history.
        """
        with self.lock:
            self._require(resource, version)
            known = dict(self._objects.get(resource, {}))
            for change in reversed(self._history):
                if change.version <= version:
                    break
                if change.resource == resource:
                    metadata = cast("Mapping[str, str]", change.object["metadata"])
                    key = (metadata.get("namespace", ""), metadata["name"])
                    if change.previous is None:
                        known.pop(key, None)
                    else:
                        known[key] = change.previous
            return [known[key] for key in sorted(known) if namespace is None or key[0] == namespace]

    def begin(self, resource: ResourceKey) -> None:
        """Let the history of a resource begin now: nobody can watch from before."""
        with self.lock:
            self._begun[resource] = self._version

    def _require(self, resource: ResourceKey, since: int) -> None:
        # 0 is from nowhere: whatever is known is right.
        begun = self._begun.get(resource, 0) if since else 0
        oldest = max(begun, self._oldest())
        if since < oldest:
            raise gone(str(since), oldest)

    def _oldest(self) -> int:
        return self._history[0].version - 1 if self._history else 0

    def resources_in(self, namespace: str) -> list[tuple[ResourceKey, JsonObject]]:
        """Everything in a namespace."""
        with self.lock:
            return [
                (resource, obj)
                for resource, objects in self._objects.items()
                for key, obj in objects.items()
                if key[0] == namespace
            ]

    def put(self, resource: ResourceKey, namespace: str, name: str, obj: JsonObject) -> None:
        """Store an object that carries ``next_version``; call it with the lock held."""
        objects = self._objects.setdefault(resource, {})
        previous = objects.get((namespace, name))
        objects[namespace, name] = obj
        self._record("ADDED" if previous is None else "MODIFIED", resource, obj, previous)

    def amend(self, resource: ResourceKey, namespace: str, name: str, obj: JsonObject) -> None:
        """Exchange an object that was put just now; call it with the lock held since then."""
        self._objects[resource][namespace, name] = obj
        last = self._history.pop()
        self._history.append(replace(last, object=obj))

    def remove(self, resource: ResourceKey, namespace: str, name: str, last: JsonObject) -> None:
        """Remove an object; ``last`` is what watchers are shown. Call it with the lock held."""
        previous = self._objects[resource].pop((namespace, name))
        self._record("DELETED", resource, last, previous)

    def changes(self, resource: ResourceKey, since: int, timeout: float) -> Iterator[Change] | None:
        """The changes of a resource after a version; waits for one; None when none came.

        Raises:
            StatusError: 410 when the version is older than the history.
        """
        with self.lock:
            if self._last_change.get(resource, 0) <= since:
                self._changed[resource].wait(timeout)
            self._require(resource, since)
            # The newest changes are at the end: do not walk the whole history for each event.
            found: list[Change] = []
            for change in reversed(self._history):
                if change.version <= since:
                    break
                if change.resource == resource:
                    found.append(change)
        return iter(reversed(found)) if found else None

    def wake_watchers(self) -> None:
        """Let who waits for a change look whether it is still wanted."""
        with self.lock:
            for changed in self._changed.values():
                changed.notify_all()

    def _record(
        self, type_: str, resource: ResourceKey, obj: JsonObject, previous: JsonObject | None
    ) -> None:
        self._version += 1
        self._history.append(Change(self._version, type_, resource, obj, previous))
        self._last_change[resource] = self._version
        self._changed[resource].notify_all()
