"""The running controller: caches, the work queue and the threads that reconcile.

It is given its kinds, watches and indexes, and imports none.
"""

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Any, assert_never

from stashgen.api.base import JsonObject, mapping_of, metadata_of, name_of, namespace_of
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.pod import Pod
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import ApiError, Client, ConflictError, NotFoundError
from stashgen_controller.kube.clock import Clock
from stashgen_controller.kube.events import latest_warning
from stashgen_controller.runtime.apply import NameCollisionError, apply
from stashgen_controller.runtime.cache import Cache
from stashgen_controller.runtime.decision import (
    Decision,
    EventsQuestion,
    Key,
    PodsQuestion,
    Question,
)
from stashgen_controller.runtime.indexer import DELETED, MODIFIED, Change
from stashgen_controller.runtime.kind import (
    CoveringIndex,
    Index,
    Kind,
    Place,
    Reader,
    Watch,
    is_namespace_terminating,
)
from stashgen_controller.runtime.malformed import (
    ODD_SHAPE,
    MalformedError,
    holds,
    is_marked,
    marked_status,
    unmarked,
)
from stashgen_controller.runtime.workqueue import WorkQueue

log = logging.getLogger(__name__)

# Told of every change that a cache sees, after the cache has it: kind, ADDED and so on, object.
Observer = Callable[[Reader, Resource, str, JsonObject], None]

# Enough that waiting for the API server costs nothing; Python runs one of them at a time.
WORKERS = 8
_CONFLICT_DELAY = timedelta(milliseconds=200)
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=1)


def reconcile(
    client: Client,
    reader: Reader,
    kind: Kind[Any, Any],
    key: Key,
    now: datetime,
    wrote: Callable[[Resource, JsonObject], None] = lambda _resource, _obj: None,
    *,
    is_retry: bool = False,
) -> timedelta | None:
    """Look at one object and do what is to be done; says when to look again at the latest.

    An object that is gone or is being deleted needs nothing: we have no finalizers. The same goes
    for one whose namespace is being deleted. That it cannot be read, or what it refers to, is said
    in its status before that is raised.

    After a failure it is read from the API server first: a write whose answer was lost may have
    been done, and a decision without it could contradict what was decided before.

    Args:
        client: Writes what was decided.
        reader: What is known.
        kind: Of the object.
        key: Which object.
        now: The time.
        wrote: Given the answer to each write, so that the caches have it at once.
        is_retry: The last look at it failed, and may have written something.

    Raises:
        ConflictError: the object changed since it was read; look again.
        NameCollisionError: an object of a name that we need belongs to somebody else.
        ApiError: any other refusal.
        MalformedError: it, or what it refers to, has a shape that our models refuse.
        Exception: something in it cannot be processed.
    """
    if is_retry:
        try:
            wrote(key.resource, client.get(key.resource, key.namespace, key.name))
        except NotFoundError:
            return None
    # In this order: if the object changes in between, the status is refused as a conflict and is
    # decided again. The other way round it would be written over what was not looked at.
    stored = reader.stored(key.resource, key.namespace, key.name)
    if stored is None or metadata_of(stored).get("deletionTimestamp"):
        return None
    if is_namespace_terminating(reader, key.namespace):
        return None
    try:
        decision = _decide(client, reader, kind, key, stored, now)
    except ODD_SHAPE as error:
        phases = kind.malformed_phase, kind.waiting_phase
        decision = Decision(status=marked_status(key.resource, stored, error, now, phases))
        apply(client, reader, stored, decision, kind.resource, wrote)
        raise
    apply(client, reader, stored, decision, kind.resource, wrote)
    return decision.requeue_after


def _decide(
    client: Client,
    reader: Reader,
    kind: Kind[Any, Any],
    key: Key,
    stored: JsonObject,
    now: datetime,
) -> Decision:
    obj = reader.get(kind.model, key.namespace, key.name)
    if obj is None:
        return Decision()
    if not is_marked(stored):
        decision = kind.reconcile(reader, obj, now)
    else:
        # It could not be read, or what it refers to: that is over, unless this look raises again.
        before = unmarked(stored)
        decision = kind.reconcile(reader, kind.model.from_wire(before), now)
        if decision.status is None:
            decision = replace(decision, status=mapping_of(before, "status"))
    while (asked := decision.question) is not None:
        decision = _answered(client, reader, asked)
    return decision


def _answered(client: Client, reader: Reader, asked: Question) -> Decision:
    match asked:
        case PodsQuestion(namespace=namespace, job=job):
            return asked.answered(reader.live_items(Pod, namespace, (JOB_NAME_LABEL, job)))
        case EventsQuestion(kind=kind, namespace=namespace, name=name):
            return asked.answered(latest_warning(client, kind, namespace, name))
        case _:
            assert_never(asked)


def keys_of(
    kinds: Iterable[Kind[Any, Any]],
    reader: Reader,
    resource: Resource,
    change: Change,
    failing: Container[Key] = (),
) -> Iterable[Key]:
    """The objects that a change concerns: itself where it is reconciled, and what watches it.

    Of those that failed the last time (``failing``) their own status is no reason to look again at
    once: a claim and its release, when a Job is refused, would follow each other without a pause.
    """
    for kind in kinds:
        is_own = kind.resource == resource and change.type != DELETED
        if is_own and (is_marked(change.obj) or not holds(kind.is_finished, change.obj)):
            key = Key(resource, namespace_of(change.obj), name_of(change.obj))
            if key not in failing or not _is_status_only(change):
                yield key
        for watch in kind.watches:
            if watch.model.resource == resource:
                for namespace, name in _watching(watch, reader, change):
                    yield Key(kind.resource, namespace, name)


def _is_status_only(change: Change) -> bool:
    return change.type == MODIFIED and _without_status(change.obj) == _without_status(
        change.before()
    )


def _without_status(obj: JsonObject) -> object:
    metadata = metadata_of(obj)
    kept = ("uid", "generation", "labels", "annotations", "deletionTimestamp")
    return obj.get("spec"), [metadata.get(key) for key in kept]


def _watching(watch: Watch, reader: Reader, change: Change) -> Sequence[Place]:
    """Which objects a watch wants looked at; an odd object must not end the thread showing it."""
    try:
        return tuple(watch.keys(reader, change.obj)) if _concerns(watch, change) else ()
    except ODD_SHAPE:
        fields = {"kind": watch.model.resource.kind, "object": name_of(change.obj)}
        log.exception("a watch cannot read this object", extra=fields)
        return ()


def _concerns(watch: Watch, change: Change) -> bool:
    try:
        return change.concerns(watch.relevant)
    except ODD_SHAPE:
        return True


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
