"""An informer that cannot go on says so: what it watched would be concluded from for ever."""

import time
from collections.abc import Iterable, Iterator
from threading import Event as Flag

from stashgen.api.base import JsonObject
from stashgen.api.resources import JOBS
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.informer import Informer

_LIMIT_SECONDS = 20


class _EmptyServer(Client):
    """A server without objects."""

    def __init__(self) -> None:
        """No connection."""

    def pages(self, *_args: object, **_options: object) -> Iterator[tuple[list[JsonObject], str]]:
        """One page with nothing on it."""
        yield [], "1"


class _Broken:
    """A store with a bug."""

    def __init__(self) -> None:
        self.asked = Flag()

    def replace(self, objects: Iterable[JsonObject], version: str) -> None:
        """Fails."""
        self.asked.set()
        msg = f"{list(objects)} at {version}"
        raise RuntimeError(msg)

    def apply(self, type_: str, obj: JsonObject) -> None:
        """Is not reached."""


def test_an_error_of_ours_ends_the_watch_and_is_seen() -> None:
    store = _Broken()
    informer = Informer(_EmptyServer(), JOBS, store)
    informer.start()
    assert store.asked.wait(_LIMIT_SECONDS)
    end = time.monotonic() + _LIMIT_SECONDS
    while not informer.failed:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not informer.synced
