"""What KubeStash lets people say of a Job's pod and container (KubeStash API, v1alpha1)."""

from pydantic import Field

from stashgen.api.base import Bool, Int, Model
from stashgen.api.shapes import (
    Affinity,
    Container,
    EnvFromSource,
    EnvVar,
    Lifecycle,
    LocalObjectReference,
    PodDNSConfig,
    PodReadinessGate,
    PodSecurityContext,
    Probe,
    ResourceRequirements,
    SecurityContext,
    Toleration,
    TopologySpreadConstraint,
    Volume,
    VolumeMount,
)


class PodRuntimeSettings(Model):
    """Pod settings of KubeStash's runtimeSettings."""

    pod_labels: dict[str, str] | None = None
    pod_annotations: dict[str, str] | None = None
    service_account_name: str | None = None
    service_account_annotations: dict[str, str] | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] | None = None
    node_name: str | None = None
    priority_class_name: str | None = None
    priority: Int | None = None
    readiness_gates: tuple[PodReadinessGate, ...] | None = None
    runtime_class_name: str | None = None
    scheduler_name: str | None = None
    enable_service_links: Bool | None = None
    automount_service_account_token: Bool | None = None
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] | None = None


class NiceSettings(Model):
    """CPU priority of the executor."""

    adjustment: Int | None = None


class IoNiceSettings(Model):
    """I/O priority of the executor."""

    class_: Int | None = Field(default=None, alias="class")
    class_data: Int | None = None


class ContainerRuntimeSettings(Model):
    """Container settings of KubeStash's runtimeSettings."""

    resources: ResourceRequirements | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    security_context: SecurityContext | None = None
    nice: NiceSettings | None = None
    ionice: IoNiceSettings | None = None
    env: tuple[EnvVar, ...] | None = None
    env_from: tuple[EnvFromSource, ...] | None = None


class RuntimeSettings(Model):
    """Pod and container settings of Jobs that KubeStash makes for a storage."""

    pod: PodRuntimeSettings | None = None
    container: ContainerRuntimeSettings | None = None


class TemplateMetadata(Model):
    """Labels and annotations of a pod template or of its controller."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class OffshootPodSpec(Model):
    """The pod settings of KubeStash's own PodTemplate (not Kubernetes' PodSpec)."""

    affinity: Affinity | None = None
    args: tuple[str, ...] | None = None
    container_security_context: SecurityContext | None = None
    dns_config: PodDNSConfig | None = None
    dns_policy: str | None = None
    enable_service_links: Bool | None = None
    env: tuple[EnvVar, ...] | None = None
    host_ipc: Bool | None = Field(default=None, alias="hostIPC")
    host_network: Bool | None = None
    host_pid: Bool | None = Field(default=None, alias="hostPID")
    image_pull_secrets: tuple[LocalObjectReference, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    node_selector: dict[str, str] | None = None
    pod_placement_policy: LocalObjectReference | None = None
    priority: Int | None = None
    priority_class_name: str | None = None
    readiness_probe: Probe | None = None
    resources: ResourceRequirements | None = None
    runtime_class_name: str | None = None
    scheduler_name: str | None = None
    security_context: PodSecurityContext | None = None
    service_account_name: str | None = None
    share_process_namespace: Bool | None = None
    termination_grace_period_seconds: Int | None = None
    tolerations: tuple[Toleration, ...] | None = None
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    volumes: tuple[Volume, ...] | None = None


class OffshootPodTemplate(Model):
    """KubeStash's PodTemplate; ``controller`` is for the Job or CronJob object."""

    metadata: TemplateMetadata | None = None
    controller: TemplateMetadata | None = None
    spec: OffshootPodSpec | None = None
