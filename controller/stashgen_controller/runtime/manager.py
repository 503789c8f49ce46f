"""The running controller: caches, the work queue and one worker thread."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Thread
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.kinds import KINDS
from stashgen_controller.kinds.permissions import WATCHED
from stashgen_controller.kinds.watches import dependants
from stashgen_controller.kube.client import ApiError, Client, ConflictError
from stashgen_controller.kube.clock import Clock
from stashgen_controller.kube.events import latest_warning
from stashgen_controller.kube.informer import Informer
from stashgen_controller.runtime.apply import NameCollisionError, apply
from stashgen_controller.runtime.decision import Action, Create, Key
from stashgen_controller.runtime.kind import Reader, is_deleting, is_namespace_terminating
from stashgen_controller.runtime.workqueue import WorkQueue
from stashgen_controller.strict.compiled_only import refuse_plain

log = logging.getLogger(__name__)

# Told of every change that a cache sees, after the cache has it: kind, ADDED and so on, object.
Observer = Callable[[Reader, Resource, str, JsonObject], None]

_CATCH_UP_SECONDS = 0.5
_STEP_SECONDS = 0.005
_CONFLICT_DELAY = timedelta(milliseconds=200)
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=1)


def reconcile(
    client: Client, reader: Reader, key: Key, now: datetime, *, is_strict: bool = False
) -> timedelta | None:
    """Look at one object and do what is to be done; says when to look again at the latest.

    An object that is gone or on its way out needs nothing: we have no finalizers. The same goes
    for one whose namespace is on its way out. In strict mode only what was compiled is served.

    Raises:
        ConflictError: the object changed since it was read; look again.
        NameCollisionError: an object of a name that we need belongs to somebody else.
        ApiError: any other refusal.
    """
    obj = reader.get(key.resource, key.namespace, key.name)
    if obj is None or is_deleting(obj) or is_namespace_terminating(reader, key.namespace):
        return None
    decision = refuse_plain(key.resource, obj, now) if is_strict else None
    if decision is None:
        decision = KINDS[key.resource].look(reader, obj, now)
    while (asked := decision.question) is not None:
        decision = asked.answered(latest_warning(client, asked.kind, asked.namespace, asked.name))
    is_written = apply(client, reader, key.resource, obj, decision)
    _wait_until_seen(reader, key, obj if is_written else None, decision.actions)
    return decision.requeue_after


def _wait_until_seen(
    reader: Reader, key: Key, before: JsonObject | None, actions: Sequence[Action]
) -> None:
    """Let the caches catch up with what was just written, or the next look does it once more.

    That would do no harm, but cost requests: a create that is refused and a look at what is there,
    or a status that is refused because it builds on an old one.

    Args:
        reader: The caches.
        key: The object at hand.
        before: The object as it was before its status was written; None where it was not.
        actions: What was carried out.
    """
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    if before is not None:
        version = _version(before)
        while (
            _version(reader.get(key.resource, key.namespace, key.name)) == version
            and time.monotonic() < deadline
        ):
            time.sleep(_STEP_SECONDS)
    for action in actions:
        if isinstance(action, Create):
            metadata = cast("dict[str, str]", action.manifest["metadata"])
            name = (metadata.get("namespace"), metadata["name"])
            while reader.get(action.resource, *name) is None and time.monotonic() < deadline:
                time.sleep(_STEP_SECONDS)


def _version(obj: JsonObject | None) -> object:
    return cast("JsonObject", (obj or {}).get("metadata") or {}).get("resourceVersion")


class Manager:
    """Watches the kinds on the way and reconciles one object after the other."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        observer: Observer | None = None,
        *,
        is_strict: bool = False,
    ) -> None:
        self._client = client
        self._is_strict = is_strict
        self._clock = clock
        self._observer = observer
        self._queue = WorkQueue(clock)
        self._failures: dict[Key, int] = {}
        self._caches = {
            resource: Informer(client, resource, self._handler(resource)) for resource in WATCHED
        }
        self._worker = Thread(target=self._work, name="reconcile", daemon=True)

    def start(self) -> None:
        """Fill the caches, then begin to reconcile; returns at once."""
        self.watch()
        self.work()

    def watch(self) -> None:
        """Fill the caches and keep them; what is to be looked at waits. Returns at once."""
        for cache in self._caches.values():
            cache.start()

    def work(self) -> None:
        """Begin to reconcile, once the caches are filled; returns at once."""
        self._worker.start()

    def stop(self) -> None:
        """Stop watching and let the object at hand be finished."""
        self._queue.stop()
        for cache in self._caches.values():
            cache.stop()
        if self._worker.ident is not None:
            self._worker.join(timeout=10)

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object as the caches know it."""
        return self._caches[resource].get(namespace, name)

    def items(self, resource: Resource, namespace: str | None = None) -> Sequence[JsonObject]:
        """The objects of a kind as the caches know them."""
        return self._caches[resource].items(namespace)

    @property
    def synced(self) -> bool:
        """Whether every cache has been filled once."""
        return not self.unsynced

    @property
    def unsynced(self) -> list[str]:
        """The kinds whose cache has not been filled yet, sorted."""
        return sorted(
            resource.plural for resource, cache in self._caches.items() if not cache.synced
        )

    @property
    def is_working(self) -> bool:
        """Whether the worker thread runs."""
        return self._worker.is_alive()

    @property
    def depth(self) -> int:
        """How many objects wait to be looked at now."""
        return self._queue.depth

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be looked at now."""
        return self._queue.idle

    def _handler(self, resource: Resource) -> "_Handler":
        return _Handler(self, self._queue, resource, self._observer)

    def _work(self) -> None:
        while True:
            with self._queue.take() as key:
                if key is None:
                    return
                if not self.synced:
                    self._queue.add_after(key, _CONFLICT_DELAY)
                    continue
                self._reconcile(key)

    def _reconcile(self, key: Key) -> None:
        try:
            again = reconcile(self._client, self, key, self._clock.now(), is_strict=self._is_strict)
        except ConflictError:
            # The caches are behind: for a moment as a rule, for longer without a watch.
            self._queue.add_after(key, self._delay(key, _CONFLICT_DELAY))
        except (ApiError, NameCollisionError) as error:
            self._fail(key, error)
        except Exception as error:  # one broken object must not stop the others
            log.exception("reconcile failed", extra=_fields(key))
            self._fail(key, error)
        else:
            self._failures.pop(key, None)
            if again is not None:
                self._queue.add_after(key, again)

    def _fail(self, key: Key, error: Exception) -> None:
        log.warning("will try again", extra=_fields(key) | {"error": str(error)})
        self._queue.add_after(key, self._delay(key, _FIRST_DELAY))

    def _delay(self, key: Key, first: timedelta) -> timedelta:
        """How long to wait after one more failure in a row."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(first * (1 << min(failures, 10)), _LONGEST_DELAY)


class _Handler:
    """Turns a cache's change into keys of the queue."""

    def __init__(
        self, manager: Manager, queue: WorkQueue, resource: Resource, observer: Observer | None
    ) -> None:
        self._manager = manager
        self._queue = queue
        self._resource = resource
        self._observer = observer

    def __call__(self, event: str, obj: JsonObject) -> None:
        if self._observer is not None:
            self._observer(self._manager, self._resource, event, obj)
        for key in dependants(self._manager, self._resource, obj):
            self._queue.add(key)


def _fields(key: Key) -> dict[str, str]:
    return {"kind": key.resource.kind, "namespace": key.namespace, "object": key.name}
