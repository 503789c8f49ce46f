"""What the API server was asked, by its audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request.

    Attributes:
        agent: The program that asked, as it calls itself.
        part: The subresource, if it was about one.
        is_allowed: What RBAC said to it; an admission plugin may have refused it even so.
        message: Why it was refused.
    """

    user: str
    agent: str
    verb: str
    group: str
    resource: str
    part: str
    namespace: str
    name: str
    code: int
    is_allowed: bool
    message: str
    received: datetime

    @property
    def target(self) -> str:
        """``jobs`` or ``snapshots/status``, as a rule of RBAC names it."""
        return f"{self.resource}/{self.part}" if self.part else self.resource


def requests(log: Path, about: str = "") -> Iterator[Request]:
    """All requests that were answered, in the order of the answers.

    A watch is answered when it begins and when it ends: only its beginning counts.

    Args:
        log: The audit log. It grows large: the API server begins a new one at 100 MB and puts the
            time of that into the name of the old one, which is read before it.
        about: Only events with this text in them are read: that is quick.
    """
    for line in lines(log):
        if about.encode() not in line:
            continue
        event: dict[str, Any] = json.loads(line)
        begins = {"watch": "ResponseStarted"}
        if event["stage"] != begins.get(event["verb"], "ResponseComplete"):
            continue
        target = event.get("objectRef") or {}
        yield Request(
            user=event["user"]["username"],
            agent=event.get("userAgent", ""),
            verb=event["verb"],
            group=target.get("apiGroup", ""),
            resource=target.get("resource", ""),
            part=target.get("subresource", ""),
            namespace=target.get("namespace", ""),
            name=target.get("name", ""),
            code=event.get("responseStatus", {}).get("code", 0),
            is_allowed=_decision(event) == "allow",
            message=event.get("responseStatus", {}).get("message", ""),
            received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        )


def lines(log: Path) -> Iterator[bytes]:
    """The events of the log and of those before it, without one that is just being written."""
    for path in (*sorted(log.parent.glob(f"{log.stem}-*{log.suffix}")), log):
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def _decision(event: dict[str, Any]) -> str | None:
    """What RBAC said; None where it was not asked: of an unknown user, or of nonsense."""
    found: str | None = event.get("annotations", {}).get("authorization.k8s.io/decision")
    return found
