"""Watches: the changes after a version, as a selector sees them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import cast

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.listing import predicate, select, version, whole_number
from stashgen_controller.embedded.apiserver.store import Change, Store

_DEFAULT_SECONDS = 1800
_BOOKMARK_SECONDS = 60.0
# The last bookmark comes so long before the end.
_BEFORE_END_SECONDS = 2.0
_STEP_SECONDS = 1.0

# An event's type and object; None says that nothing happened for a moment.
Event = tuple[str, JsonObject]


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch; checked when it is made, so that a refusal can still be a response."""

    store: Store
    served: Served
    namespace: str
    query: Mapping[str, str]

    def check(self) -> None:
        """Look at all parameters.

        Raises:
            StatusError: 400 for one that cannot be read.
        """
        predicate(self.served, self.query)
        version(self.query)
        whole_number(self.query, "timeoutSeconds")

    def events(self, is_stopping: Callable[[], bool]) -> Iterator[Event | None]:
        """The events until the watch's time is over; an ERROR event is the last."""
        matches = predicate(self.served, self.query)
        since = version(self.query)
        if since == 0:
            page = select(self.store, self.served, self.namespace, {**self.query, "limit": "0"})
            since = int(str(page.metadata["resourceVersion"]))
            for item in page.items:
                yield "ADDED", item
            yield None
        marks = _Bookmarks(self.query, since)
        while not marks.is_over and not is_stopping():
            before = self.store.version
            try:
                changes = self.store.changes(self.served.key, since, marks.wait_seconds)
            except StatusError as error:
                yield "ERROR", error.body
                return
            if changes is None:
                since = max(since, before)
            for change in changes or ():
                since = change.version
                event = self._seen(change, matches)
                if event is not None:
                    yield event
            if marks.is_due(since):
                yield "BOOKMARK", self._bookmark(since)
            yield None

    def _seen(self, change: Change, matches: Callable[[JsonObject], bool]) -> Event | None:
        """A change as the selector sees it: what leaves it is deleted for the watcher."""
        metadata = cast("Mapping[str, str]", change.object["metadata"])
        if self.namespace and metadata.get("namespace") != self.namespace:
            return None
        after = change.type != "DELETED" and matches(change.object)
        before = change.previous is not None and matches(change.previous)
        match before, after:
            case False, True:
                return "ADDED", change.object
            case True, True:
                return "MODIFIED", change.object
            case True, False:
                return "DELETED", change.object
            case _:
                return None

    def _bookmark(self, since: int) -> JsonObject:
        resource = self.served.resource
        return {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(since)},
        }


class _Bookmarks:
    """When to say how far a watch has come: now and then, and once before it ends."""

    def __init__(self, query: Mapping[str, str], since: int) -> None:
        seconds = whole_number(query, "timeoutSeconds") or _DEFAULT_SECONDS
        self._end = monotonic() + seconds
        self._next = monotonic() + min(_BOOKMARK_SECONDS, max(0.0, seconds - _BEFORE_END_SECONDS))
        self._wanted = query.get("allowWatchBookmarks") == "true"
        self._last = since

    @property
    def is_over(self) -> bool:
        return monotonic() >= self._end

    @property
    def wait_seconds(self) -> float:
        return max(0.0, min(_STEP_SECONDS, self._end - monotonic()))

    def is_due(self, since: int) -> bool:
        now = monotonic()
        if not self._wanted or now < self._next:
            return False
        last_chance = self._end - _BEFORE_END_SECONDS
        self._next = now + _BOOKMARK_SECONDS
        if now < last_chance < self._next:
            self._next = last_chance
        if since <= self._last:
            return False
        self._last = since
        return True
