"""``--wait``: follow one object to its end, and say on the way what is new."""

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
# An API server that restarts is waited for.
_MOST_ERRORS = 60


class Pause(Protocol):
    """How time passes between two looks."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Follower:
    """What following needs.

    Attributes:
        client: With the user's rights.
        console: For what is new.
        timeout_seconds: Afterwards it is given up; the object goes on without us.
        pause: How time passes.
        monotonic: What is counted.
    """

    client: Client
    console: Console
    timeout_seconds: float
    pause: Pause = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def follow(self, resource: Resource, namespace: str, name: str) -> int:
        """Wait for the end; 0 if it is good, else 1 with the reason on standard error.

        Raises:
            ToolError: the time is over, the object is gone, or the server stays away.
        """
        kind = resource.kind.lower()
        deadline = self.monotonic() + self.timeout_seconds
        told = ""
        errors = 0
        while True:
            try:
                obj = self.client.get(resource, namespace, name)
                errors = 0
            except NotFoundError as error:
                raise ToolError(f"{kind}/{name} was deleted while it was waited for") from error
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
            if words != told:
                told = words
                self.console.say(f"{kind}/{name}: {words}")
            if self.monotonic() >= deadline:
                raise ToolError(
                    f"{kind}/{name} is still {phase} after {self.timeout_seconds:.0f} seconds; it "
                    "goes on without this command"
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
        self.console.say(f"why: {why or 'it does not say why'}")
        return ExitCode.FINDINGS


def _waiting(status: JsonObject) -> str:
    """What the conditions say that are not decided yet."""
    texts = [
        str(item["message"])
        for item in conditions_of(status)
        if item.get("message")
        and (item.get("status") == "Unknown" or item["type"] == ConditionType.POD_PENDING_TOO_LONG)
    ]
    return "; ".join(texts)
