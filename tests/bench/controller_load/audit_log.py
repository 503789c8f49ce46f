"""Who made which request, and when the API server was done with it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import orjson

from tests.bench.controller_load.apiserver import User
from tests.bench.controller_load.raw_api import Json


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``at`` is when it was answered, in Unix seconds."""

    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    at: float

    @property
    def kind(self) -> str:
        """As RBAC would name it: ``update backupsessions/status``."""
        return f"{self.verb} {self.resource}"

    @property
    def is_standing(self) -> bool:
        """Whether an informer made it: its watch, and the list before that, of all namespaces."""
        return self.verb == "watch" or (self.verb == "list" and not self.namespace)

    @property
    def is_granted(self) -> bool:
        """Whether the server did what was asked for."""
        return self.code < HTTPStatus.BAD_REQUEST


class AuditLog:
    """The log of a running API server."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def requests(self, user: User, since: float, until: float = float("inf")) -> Iterator[Request]:
        """The requests that a user made in a time."""
        needle = f'"username":"{user.value}"'.encode()
        with self._path.open("rb") as lines:
            for line in lines:
                if needle in line and line.endswith(b"\n"):
                    request = _request(orjson.loads(line))
                    if since <= request.at <= until:
                        yield request


def count(requests: Iterable[Request]) -> "Counter[str]":
    """How many there were of each kind, the standing ones aside; refused ones have their code."""
    return Counter(
        item.kind if item.is_granted else f"{item.kind} -> {item.code}"
        for item in requests
        if not item.is_standing
    )


def _request(event: Json) -> Request:
    target = event.get("objectRef") or {}
    part = f"/{target['subresource']}" if target.get("subresource") else ""
    return Request(
        verb=event["verb"],
        resource=f"{target.get('resource', '')}{part}",
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=int((event.get("responseStatus") or {}).get("code") or 0),
        at=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
    )
