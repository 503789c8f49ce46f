"""The fewest instructions between a test and the API server: one connection a thread, orjson.

What plays a whole cluster beside the controller must not be what is measured, so it does not go
through the controller's client.
"""

import ssl
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlsplit

import orjson

Json = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
_WATCH_SECONDS = 7200
_CHUNK_BYTES = 1 << 18
# kube-apiserver closes a connection that was idle for 90 seconds.
_IDLE_SECONDS = 30.0


class RefusedError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class RawApi:
    """Requests of one user; safe to use from several threads."""

    def __init__(self, url: str, token: str, ca_file: Path) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._local = local()

    def get(self, path: str) -> Json:
        """One object, or a list of them."""
        return self._request("GET", path)

    def post(self, path: str, body: Json) -> Json:
        """Create an object."""
        return self._request("POST", path, body)

    def patch(self, path: str, body: Json) -> Json:
        """Merge-patch an object."""
        return self._request("PATCH", path, body, MERGE_PATCH)

    def items(self, path: str) -> tuple[list[Json], str]:
        """All objects of a collection and the version of the list."""
        found = self.get(path)
        return found["items"], found["metadata"]["resourceVersion"]

    def watch(self, path: str, version: str) -> Iterator[tuple[str, Json]]:
        """Events since a version: their type and the object; ends with the server.

        The server ends a watch that is read too slowly, as on a busy machine: it is resumed.
        """
        while True:
            for event in self._watch(path, version):
                version = event["object"]["metadata"]["resourceVersion"]
                yield event["type"], event["object"]

    def _watch(self, path: str, version: str) -> Iterator[Json]:
        connection = self._connect()
        query = f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        connection.request("GET", f"{path}?{query}", headers=self._headers)
        response = connection.getresponse()
        if response.status != HTTPStatus.OK:
            raise RefusedError(response.status, response.read().decode(errors="replace"))
        pending = b""
        while chunk := response.read1(_CHUNK_BYTES):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                event: Json = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise RefusedError(int(event["object"]["code"]), str(event["object"]))
                yield event
        connection.close()

    def _request(
        self, method: str, path: str, body: Json | None = None, content: str = "application/json"
    ) -> Json:
        connection = self._connection()
        headers = self._headers if body is None else self._headers | {"Content-Type": content}
        data = None if body is None else orjson.dumps(body)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException):
            # A connection that failed half-way cannot be used again.
            connection.close()
            raise
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(response.status, f"{method} {path}: {answer[:1000]!r}")
        loaded: Json = orjson.loads(answer)
        return loaded

    def _connection(self) -> HTTPSConnection:
        """This thread's; a new one where the server may have closed the old one by now."""
        now = time.monotonic()
        if now - getattr(self._local, "used", -_IDLE_SECONDS) >= _IDLE_SECONDS:
            self._local.connection = self._connect()
        self._local.used = now
        connection: HTTPSConnection = self._local.connection
        return connection

    def _connect(self) -> HTTPSConnection:
        return HTTPSConnection(self._host, context=self._context)
