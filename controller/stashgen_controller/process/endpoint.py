"""One HTTP endpoint: what Prometheus scrapes, and what the kubelet asks.

It serves names of volumes, no secrets; who may reach it is the NetworkPolicy's to say.
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
    """What a path answers with."""

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
    """Serves a few paths by GET.

    Args:
        address: ``host:port``; an empty host is every address, port 0 a free one.
        paths: What each path answers.
    """

    def __init__(self, address: str, paths: Mapping[str, Callable[[], Answer]]) -> None:
        host, _, port = address.rpartition(":")
        self._server = _Server(host.strip("[]"), int(port), paths)
        self._thread = Thread(target=self._server.serve_forever, name="endpoint", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to serve; returns at once."""
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
        """An address of IPv6 that means every address means those of IPv4 too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (as there)
        """A client that goes away in the middle is no news."""
        log.debug("a request to the endpoint failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Do not wait for ever for a client that says nothing."""
        self.request.settimeout(_CLIENT_SECONDS)
        super().setup()

    def do_GET(self) -> None:
        """Answer what the path has to say."""
        path = self.path.partition("?")[0]
        find = cast("_Server", self.server).paths.get(path)
        if find is None:
            self._send(Answer(404, b"not found\n"))
            return
        try:
            answer = find()
        except Exception:  # what is wrong must be seen by who asks, not end the thread
            log.exception("the endpoint cannot answer", extra={"path": path})
            answer = Answer(500, b"internal error\n")
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def version_string(self) -> str:
        """No version of Python for whoever asks."""
        return "stashgen-controller"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Probes and scrapes are no news."""
