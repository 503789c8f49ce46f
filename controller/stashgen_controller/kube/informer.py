"""Keeps a store of one kind up to date: list once, then watch; list again when it is too late.

The package's own informer cannot hold custom resources, so this is ours (Kubernetes API concepts,
"Efficient detection of changes").
"""

import logging
import random
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import chain
from threading import Event as Flag
from threading import Thread
from typing import Protocol, cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import ApiError, Client, ExpiredError

log = logging.getLogger(__name__)

_WATCH_SECONDS = 300
# With what only the API server needs of them, 50 pods take two megabytes as plain objects.
_PAGE_SIZE = 50
_FIRST_DELAY = timedelta(milliseconds=200)
_LONGEST_DELAY = timedelta(seconds=30)


class Store(Protocol):
    """What an informer fills."""

    def replace(self, objects: Iterable[JsonObject], version: str) -> None:
        """Take over a whole list, made at a version."""
        ...

    def apply(self, type_: str, obj: JsonObject) -> None:
        """Take over an event of a watch: ADDED, MODIFIED or DELETED."""
        ...


class Informer:
    """One thread that lists and watches a kind.

    Args:
        client: With which it asks.
        resource: The kind.
        store: What it fills.
        label_selector: Of the objects that matter; all without one.
        turn: Held while the kind is listed. Of a large cluster a page takes megabytes as plain
            objects; informers that share a turn do not take that all at once.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Store,
        *,
        label_selector: str = "",
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._store = store
        self._selector = label_selector
        self._turn = turn or nullcontext()
        self._synced = Flag()
        self._failed = Flag()
        # Synced or stopped: nobody waits for it any more.
        self._settled = Flag()
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name=f"watch-{resource.plural}", daemon=True)

    def start(self) -> None:
        """Begin to fill the store; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End with the next event; the thread is a daemon and is not waited for."""
        self._stopping.set()
        self._settled.set()

    @property
    def synced(self) -> bool:
        """Whether the store was filled once."""
        return self._synced.is_set()

    @property
    def failed(self) -> bool:
        """Whether it ended by an error of ours: what it watched is not seen any more."""
        return self._failed.is_set()

    def wait(self) -> None:
        """Until the store was filled once, or the informer is stopped."""
        if not self._settled.is_set():
            self._settled.wait()

    def _run(self) -> None:
        try:
            self._keep_up_to_date()
        except Exception:  # whatever it is, nobody may go on with what is not watched any more
            log.exception("the watch ended by an error", extra={"kind": self._resource.kind})
            self._failed.set()

    def _keep_up_to_date(self) -> None:
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
        # Page by page: a whole list of a large cluster is far more than what is kept of it.
        pages = self._client.pages(
            self._resource, label_selector=self._selector, page_size=_PAGE_SIZE
        )
        with self._turn:
            first, version = next(pages)
            rest = (page for page, _ in pages)
            self._store.replace(_emptied(chain([first], rest)), version)
        self._synced.set()
        self._settled.set()
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
                if event.type != "BOOKMARK":
                    self._store.apply(event.type, event.object)


def _emptied(pages: Iterable[MutableSequence[JsonObject]]) -> Iterator[JsonObject]:
    """The objects in their order; each is let go as soon as the next is asked for.

    A page that was kept while the next one is read would stay part of the process: what is freed
    between objects that remain is not given back.
    """
    for page in pages:
        page.reverse()
        while page:
            yield page.pop()
