"""The running controller: caches, the work queue and the threads that reconcile.

It is given its kinds, watches and indexes, and imports none.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Lock, Thread
from typing import Any

from stashgen.api.base import JsonObject
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import ApiError, Client, ConflictError
from stashgen_controller.kube.clock import Clock
from stashgen_controller.runtime.apply import NameCollisionError
from stashgen_controller.runtime.cache import Cache
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.decision import (
    Key,
)
from stashgen_controller.runtime.handler import keys_of
from stashgen_controller.runtime.kind import (
    CoveringIndex,
    Index,
    Kind,
    Reader,
)
from stashgen_controller.runtime.malformed import (
    MalformedError,
)
from stashgen_controller.runtime.reconcile import reconcile
from stashgen_controller.runtime.workqueue import WorkQueue

log = logging.getLogger(__name__)

# Told of every change that a cache sees, after the cache has it: kind, ADDED and so on, object.
Observer = Callable[[Reader, Resource, str, JsonObject], None]

# Enough that waiting for the API server costs nothing; Python runs one of them at a time.
WORKERS = 8
_CONFLICT_DELAY = timedelta(milliseconds=200)
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=1)


class Manager:
    """Watches what its kinds watch and reconciles their objects.

    Args:
        client: To the API server.
        clock: The time.
        kinds: What is reconciled.
        models: What is watched.
        indexes: By which objects are found.
        observer: Told of every change.
        workers: How many objects are looked at beside each other, never two of one volume.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        kinds: Sequence[Kind[Any, Any]],
        models: Sequence[type[ApiKind]],
        indexes: Sequence[Index[Any] | CoveringIndex[Any, Any]],
        observer: Observer | None = None,
        workers: int = WORKERS,
    ) -> None:
        self._client = client
        self._clock = clock
        self._kinds: Mapping[Resource, Kind[Any, Any]] = {kind.resource: kind for kind in kinds}
        self._concerned = {
            model.resource: [
                _only_of(kind, model.resource) for kind in kinds if _hears_of(kind, model.resource)
            ]
            for model in models
        }
        self._observer = observer
        self._queue = WorkQueue(clock, self._lanes)
        self._failures: dict[Key, int] = {}
        self._failing: set[Key] = set()
        # Of those, whose last look wrote nothing but that: there is nothing to be read again.
        self._malformed: set[Key] = set()
        self._failures_lock = Lock()
        self.cache = Cache(client, models, indexes, self._changed)
        self._workers = [
            Thread(target=self._work, name=f"reconcile-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Fill the caches, then begin to reconcile; returns at once."""
        self.watch()
        self.work()

    def watch(self) -> None:
        """Fill the caches and keep them; what is to be looked at waits. Returns at once."""
        self.cache.start()

    def take_over(self) -> None:
        """Begin to reconcile after another controller did; returns at once.

        Everything is listed again first: the caches may be behind what that one wrote.
        """
        self.cache.restart()
        self.work()

    def work(self) -> None:
        """Begin to reconcile, once the caches are filled; returns at once."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Stop watching and let the objects at hand be finished."""
        self._queue.stop()
        self.cache.stop()
        for worker in self._workers:
            if worker.ident is not None:
                worker.join(timeout=10)

    @property
    def synced(self) -> bool:
        """Whether every cache has been filled once."""
        return not self.cache.unsynced

    @property
    def unsynced(self) -> list[str]:
        """The kinds whose cache has not been filled yet, sorted."""
        return self.cache.unsynced

    @property
    def is_working(self) -> bool:
        """Whether all of the threads that reconcile run."""
        return all(worker.is_alive() for worker in self._workers)

    @property
    def broken_watches(self) -> list[str]:
        """The kinds that are not watched any more, by an error of ours, sorted."""
        return self.cache.failed

    @property
    def depth(self) -> int:
        """How many objects wait to be looked at now."""
        return self._queue.depth

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be looked at now."""
        return self._queue.idle

    def _changed(self, resource: Resource, change: Change) -> None:
        if self._observer is not None:
            self._observer(self.cache, resource, change.type, change.obj)
        kinds = self._concerned[resource]
        for key in keys_of(kinds, self.cache, resource, change, self._failing):
            self._queue.add(key, is_urgent=self._is_urgent(key))

    def _is_urgent(self, key: Key) -> bool:
        urgent = self._kinds[key.resource].urgent
        return urgent is not None and bool(self.cache.places(urgent, key.namespace, key.name))

    def _lanes(self, key: Key) -> Iterable[object]:
        """What no two looks may share: the object, its volume and its repositories."""
        kind = self._kinds[key.resource]
        try:
            obj = self.cache.get(kind.model, key.namespace, key.name)
            return (key, *(kind.uses(self.cache, obj) if obj is not None else ()))
        except MalformedError:
            # It, or what it refers to, has an odd shape: its own look says so.
            return (key,)

    def _work(self) -> None:
        while True:
            self.cache.wait()
            with self._queue.take() as key:
                if key is None:
                    return
                self._reconcile(key)

    def _reconcile(self, key: Key) -> None:
        with self._failures_lock:
            is_retry = key in self._failures and key not in self._malformed
            self._malformed.discard(key)
        try:
            again = reconcile(
                self._client,
                self.cache,
                self._kinds[key.resource],
                key,
                self._clock.now(),
                self.cache.wrote,
                is_retry=is_retry,
            )
        except ConflictError:
            # The caches are behind: for a moment as a rule, for longer without a watch.
            self._queue.add_after(key, self._delay(key, _CONFLICT_DELAY))
        except (ApiError, NameCollisionError) as error:
            self._fail(key, error)
        except MalformedError as error:
            self._fail(key, error)
            with self._failures_lock:
                self._malformed.add(key)
        except Exception as error:  # one broken object must not stop the others
            log.exception("reconcile failed", extra=_fields(key))
            self._fail(key, error)
        else:
            with self._failures_lock:
                self._failures.pop(key, None)
                self._failing.discard(key)
            if again is not None:
                self._queue.add_after(key, again)

    def _fail(self, key: Key, error: Exception) -> None:
        log.warning("will try again", extra=_fields(key) | {"error": str(error)})
        with self._failures_lock:
            self._failing.add(key)
        self._queue.add_after(key, self._delay(key, _FIRST_DELAY))

    def _delay(self, key: Key, first: timedelta) -> timedelta:
        """How long to wait after one more failure in a row."""
        with self._failures_lock:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
        return min(first * (1 << min(failures, 10)), _LONGEST_DELAY)


def _hears_of(kind: Kind[Any, Any], resource: Resource) -> bool:
    return kind.resource == resource or any(
        watch.model.resource == resource for watch in kind.watches
    )


def _only_of(kind: Kind[Any, Any], resource: Resource) -> Kind[Any, Any]:
    """The kind with the watches of one resource only: each change is held against all it has."""
    watches = tuple(watch for watch in kind.watches if watch.model.resource == resource)
    return replace(kind, watches=watches)


def _fields(key: Key) -> dict[str, str]:
    return {"kind": key.resource.kind, "namespace": key.namespace, "object": key.name}
