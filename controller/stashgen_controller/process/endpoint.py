"""The HTTP endpoint: metrics for Prometheus, and probes for the kubelet.

It exposes names of volumes but no secrets; the NetworkPolicy decides who may reach it.
"""

import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import cast

log = logging.getLogger(__name__)

_CLIENT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a path."""

    status: int
    content: bytes
    content_type: str = "text/plain; charset=utf-8"

    @classmethod
    def of_problems(cls, problems: list[str]) -> "Answer":
        """200 and ``ok``, or 503 and what is wrong, one problem a line."""
        if problems:
            return cls(503, "".join(f"{problem}\n" for problem in problems).encode())
        return cls(200, b"ok\n")


class Endpoint:
    """Serves a few paths via GET.

    Args:
        address: ``host:port``; an empty host is every address, port 0 a free one.
        paths: The function that answers each path.
    """

    def __init__(self, address: str, paths: Mapping[str, Callable[[], Answer]]) -> None:
        host, _, port = address.rpartition(":")
        self._server = _Server(host.strip("[]"), int(port), paths)
        self._thread = Thread(target=self._server.serve_forever, name="endpoint", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start serving; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, paths: Mapping[str, Callable[[], Answer]]) -> None:
        self.paths = paths
        if not host and socket.has_dualstack_ipv6():
            host = "::"
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Let the IPv6 wildcard address accept IPv4 connections too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (as there)
        """Do not log a client that disconnects."""
        log.debug("request failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Do not wait forever for a silent client."""
        self.request.settimeout(_CLIENT_SECONDS)
        super().setup()

    def do_GET(self) -> None:
        """Answer with the result of the path's function."""
        path = self.path.partition("?")[0]
        find = cast("_Server", self.server).paths.get(path)
        if find is None:
            self._send(Answer(404, b"not found\n"))
            return
        try:
            answer = find()
        except Exception:  # the client must see the error, and the thread must survive
            log.exception("could not answer the request", extra={"path": path})
            answer = Answer(500, b"internal error\n")
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def version_string(self) -> str:
        """Do not disclose the version of Python."""
        return "stashgen-controller"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Do not log probes and scrapes."""
