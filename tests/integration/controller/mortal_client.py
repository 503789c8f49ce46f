"""A client that ends the controller at one of its writes, as a killed process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stashgen_controller.kube.client import Client
from stashgen_controller.kube.connection import Connection
from tests.support.harness import Harness

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class DeathError(Exception):
    """The controller is gone in this moment."""


class MortalClient(Client):
    """The real client of a process that dies at one of its writes.

    Args:
        connection: To the server.
        writes: How many are still done.
        is_sent: Whether the last one still reaches the server, whose answer nobody reads.
    """

    def __init__(self, connection: Connection, writes: int, *, is_sent: bool) -> None:
        super().__init__(connection)
        self.left = writes
        self._is_sent = is_sent

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        if method in _WRITES:
            if self.left == 0:
                if self._is_sent:
                    super()._request(method, path, **arguments)
                raise DeathError
            self.left -= 1
        return super()._request(method, path, **arguments)


@contextmanager
def mortal(harness: Harness, writes: int, *, is_sent: bool) -> Iterator[MortalClient]:
    """Give the controller a client that ends it; afterwards a new controller has a whole one."""
    client = MortalClient(harness.client._connection, writes, is_sent=is_sent)
    harness.controller = client
    try:
        yield client
    finally:
        harness.controller = harness.client
