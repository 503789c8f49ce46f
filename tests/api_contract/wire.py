"""Bare HTTP: status codes, headers and bodies as they are on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from tests.api_contract.servers import Server


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any


class Http:
    """Requests to one server."""

    def __init__(self, server: Server) -> None:
        ca_file = None if server.ca_file is None else str(server.ca_file)
        self._pool = urllib3.PoolManager(ca_certs=ca_file, retries=False)
        self._url = server.url
        self._headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send a request; a body that is not bytes is sent as JSON, an answer is read as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        address = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self._headers | {"Accept": accept, "Content-Type": content_type}
        response = self._pool.request(method, address, body=data, headers=headers, timeout=30)
        return Answer(response.status, _read(response.data))


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
