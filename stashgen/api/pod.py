"""Pod (core/v1): what the controller reads of one."""

from typing import ClassVar, Literal

from pydantic import Field, ValidationError

from stashgen.api.base import LENIENT, Int, JsonObject, Model, Time, list_of, mapping_of
from stashgen.api.meta import Kind
from stashgen.api.resources import PODS, Resource

# The names of our own container: of each template's pod, and of the tasks of our Addon. Others of
# a pod are a mesh's or another webhook's.
WORKER_CONTAINERS = frozenset(
    {"init-storage", "maintain", "logical-backup-0", "logical-backup-restore-0"}
)
# Conditions that say why a pod does not start; that it is not ready is no reason of its own.
_START = frozenset({"PodScheduled", "PodReadyToStartContainers", "Initialized"})
_STATUSES = "containerStatuses"


def has_ended(pod: JsonObject) -> bool:
    """Whether nothing of a pod as stored works on a volume any more, and nothing will.

    That is the kubelet's word; or a person deleted the Node object, and the pod garbage collector
    took the pod with it (Kubernetes, "Pod disruption conditions"). A sidecar may run on, if it
    mounts no claim.
    """
    status = mapping_of(pod, "status")
    if status.get("phase") == "Running":
        return _is_left_to_sidecars(pod)
    if status.get("phase") not in {"Succeeded", "Failed"}:
        return False
    if any(item.get("reason") == "DeletionByPodGC" for item in list_of(status, "conditions")):
        return True
    states = [mapping_of(item, "state") for item in list_of(status, "containerStatuses")]
    return not any(state.get("running") is not None for state in states)


def _is_left_to_sidecars(pod: JsonObject) -> bool:
    states = [mapping_of(item, "state") for item in list_of(mapping_of(pod, "status"), _STATUSES)]
    if not any(state.get("terminated") is not None for state in states):
        return False
    try:
        return Pod.from_wire(pod).has_ended
    except ValidationError:
        return False


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
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    ephemeral_container_statuses: tuple[ContainerStatus, ...] | None = None


class Mount(Model):
    """Which volume a container mounts."""

    model_config = LENIENT

    name: str


class Container(Model):
    """What is read of a container's spec."""

    model_config = LENIENT

    name: str
    volume_mounts: tuple[Mount, ...] | None = None


class Volume(Model):
    """What is read of a volume: whether it is a claim's."""

    model_config = LENIENT

    name: str
    persistent_volume_claim: JsonObject | None = None


class PodSpec(Model):
    """What is read of a pod's spec: who mounts which claim."""

    model_config = LENIENT

    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    ephemeral_containers: tuple[Container, ...] | None = None
    volumes: tuple[Volume, ...] | None = None

    @property
    def with_claims(self) -> frozenset[str]:
        """The names of the containers that mount a claim."""
        claims = {item.name for item in self.volumes or () if item.persistent_volume_claim}
        groups = (self.containers, self.init_containers, self.ephemeral_containers)
        found = (item for group in groups for item in group or ())
        return frozenset(
            item.name
            for item in found
            if any(mount.name in claims for mount in item.volume_mounts or ())
        )


class Pod(Kind):
    """Containers that run together."""

    resource: ClassVar[Resource] = PODS
    api_version: Literal["v1"] = "v1"
    kind: Literal["Pod"] = "Pod"
    spec: PodSpec | None = None
    status: PodStatus | None = None

    @property
    def claims(self) -> tuple[str, ...]:
        """The names of the PersistentVolumeClaims that it uses, sorted."""
        volumes = (self.spec.volumes if self.spec is not None else None) or ()
        named = (item.persistent_volume_claim or {} for item in volumes)
        return tuple(sorted({str(item["claimName"]) for item in named if item.get("claimName")}))

    @property
    def _containers(self) -> tuple[ContainerStatus, ...]:
        return (self.status.container_statuses if self.status else None) or ()

    @property
    def _others(self) -> tuple[ContainerStatus, ...]:
        """All but our own, those that run before it first."""
        if self.status is None:
            return ()
        own = self.worker
        return (
            *(self.status.init_container_statuses or ()),
            *(item for item in self._containers if item is not own),
            *(self.status.ephemeral_container_statuses or ()),
        )

    @property
    def _ended(self) -> frozenset[str]:
        """The names of the containers of which the kubelet says that they have ended."""
        every = (*self._others, *((self.worker,) if self.worker is not None else ()))
        return frozenset(
            item.name
            for item in every
            if item.state is not None and item.state.terminated is not None
        )

    @property
    def worker(self) -> ContainerStatus | None:
        """Our own container, by its name; where it is alone, its name does not matter."""
        found = next((item for item in self._containers if item.name in WORKER_CONTAINERS), None)
        return self._containers[0] if found is None and len(self._containers) == 1 else found

    @property
    def termination(self) -> ContainerStateTerminated | None:
        """How our own container ended, once it has: the kubelet never starts it again."""
        state = self.worker.state if self.worker is not None else None
        return state.terminated if state is not None else None

    @property
    def outlives_worker(self) -> bool:
        """Our own container has ended, and another one keeps the pod running."""
        is_running = self.status is not None and self.status.phase == "Running"
        return is_running and self.termination is not None

    @property
    def never_ran(self) -> bool:
        """The pod is over and our own container was still waiting for its start."""
        state = self.worker.state if self.worker is not None else None
        return self.has_ended and state is not None and state.waiting is not None

    @property
    def failed_other(self) -> tuple[str, ContainerStateTerminated] | None:
        """The name of another container that failed, and how: it may have kept ours from it."""
        for container in self._others:
            ended = container.state.terminated if container.state is not None else None
            if ended is not None and ended.exit_code != 0:
                return container.name, ended
        return None

    @property
    def is_pending(self) -> bool:
        """Not started yet."""
        return self.status is None or self.status.phase in {None, "Pending"}

    @property
    def has_ended(self) -> bool:
        """Nothing of it works any more, and nothing will: ``has_ended`` of a parsed one."""
        if self.outlives_worker:
            mounts = self.spec.with_claims if self.spec is not None else frozenset()
            return mounts <= self._ended
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
        own = (self.worker,) if self.worker is not None else ()
        for container in (*own, *self._others):
            waiting = container.state.waiting if container.state is not None else None
            if waiting is not None and waiting.message:
                of = "" if container is self.worker else f"container {container.name}: "
                return f"{of}{waiting.reason}: {waiting.message}"
        conditions = (self.status.conditions if self.status else None) or ()
        for condition in conditions:
            if condition.status == "False" and condition.message and condition.type in _START:
                return f"{condition.reason}: {condition.message}"
        return ""
