"""Pod (core/v1): what the controller reads of one."""

from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Int, JsonObject, Model, Time, list_of, mapping_of
from stashgen.api.meta import Kind
from stashgen.api.resources import PODS, Resource

# Conditions that say why a pod does not start; that it is not ready is no reason of its own.
_START = frozenset({"PodScheduled", "PodReadyToStartContainers"})


def has_ended(pod: JsonObject) -> bool:
    """Whether nothing of a pod as stored runs any more, and nothing will.

    That is the kubelet's word; or a person deleted the Node object, and the pod garbage collector
    took the pod with it (Kubernetes, "Pod disruption conditions").
    """
    status = mapping_of(pod, "status")
    if status.get("phase") not in {"Succeeded", "Failed"}:
        return False
    if any(item.get("reason") == "DeletionByPodGC" for item in list_of(status, "conditions")):
        return True
    states = [mapping_of(item, "state") for item in list_of(status, "containerStatuses")]
    return not any(state.get("running") is not None for state in states)


class ContainerStateTerminated(Model):
    """How a container ended; ``message`` is its termination message."""

    exit_code: Int = 0
    signal: Int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str | None = Field(default=None, alias="containerID")


class ContainerStateWaiting(Model):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class ContainerState(Model):
    """One of waiting, running and terminated."""

    waiting: ContainerStateWaiting | None = None
    running: JsonObject | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Model):
    """One container."""

    name: str
    state: ContainerState | None = None


class PodCondition(Model):
    """One condition of a pod."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None


class PodStatus(Model):
    """What scheduler and kubelet saw."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: tuple[PodCondition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Kind):
    """Containers that run together."""

    resource: ClassVar[Resource] = PODS
    api_version: Literal["v1"] = "v1"
    kind: Literal["Pod"] = "Pod"
    status: PodStatus | None = None

    @property
    def _containers(self) -> tuple[ContainerStatus, ...]:
        return (self.status.container_statuses if self.status else None) or ()

    @property
    def termination(self) -> ContainerStateTerminated | None:
        """How the first container that ended did so."""
        for container in self._containers:
            if container.state is not None and container.state.terminated is not None:
                return container.state.terminated
        return None

    @property
    def is_pending(self) -> bool:
        """Not started yet."""
        return self.status is None or self.status.phase in {None, "Pending"}

    @property
    def has_ended(self) -> bool:
        """Nothing of it runs any more, and nothing will: ``has_ended`` of a parsed one."""
        is_over = self.status is not None and self.status.phase in {"Succeeded", "Failed"}
        conditions = (self.status.conditions if self.status else None) or ()
        if is_over and any(item.reason == "DeletionByPodGC" for item in conditions):
            return True
        states = [container.state for container in self._containers]
        is_running = any(state is not None and state.running is not None for state in states)
        return is_over and not is_running

    @property
    def pending_reason(self) -> str:
        """Why it does not start: a container's waiting state, else a False condition.

        Only one with a message: ``ContainerCreating`` alone, say, explains nothing.
        """
        for container in self._containers:
            waiting = container.state.waiting if container.state is not None else None
            if waiting is not None and waiting.message:
                return f"{waiting.reason}: {waiting.message}"
        conditions = (self.status.conditions if self.status else None) or ()
        for condition in conditions:
            if condition.status == "False" and condition.message and condition.type in _START:
                return f"{condition.reason}: {condition.message}"
        return ""
