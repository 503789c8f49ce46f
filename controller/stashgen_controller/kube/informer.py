"""A cache of one kind: list once, then watch; list again when the server says it is too late.

The package's own informer cannot hold custom resources, so this is ours (Kubernetes API concepts,
"Efficient detection of changes").
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event as Flag
from threading import RLock, Thread
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import ApiError, Client, ExpiredError

log = logging.getLogger(__name__)

OnChange = Callable[[str, JsonObject], None]
_WATCH_SECONDS = 300
_FIRST_DELAY = timedelta(milliseconds=200)
_LONGEST_DELAY = timedelta(seconds=30)


class Informer:
    """The objects of one kind as of the last event; one thread.

    ``on_change`` is called in that thread with ADDED, MODIFIED or DELETED and the object, after
    the cache was changed.
    """

    def __init__(
        self, client: Client, resource: Resource, on_change: OnChange, *, label_selector: str = ""
    ) -> None:
        self._client = client
        self._resource = resource
        self._on_change = on_change
        self._selector = label_selector
        self._lock = RLock()
        self._objects: dict[tuple[str, str], JsonObject] = {}
        self._synced = Flag()
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        """Begin to fill the cache; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End with the next event; the thread is a daemon and is not waited for."""
        self._stopping.set()

    @property
    def synced(self) -> bool:
        """Whether the cache was filled once."""
        return self._synced.is_set()

    def get(self, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None; do not change it."""
        with self._lock:
            return self._objects.get((namespace or "", name))

    def items(self, namespace: str | None = None) -> Sequence[JsonObject]:
        """The objects, of one namespace if one is given; do not change them."""
        with self._lock:
            return [
                obj
                for key, obj in self._objects.items()
                if namespace is None or key[0] == namespace
            ]

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                version = self._list()
                failures = 0
                self._watch(version)
            except ExpiredError:
                continue
            except ApiError as error:
                if self._stopping.is_set():
                    return
                failures += 1
                delay = min(_FIRST_DELAY * 2 ** min(failures, 10), _LONGEST_DELAY)
                # Jitter, so that many clients do not come back in the same moment.
                self._stopping.wait(delay.total_seconds() * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
                log.info("watch ended", extra={"kind": self._resource.kind, "error": str(error)})

    def _list(self) -> str:
        items, version = self._client.list(self._resource, label_selector=self._selector)
        seen = set()
        for obj in items:
            seen.add(_key(obj))
            self._put(obj)
        with self._lock:
            gone = [key for key in self._objects if key not in seen]
        for key in gone:
            with self._lock:
                obj = self._objects.pop(key)
            self._on_change("DELETED", obj)
        self._synced.set()
        return version

    def _watch(self, version: str) -> None:
        while not self._stopping.is_set():
            for event in self._client.watch(
                self._resource,
                resource_version=version,
                label_selector=self._selector,
                timeout_seconds=_WATCH_SECONDS,
            ):
                if self._stopping.is_set():
                    return
                metadata = cast("dict[str, str]", event.object["metadata"])
                version = metadata["resourceVersion"]
                if event.type == "DELETED":
                    with self._lock:
                        self._objects.pop(_key(event.object), None)
                    self._on_change("DELETED", event.object)
                elif event.type != "BOOKMARK":
                    self._put(event.object)

    def _put(self, obj: JsonObject) -> None:
        metadata = cast("JsonObject", obj["metadata"])
        metadata.pop("managedFields", None)
        key = _key(obj)
        with self._lock:
            known = self._objects.get(key)
            self._objects[key] = obj
        if known is None:
            self._on_change("ADDED", obj)
        elif _version(known) != _version(obj):
            self._on_change("MODIFIED", obj)


def _key(obj: JsonObject) -> tuple[str, str]:
    metadata = cast("dict[str, str]", obj["metadata"])
    return metadata.get("namespace", ""), metadata["name"]


def _version(obj: JsonObject) -> str:
    return cast("dict[str, str]", obj["metadata"]).get("resourceVersion", "")
