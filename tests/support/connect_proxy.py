"""A forward proxy that knows a name which nobody else resolves (HTTP ``CONNECT``)."""

import contextlib
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping

NAME = "s3.corp.test"
USER = "backup:p@ss"
_URL_USER = "backup:p%40ss"


class ConnectProxy:
    """The proxy; it leads requests for one name, or a few, to ports of this machine.

    Attributes:
        requests: The first lines of what was asked, in order.
        url: With the user and the password that it wants, unless it is open.
    """

    def __init__(
        self,
        port: int,
        name: str = NAME,
        others: Mapping[str, int] | None = None,
        *,
        is_open: bool = False,
    ) -> None:
        self._ports = {name: port, **(others or {})}
        self._is_open = is_open
        self.requests: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        user = "" if is_open else f"{_URL_USER}@"
        self.url = f"http://{user}127.0.0.1:{self._server.getsockname()[1]}"

    @contextlib.contextmanager
    def running(self) -> "Iterator[ConnectProxy]":
        """Serve until the end of the block."""
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += (data := client.recv(4096))
                if not data:
                    return
            request, *headers = head.decode().split("\r\n")
            self.requests.append(request)
            token = b64encode(USER.encode()).decode()
            fields = {
                name.lower(): value.strip()
                for name, _, value in (h.partition(":") for h in headers)
            }
            is_known = fields.get("proxy-authorization") == f"Basic {token}"
            if not is_known and not self._is_open:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            elif (port := self._ports.get(_host(request))) is None:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            else:
                with socket.create_connection(("127.0.0.1", port)) as server:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                    back.start()
                    _pump(client, server)
                    back.join()


def _host(request: str) -> str:
    """Of a line such as ``CONNECT s3.corp.test:443 HTTP/1.1``."""
    return request.removeprefix("CONNECT ").partition(":")[0]


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
