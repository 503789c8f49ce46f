"""One controller process: the real caches and reconcilers, with watches that lag.

What its Manager does with threads is done here in virtual time: each kind's watch shows an event
some time after it happened, and each look at an object may pause at each request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import orjson

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import ApiError, Client, ConflictError
from stashgen_controller.kube.clock import ServerClock
from stashgen_controller.kube.gate import NotLeadingError
from stashgen_controller.listers.indexes import INDEXES
from stashgen_controller.runtime.apply import NameCollisionError
from stashgen_controller.runtime.cache import Cache
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.handler import keys_of
from stashgen_controller.runtime.kind import Kind
from stashgen_controller.runtime.malformed import MalformedError
from stashgen_controller.runtime.manager import WORKERS
from stashgen_controller.runtime.packing import Packing
from stashgen_controller.runtime.reconcile import reconcile
from tests.simulation.api_server import ApiServer
from tests.simulation.faults import Fault, Faults
from tests.simulation.fibers import Fiber
from tests.simulation.timeline import Timeline
from tests.simulation.trace import Trace

_KIND_OF: Mapping[Resource, Kind[Any, Any]] = {kind.resource: kind for kind in KINDS}
_WATCHED = tuple(model.resource for model in WATCHED)
_CONCERNED = {
    resource: tuple(
        kind
        for kind in KINDS
        if kind.resource == resource
        or any(watch.model.resource == resource for watch in kind.watches)
    )
    for resource in _WATCHED
}
_FIRST_CONFLICT, _FIRST_ERROR, _LONGEST = 0.2, 1.0, 60.0
# A watch over a dead connection: the client gives up then (kube/client.py, kube/informer.py).
_HALF_OPEN_SECONDS = 315.0


@dataclass(slots=True)
class Watch:
    """One kind's watch: what it has not shown yet, and how late it is.

    Attributes:
        listed: What was listed and is not in the cache yet, and at which version.
        pending: When each event is shown, and what it is.
        lag_seconds: Of the next events.
        silent_until: A dead connection shows nothing before that time.
    """

    listed: tuple[list[JsonObject], str] | None = None
    pending: list[tuple[float, str, JsonObject]] = field(default_factory=list)
    lag_seconds: float = 0.0
    silent_until: float = 0.0


class _Unpacked(Packing):
    """Objects as they are: nothing is saved by compressing a few of them."""

    def pack(self, obj: JsonObject) -> bytes:
        """An object in bytes."""
        return orjson.dumps(obj)

    def text(self, packed: bytes) -> bytes:
        """The JSON text of the object that was packed."""
        return packed


class ControllerClient(Client):
    """A controller's requests: each takes time, and may fail in every way that there is."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        del content_type
        return self._controller.request(method, path, body, query or {})


class Controller:
    """A process that leads or stands by.

    Args:
        name: In the trace.
        timeline, server, faults, trace: Of the simulation.
        died: Called when it died by itself.

    Attributes:
        is_leading: It reconciles, and may write.
        is_alive: Nobody killed it.
        looks: How many objects it looked at.
        clock_skew: How far its node's clock is from the truth.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        server: ApiServer,
        faults: Faults,
        trace: Trace,
        died: Callable[[], None],
    ) -> None:
        self.name = name
        self._timeline, self._server, self._faults, self._trace = timeline, server, faults, trace
        self._died = died
        self.is_leading = False
        self.is_alive = True
        self.looks = 0
        self.clock_skew = timedelta()
        self._clock = ServerClock(
            lambda: timeline.now + self.clock_skew, lambda: self._timeline.seconds
        )
        self._client = ControllerClient(self)
        self.cache = Cache(self._client, WATCHED, INDEXES, self._changed)
        for indexer in self.cache._indexers.values():
            # Few objects: packing them would take most of the time.
            indexer._packing = indexer._models._packing = _Unpacked()
        self._watches = {resource: Watch() for resource in _WATCHED}
        self._ready: dict[Key, None] = {}
        self._due: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._failing: set[Key] = set()
        self._malformed: set[Key] = set()
        self._at_work: dict[Key, tuple[frozenset[object], Fiber]] = {}
        self._again: set[Key] = set()
        self._is_called = False
        for resource in _WATCHED:
            self._list(resource)
        server.listeners.append(self._heard)

    # what happens to the process

    def lead(self) -> None:
        """List everything again, as ``Manager.take_over`` does, and begin to reconcile."""
        self.is_leading = True
        self._trace.add(self.name, "leads")
        for resource in _WATCHED:
            self._watches[resource] = Watch()
            self._list(resource)
        self._call()

    def lose_lead(self) -> None:
        """It may not write any more; a request that is under way still arrives."""
        self.is_leading = False

    def _die(self) -> None:
        if self.is_alive:
            self.kill()
            self._died()

    def kill(self) -> None:
        """End the process in this moment."""
        self._trace.add(self.name, "is killed")
        self.is_alive = self.is_leading = False
        self._server.listeners.remove(self._heard)
        for _, fiber in list(self._at_work.values()):
            fiber.kill()

    def lag(self, resource: Resource, seconds: float) -> None:
        """Have a kind's watch show everything later from now on."""
        self._watches[resource].lag_seconds = seconds

    def silence(self, resource: Resource) -> None:
        """Have a kind's watch wait for a connection that is dead."""
        self._watches[resource].silent_until = self._timeline.seconds + _HALF_OPEN_SECONDS

    def relist(self, resource: Resource) -> None:
        """The watch was too old: the kind is listed again."""
        if self._timeline.seconds >= self._watches[resource].silent_until:
            self._list(resource)

    def heal(self) -> None:
        """Let all watches show what they have, and go on without delay."""
        for resource, watch in self._watches.items():
            watch.lag_seconds = watch.silent_until = 0.0
            watch.pending = [(0.0, type_, obj) for _, type_, obj in watch.pending]
            self._show(resource)

    # its caches

    def _list(self, resource: Resource) -> None:
        # One that stands by does the work only if it comes to lead: most never do.
        watch = self._watches[resource]
        self._hear()
        watch.listed = (self._server.items(resource), self._server.version)
        watch.pending.clear()
        self._show(resource)

    def _heard(
        self, resource: Resource, type_: str, obj: JsonObject, _before: JsonObject | None
    ) -> None:
        watch = self._watches.get(resource)
        if watch is None:
            return
        delay = watch.lag_seconds * self._timeline.random.random() + 0.01
        due = max(self._timeline.seconds + delay, watch.silent_until)
        if watch.pending:
            due = max(due, watch.pending[-1][0])
        watch.pending.append((due, type_, obj))
        if self.is_leading:
            self._timeline.after(due - self._timeline.seconds, lambda: self._show(resource))

    def _show(self, resource: Resource) -> None:
        """Take over what the watch shows by now; one that stands by does so when it leads."""
        if not self.is_leading:
            return
        watch = self._watches[resource]
        if watch.listed is not None:
            (objects, version), watch.listed = watch.listed, None
            self.cache._indexers[resource].replace(map(dict, objects), version)
        pending = watch.pending
        shown = 0
        for due, type_, obj in pending:
            if due > self._timeline.seconds:
                delay = due - self._timeline.seconds
                self._timeline.after(delay, lambda: self._show(resource))
                break
            self.cache._indexers[resource].apply(type_, dict(obj))
            shown += 1
        del pending[:shown]

    def _changed(self, resource: Resource, change: Change) -> None:
        for key in keys_of(_CONCERNED[resource], self.cache, resource, change, self._failing):
            self._add(key)

    # its queue

    def _add(self, key: Key) -> None:
        if key in self._at_work:
            self._again.add(key)
        else:
            self._ready[key] = None
            self._call()

    def _add_after(self, key: Key, seconds: float) -> None:
        due = self._timeline.seconds + seconds
        if self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due

        def add() -> None:
            if self.is_alive and self._due.get(key) == due:
                del self._due[key]
                self._add(key)

        self._timeline.after(seconds, add)

    def _call(self) -> None:
        if not self._is_called and self.is_leading:
            self._is_called = True
            self._timeline.after(0.001, self._take)

    def _take(self) -> None:
        """Look at the next object whose volume nobody is looking at."""
        self._is_called = False
        if not self.is_leading or len(self._at_work) >= WORKERS:
            return
        taken = {lane for lanes, _ in self._at_work.values() for lane in lanes}
        for key in self._ready:
            lanes = self._lanes(key)
            if not taken.isdisjoint(lanes):
                continue
            del self._ready[key]
            self._look(key, lanes)
            if self._ready:
                self._call()
            return

    def _lanes(self, key: Key) -> frozenset[object]:
        kind = _KIND_OF[key.resource]
        try:
            obj = self.cache.get(kind.model, key.namespace, key.name)
            return frozenset((key, *(kind.uses(self.cache, obj) if obj is not None else ())))
        except MalformedError:
            return frozenset((key,))

    def _look(self, key: Key, lanes: frozenset[object]) -> None:
        self.looks += 1

        def work() -> None:
            again = self._reconcile(key)
            del self._at_work[key]
            if key in self._again:
                self._again.discard(key)
                self._add(key)
            if again is not None:
                self._add_after(key, again)
            if self._ready:
                self._call()

        fiber = Fiber(self._timeline, work)
        self._at_work[key] = (lanes, fiber)
        fiber.resume()

    def _reconcile(self, key: Key) -> float | None:
        """Look at one object; says after how many seconds to look again."""
        is_retry = key in self._failures and key not in self._malformed
        self._malformed.discard(key)
        try:
            again = reconcile(
                self._client,
                self.cache,
                _KIND_OF[key.resource],
                key,
                self._clock.now(),
                self.cache.wrote,
                is_retry=is_retry,
            )
        except NotLeadingError:
            return None
        except ConflictError:
            return self._delay(key, _FIRST_CONFLICT)
        except (ApiError, NameCollisionError, MalformedError) as error:
            self._trace.add(self.name, f"{key.resource.kind} {key.name}: {error}")
            self._failing.add(key)
            if isinstance(error, MalformedError):
                self._malformed.add(key)
            return self._delay(key, _FIRST_ERROR)
        self._failures.pop(key, None)
        self._failing.discard(key)
        return again.total_seconds() if again is not None else None

    def _delay(self, key: Key, first: float) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(first * (1 << min(failures, 10)), _LONGEST)

    # its requests

    def request(self, method: str, path: str, body: object, query: Mapping[str, str]) -> JsonObject:
        """Send a request, wait for its answer."""
        fiber = self._fiber()
        is_write = method != "GET"
        if is_write and not self.is_leading:
            raise NotLeadingError
        self._wait(fiber, is_write=is_write)
        self._refuse(method)
        try:
            answer = self._server.answer(method, path, body, query)
            self._hear()
        finally:
            if is_write:
                self._trace.add(self.name, f"{method} {path.rpartition('/namespaces/')[2]}")
        self._wait(fiber, is_write=is_write)
        if self._faults.happens(Fault.LOST_ANSWER, 0.1):
            raise ApiError(0, "Disconnected", "the answer was lost")
        return answer

    def _hear(self) -> None:
        self._clock.heard(format_datetime(self._timeline.now, usegmt=True))

    def _fiber(self) -> Fiber:
        return next(fiber for _, fiber in self._at_work.values() if fiber.is_running)

    def _wait(self, fiber: Fiber, *, is_write: bool) -> None:
        """The request, or its answer, is under way; the process may die meanwhile."""
        if is_write and self._faults.happens(Fault.DEATH, 0.02):
            self._timeline.after(0, self._die)
        fiber.sleep(self._seconds())

    def _seconds(self) -> float:
        if self._faults.happens(Fault.SLOW_REQUEST, 0.1):
            return self._timeline.random.uniform(0.1, 30.0)
        return self._timeline.random.uniform(0.0005, 0.005)

    def _refuse(self, method: str) -> None:
        if self._faults.happens(Fault.THROTTLED, 0.05):
            raise ApiError(429, "TooManyRequests", "try again later")
        if self._faults.happens(Fault.SERVER_ERROR, 0.05):
            raise ApiError(500, "InternalError", "etcdserver: request timed out")
        # A deletion has no resource version; a creation meets one where a quota is counted.
        if method in {"POST", "PUT", "PATCH"} and self._faults.happens(Fault.CONFLICT, 0.05):
            raise ConflictError(409, "Conflict", "the object has been modified")
