"""A forward proxy that knows a name which nobody else resolves (HTTP ``CONNECT``)."""

import contextlib
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator

NAME = "s3.corp.test"
USER = "backup:p@ss"
_URL_USER = "backup:p%40ss"


class ConnectProxy:
    """The proxy; it leads requests for one name to a port of this machine.

    Attributes:
        requests: The first lines of what was asked, in order.
        url: With the user and the password that it wants.
    """

    def __init__(self, port: int, name: str = NAME) -> None:
        self._name = name
        self.requests: list[str] = []
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://{_URL_USER}@127.0.0.1:{self._server.getsockname()[1]}"

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
            if fields.get("proxy-authorization") != f"Basic {token}":
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            elif not request.startswith(f"CONNECT {self._name}:"):
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            else:
                with socket.create_connection(("127.0.0.1", self._target)) as server:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                    back.start()
                    _pump(client, server)
                    back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
