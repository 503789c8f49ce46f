"""When the objects that the controller serves reached the states that are measured."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Lock, Thread

from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    REPOSITORIES,
    Resource,
)
from tests.bench.controller_load.raw_api import Json, RawApi, RefusedError

Key = tuple[str, str]


def is_ready(obj: Json) -> bool:
    """A configuration or a repository that can be used."""
    return bool(_status(obj).get("phase") == "Ready")


def is_finished(obj: Json) -> bool:
    """A session that is over, with the last word of the controller."""
    conditions = _status(obj).get("conditions") or []
    return any(item["type"] == "MetricsPushed" and item["status"] == "True" for item in conditions)


def is_retained(obj: Json) -> bool:
    """A session whose retention is over as well."""
    applied = _status(obj).get("retentionPolicy") or []
    return is_finished(obj) and bool(applied) and all(i["phase"] == "Applied" for i in applied)


def _status(obj: Json) -> Json:
    status: Json = obj.get("status") or {}
    return status


_STATES: Mapping[Resource, Mapping[str, Callable[[Json], bool]]] = {
    BACKUP_CONFIGURATIONS: {"configurations_ready": is_ready},
    REPOSITORIES: {"repositories_ready": is_ready},
    BACKUP_SESSIONS: {"sessions_finished": is_finished, "retention_applied": is_retained},
}
_BAD_PHASES = frozenset({"Failed", "Skipped", "Invalid"})


@dataclass
class Progress:
    """What the watches have shown so far; times are Unix seconds.

    Attributes:
        reached: By state, when each object was first seen in it.
        writes_after: By session, the writes of its status after it was finished.
        bad: Objects that failed: then nothing that is measured means anything.
    """

    api: RawApi
    reached: dict[str, dict[Key, float]] = field(default_factory=dict)
    writes_after: Counter[Key] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    changed: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    _stopping: Event = field(default_factory=Event)
    _problem: Exception | None = None

    def start(self) -> None:
        """Begin to watch; what is there already counts as reached now."""
        for resource, states in _STATES.items():
            for state in states:
                self.reached[state] = {}
            items, version = self.api.items(resource.path())
            for obj in items:
                self._see(resource, obj)
            Thread(target=self._watch, args=[resource, version], daemon=True).start()

    def stop(self) -> None:
        """See nothing any more."""
        self._stopping.set()

    def count(self, state: str, since: float = 0.0) -> int:
        """How many objects reached a state since a time."""
        return len(self.times(state, since))

    def times(self, state: str, since: float = 0.0) -> dict[Key, float]:
        """When they did, by namespace and name."""
        with self._lock:
            return {key: at for key, at in self.reached[state].items() if at >= since}

    def last(self, state: str, since: float = 0.0) -> float:
        """When the last of them did."""
        return max(self.times(state, since).values())

    def wait(
        self, state: str, count: int, since: float, seconds: float, check: Callable[[], None]
    ) -> None:
        """Until so many objects reached a state; ``check`` raises if they cannot any more.

        Raises:
            TimeoutError: they did not in time.
            RuntimeError: an object failed.
        """
        deadline = time.time() + seconds
        while (found := self.count(state, since)) < count:
            check()
            if self.bad:
                msg = f"{len(self.bad)} failed, the first: {self.bad[0]}"
                raise RuntimeError(msg)
            if self._problem is not None:
                raise self._problem
            if time.time() > deadline:
                msg = f"{state}: only {found} of {count} after {seconds:.0f} seconds"
                raise TimeoutError(msg)
            time.sleep(0.05)

    def _watch(self, resource: Resource, version: str) -> None:
        try:
            for kind, obj in self.api.watch(resource.path(), version):
                if kind != "DELETED":
                    self._see(resource, obj)
        except (OSError, HTTPException, RefusedError) as error:
            if not self._stopping.is_set():
                self._problem = error

    def _see(self, resource: Resource, obj: Json) -> None:
        metadata = obj["metadata"]
        key = (metadata["namespace"], metadata["name"])
        with self._lock:
            now = self.changed = time.time()
            if resource == BACKUP_SESSIONS and key in self.reached["sessions_finished"]:
                self.writes_after[key] += 1
            for state, is_in in _STATES[resource].items():
                if key not in self.reached[state] and is_in(obj):
                    self.reached[state][key] = now
            if _status(obj).get("phase") in _BAD_PHASES:
                self.bad.append(f"{resource.kind} {'/'.join(key)}: {_status(obj)}")
