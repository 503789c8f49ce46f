"""``--wait``: follow one object until it ends, and report changes on the way."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from stashgen.api.backup_session import BackupSessionPhase
from stashgen.api.base import JsonObject
from stashgen.api.resources import (
    BACKUP_SESSIONS,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    Resource,
)
from stashgen.api.restore_request import RestoreRequestPhase
from stashgen.api.restore_session import RestorePhase
from stashgen.diagnostics import ExitCode, ToolError
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kube.client import ApiError, Client, NotFoundError
from stashgen_controller.kubectl.api_reader import Cluster, failure
from stashgen_controller.kubectl.console import Console
from stashgen_controller.observability.outcomes import conditions_of, failures

GOOD = "Succeeded"
_ENDS: Mapping[Resource, frozenset[str]] = {
    BACKUP_SESSIONS: frozenset(phase for phase in BackupSessionPhase if phase.is_final),
    RESTORE_SESSIONS: frozenset(phase for phase in RestorePhase if phase.is_final),
    RESTORE_REQUESTS: frozenset(phase for phase in RestoreRequestPhase if phase.is_final),
}
_STEP_SECONDS = 0.5
# Tolerates a restart of the API server.
_MOST_ERRORS = 60


class Pause(Protocol):
    """How to wait between two requests."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows an object until it ends.

    Attributes:
        client: With the user's permissions.
        console: For changes and the result.
        timeout_seconds: When to give up; the object itself continues.
        pause: How to wait between two requests.
        monotonic: The clock of the timeout.
    """

    client: Client
    console: Console
    timeout_seconds: float
    pause: Pause = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def follow(self, resource: Resource, namespace: str, name: str) -> int:
        """Wait for the end; 0 if it succeeded, else 1 with the reason on standard error.

        Raises:
            ToolError: the timeout passed, the object was deleted, or the server is unavailable.
        """
        try:
            return self._until_end(resource, namespace, name)
        except KeyboardInterrupt:
            self.console.say(
                f"stopped watching {resource.kind.lower()}/{name}; it continues: "
                f"kubectl stashgen status -n {namespace}"
            )
            return ExitCode.INTERRUPTED

    def _until_end(self, resource: Resource, namespace: str, name: str) -> int:
        kind = resource.kind.lower()
        deadline = self.monotonic() + self.timeout_seconds
        shown = ""
        errors = 0
        while True:
            try:
                obj = self.client.get(resource, namespace, name)
                errors = 0
            except NotFoundError as error:
                raise ToolError(f"{kind}/{name} was deleted while waiting for it") from error
            except ApiError as error:
                errors += 1
                if error.status or errors > _MOST_ERRORS:
                    raise failure(error) from error
                self.pause(_STEP_SECONDS)
                continue
            status = cast("JsonObject", obj.get("status") or {})
            phase = str(status.get("phase") or "Pending")
            if phase in _ENDS[resource]:
                return self._ended(resource, namespace, obj, phase)
            words = "; ".join(filter(None, (phase, _waiting(status))))
            if words != shown:
                shown = words
                self.console.say(f"{kind}/{name}: {words}")
            if self.monotonic() >= deadline:
                raise ToolError(
                    f"{kind}/{name} is still {phase} after {self.timeout_seconds:.0f} seconds; it "
                    "continues without this command"
                )
            self.pause(_STEP_SECONDS)

    def _ended(self, resource: Resource, namespace: str, obj: JsonObject, phase: str) -> int:
        status = cast("JsonObject", obj.get("status") or {})
        name = str(cast("JsonObject", obj["metadata"])["name"])
        duration = f" after {status['duration']}" if status.get("duration") else ""
        self.console.write(f"{resource.kind.lower()}/{name} {phase}{duration}")
        if phase == GOOD:
            return ExitCode.OK
        why = str(status.get("error") or "")
        why = why or failures(Cluster(self.client, namespace), resource, obj)
        self.console.say(f"why: {why or 'no reason was reported'}")
        return ExitCode.FINDINGS


def _waiting(status: JsonObject) -> str:
    """The messages of the conditions that are still undecided."""
    texts = [
        str(item["message"])
        for item in conditions_of(status)
        if item.get("message")
        and (item.get("status") == "Unknown" or item["type"] == ConditionType.POD_PENDING_TOO_LONG)
    ]
    return "; ".join(texts)
