"""The embedded API server keeps a thread for each open connection, and none for an ended one."""

import socket
import threading
from collections.abc import Iterator

import pytest

from stashgen.api.resources import CONFIG_MAPS, NAMESPACES
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.embedded.controllers.object_store import ObjectStore
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from stashgen_controller.kube.informer import Informer
from tests.support.processes import wait_until

_WATCH = f"{CONFIG_MAPS.path()}?watch=true&timeoutSeconds=3600"


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(MovableClock())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def before() -> set[threading.Thread]:
    """The threads that were there before the server; take it first."""
    return set(threading.enumerate())


def connect(server: EmbeddedServer, path: str) -> socket.socket:
    """A connection on which a request was made and its answer has begun."""
    port = int(server.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def handlers(before: set[threading.Thread]) -> list[threading.Thread]:
    """The threads of connections."""
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name != "api-server"
    ]


@pytest.mark.parametrize("path", [_WATCH, "/readyz"], ids=["watch", "kept alive"])
def test_thread_ends_with_its_client(
    before: set[threading.Thread], server: EmbeddedServer, path: str
) -> None:
    connections = [connect(server, path) for _ in range(20)]
    assert len(handlers(before)) == 20
    for connection in connections:
        connection.close()
    wait_until(lambda: not handlers(before), "ended connections keep their threads")


def test_stop_ends_the_threads_of_clients_that_stay(
    before: set[threading.Thread], server: EmbeddedServer
) -> None:
    paths = [_WATCH, "/readyz"]
    connections = [connect(server, path) for path in paths * 10]
    server.stop()
    wait_until(lambda: not handlers(before), "open connections keep their threads")
    for connection in connections:
        while connection.recv(4096):
            pass
        connection.close()


def test_a_watch_is_ended_as_http_says_when_the_server_stops(server: EmbeddedServer) -> None:
    with connect(server, _WATCH) as connection:
        server.stop()
        answer = b""
        while data := connection.recv(4096):
            answer += data
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_an_informer_that_was_stopped_ends_with_the_server(
    before: set[threading.Thread], server: EmbeddedServer
) -> None:
    client = Client.for_url(server.url)
    informers = [
        Informer(client, resource, ObjectStore(lambda: None))
        for resource in (CONFIG_MAPS, NAMESPACES)
    ]
    for informer in informers:
        informer.start()
    wait_until(lambda: all(informer.synced for informer in informers), "the caches stay empty")
    for informer in informers:
        informer.stop()
    server.stop()
    wait_until(lambda: not handlers(before), "stopped informers keep their threads")
