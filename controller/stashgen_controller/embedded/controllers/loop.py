"""What the embedded controllers have in common: caches, and a pass whenever something changed."""

import logging
from collections.abc import Callable
from threading import Condition, Thread
from typing import ClassVar

from stashgen.api.resources import Resource
from stashgen_controller.embedded.controllers.object_store import ObjectStore
from stashgen_controller.kube.client import ApiError, Client
from stashgen_controller.kube.clock import Clock
from stashgen_controller.kube.informer import Informer

LONGEST_WAIT = 1.0
_RETRY_WAIT = 0.1

log = logging.getLogger(__name__)


class ControlLoop:
    """Runs ``sync`` in one thread after each change, each move of the clock and each second."""

    resources: ClassVar[tuple[Resource, ...]] = ()

    def __init__(self, client: Client, clock: Clock) -> None:
        self.client = client
        self.clock = clock
        self.caches = {resource: ObjectStore(self._notify) for resource in self.resources}
        self._informers = [
            Informer(client, resource, store) for resource, store in self.caches.items()
        ]
        self._wake = Condition()
        self._dirty = True
        self._again = False
        self._stopping = False
        self.longest_wait = LONGEST_WAIT
        self._thread = Thread(target=self._run, name=type(self).__name__, daemon=True)
        clock.subscribe(self._notify)

    def start(self) -> None:
        """Begin to watch; returns at once."""
        for informer in self._informers:
            informer.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the pass at hand."""
        self._stopping = True
        for informer in self._informers:
            informer.stop()
        self._notify()
        self._thread.join(timeout=5)

    def sync(self) -> None:
        """Bring the cluster nearer to what it should be; called again if it fails."""
        raise NotImplementedError

    def attempt(self, step: Callable[[], None]) -> None:
        """Do one object's part of a pass, so that its failure does not keep others waiting."""
        try:
            step()
        except ApiError as error:
            # Somebody else was faster, or the server is going: the next pass will see.
            log.info("pass failed", extra={"loop": type(self).__name__, "error": str(error)})
            self._again = True

    def _notify(self) -> None:
        with self._wake:
            self._dirty = True
            self._wake.notify()

    def _run(self) -> None:
        while not self._stopping:
            with self._wake:
                if not self._dirty:
                    self._wake.wait(_RETRY_WAIT if self._again else self.longest_wait)
                self._dirty = self._again = False
            if all(informer.synced for informer in self._informers):
                self.attempt(self.sync)
