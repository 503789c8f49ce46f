"""How a Job's pod runs: what a policy's job block or KubeStash's settings come down to."""

from dataclasses import dataclass

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.shared import AddonInfo, ContainerRuntimeSettings, OffshootPodSpec
from stashgen.kubestash.addons import IMAGE

NOBODY = 65534
WORKER_ACCOUNT = "stashgen-worker"
TRIGGER_ACCOUNT = "stashgen-trigger"


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Settings of one pod; None means the verb's own default.

    Attributes:
        security_context, container_security_context: Taken as they are instead of ours.
        resources: ``requests`` and ``limits`` as Kubernetes writes them.
        env: Further environment variables of the container.
    """

    image: str = IMAGE
    image_pull_policy: str = "IfNotPresent"
    run_as_user: int = NOBODY
    run_as_group: int = NOBODY
    service_account: str = WORKER_ACCOUNT
    resources: JsonObject | None = None
    security_context: JsonObject | None = None
    container_security_context: JsonObject | None = None
    node_selector: dict[str, str] | None = None
    tolerations: tuple[JsonObject, ...] = ()
    affinity: JsonObject | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[JsonObject, ...] = ()
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    env: tuple[JsonObject, ...] = ()


def settings_from_storage(storage: BackupStorage) -> PodSettings:
    """KubeStash's ``runtimeSettings`` of a storage: for its initialiser and maintenance Jobs."""
    settings = storage.spec.runtime_settings
    pod = settings.pod if settings is not None else None
    container = settings.container if settings is not None else None
    base = _with_container(PodSettings(), container)
    if pod is None:
        return base
    return PodSettings(
        service_account=pod.service_account_name or WORKER_ACCOUNT,
        resources=base.resources,
        security_context=pod.security_context,
        container_security_context=base.container_security_context,
        node_selector=pod.node_selector,
        tolerations=pod.tolerations or (),
        affinity=pod.affinity,
        priority_class_name=pod.priority_class_name,
        image_pull_secrets=pod.image_pull_secrets or (),
        labels=pod.pod_labels,
        annotations=pod.pod_annotations,
        env=base.env,
    )


def settings_from_addon(info: AddonInfo | None, *, run_as_user: int = NOBODY) -> PodSettings:
    """KubeStash's ``addon.jobTemplate`` and ``containerRuntimeSettings`` of a session.

    KubeStash backs up as 65534 and restores as root unless ``securityContext`` says otherwise.
    """
    runtime = info.container_runtime_settings if info is not None else None
    base = _with_container(PodSettings(), runtime)
    template = info.job_template if info is not None else None
    spec = (template.spec if template is not None else None) or OffshootPodSpec()
    metadata = template.metadata if template is not None else None
    return PodSettings(
        run_as_user=run_as_user,
        run_as_group=run_as_user,
        service_account=spec.service_account_name or WORKER_ACCOUNT,
        resources=spec.resources or base.resources,
        security_context=spec.security_context,
        container_security_context=spec.container_security_context
        or base.container_security_context,
        node_selector=spec.node_selector,
        tolerations=spec.tolerations or (),
        affinity=spec.affinity,
        priority_class_name=spec.priority_class_name,
        image_pull_secrets=spec.image_pull_secrets or (),
        labels=metadata.labels if metadata is not None else None,
        annotations=metadata.annotations if metadata is not None else None,
        env=(*base.env, *(spec.env or ())),
    )


def _with_container(base: PodSettings, container: ContainerRuntimeSettings | None) -> PodSettings:
    if container is None:
        return base
    return PodSettings(
        resources=container.resources,
        container_security_context=container.security_context,
        env=container.env or (),
    )
