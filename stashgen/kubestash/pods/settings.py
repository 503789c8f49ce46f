"""How a Job's pod runs: what a policy's job block or KubeStash's settings come down to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.runtime_settings import (
    ContainerRuntimeSettings,
    OffshootPodSpec,
    OffshootPodTemplate,
)
from stashgen.api.shared import AddonInfo
from stashgen.kubestash.addons import IMAGE
from stashgen.kubestash.verbs import PODS, VERBS, Verb

ROOT = 0
NOBODY = 65534
WORKER_ACCOUNT = "stashgen-worker"
TRIGGER_ACCOUNT = "stashgen-trigger"
# With a storage's name behind it: of pods that delete backups with a role of their own.
RETAIN_ACCOUNT = "stashgen-retain"


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Settings of one pod; None means the verb's own default.

    Attributes:
        security_context: Further fields of the pod's, which win over ours.
        container_security_context: Taken as it is instead of ours.
        resources: ``requests`` and ``limits`` as Kubernetes writes them.
        env: Further environment variables of the container.
        scratch: A volume source for temporary files and restic's cache.
        nice: restic's CPU priority, from 0 to 19.
        ionice: restic's I/O priority: the class, and the level in it if it has any.
        api_token: False keeps the pod from the API even where its verb would report there.
    """

    image: str = IMAGE
    image_pull_policy: str = "IfNotPresent"
    run_as_user: int = NOBODY
    run_as_group: int = NOBODY
    service_account: str = WORKER_ACCOUNT
    resources: JsonObject | None = None
    security_context: JsonObject | None = None
    container_security_context: JsonObject | None = None
    grace_period_seconds: int | None = None
    node_selector: dict[str, str] | None = None
    tolerations: tuple[JsonObject, ...] = ()
    affinity: JsonObject | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[JsonObject, ...] = ()
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    env: tuple[JsonObject, ...] = ()
    api_token: bool = True
    topology_spread_constraints: tuple[JsonObject, ...] = ()
    scratch: JsonObject | None = None
    nice: int | None = None
    ionice: tuple[int, int | None] | None = None

    @property
    def pod_security_context(self) -> JsonObject:
        """The pod's securityContext: never an fsGroup of ours, it would re-group a live volume.

        Whoever sets ``runAsUser`` alone gets that user's own group, not our default's.
        """
        given = self.security_context or {}
        ours: JsonObject = {"runAsUser": self.run_as_user, "runAsGroup": self.run_as_group}
        if "runAsUser" in given:
            ours = {}
        user = given.get("runAsUser", self.run_as_user)
        return {
            **ours,
            "runAsNonRoot": user != ROOT,
            "seccompProfile": {"type": "RuntimeDefault"},
            **given,
        }

    @property
    def has_group(self) -> bool:
        """Whether somebody asked for an fsGroup."""
        return "fsGroup" in (self.security_context or {})

    @property
    def is_root(self) -> bool:
        """Whether the pod runs as root."""
        return self.pod_security_context["runAsUser"] == ROOT


def settings_from_storage(storage: BackupStorage) -> PodSettings:
    """KubeStash's ``runtimeSettings`` of a storage: for its initialiser and maintenance Jobs."""
    runtime = storage.spec.runtime_settings
    settings = _with_container(PodSettings(), runtime.container if runtime is not None else None)
    pod = runtime.pod if runtime is not None else None
    if pod is None:
        return settings
    return replace(
        settings,
        service_account=pod.service_account_name or WORKER_ACCOUNT,
        security_context=pod.security_context,
        node_selector=pod.node_selector,
        tolerations=pod.tolerations or (),
        affinity=pod.affinity,
        priority_class_name=pod.priority_class_name,
        image_pull_secrets=pod.image_pull_secrets or (),
        labels=pod.pod_labels,
        annotations=pod.pod_annotations,
    )


def settings_from_addon(info: AddonInfo | None, *, verb: Verb) -> PodSettings:
    """KubeStash's ``addon.jobTemplate`` and ``containerRuntimeSettings`` of a session.

    KubeStash backs up as 65534 and restores as root (which keeps owners) unless
    ``securityContext`` says otherwise.

    Args:
        info: The session's addon block.
        verb: Backup or restore.
    """
    user = ROOT if PODS[VERBS[verb].template].as_root else NOBODY
    settings = PodSettings(run_as_user=user, run_as_group=user)
    if info is None:
        return settings
    settings = _with_template(settings, info.job_template)
    return _with_container(settings, info.container_runtime_settings)


def settings_from_scheduler(template: OffshootPodTemplate | None) -> PodSettings:
    """KubeStash's ``scheduler.jobTemplate.template``: for the trigger Job."""
    return _with_template(PodSettings(service_account=TRIGGER_ACCOUNT), template)


def stored_env(variables: Iterable[JsonObject] | None) -> tuple[JsonObject, ...]:
    """Environment variables as the API server stores them.

    A field's API version is written out, an empty value left out.
    """
    return tuple(map(_as_stored, variables or ()))


def _as_stored(variable: JsonObject) -> JsonObject:
    source = variable.get("valueFrom")
    if variable.get("value") == "":
        return {key: value for key, value in variable.items() if key != "value"}
    field = source.get("fieldRef") if isinstance(source, dict) else None
    if not isinstance(source, dict) or not isinstance(field, dict):
        return variable
    return {**variable, "valueFrom": {**source, "fieldRef": {"apiVersion": "v1", **field}}}


def _with_template(settings: PodSettings, template: OffshootPodTemplate | None) -> PodSettings:
    spec = (template.spec if template is not None else None) or OffshootPodSpec()
    metadata = template.metadata if template is not None else None
    return replace(
        settings,
        service_account=spec.service_account_name or settings.service_account,
        resources=spec.resources,
        security_context=spec.security_context,
        container_security_context=spec.container_security_context,
        grace_period_seconds=spec.termination_grace_period_seconds,
        node_selector=spec.node_selector,
        tolerations=spec.tolerations or (),
        affinity=spec.affinity,
        priority_class_name=spec.priority_class_name,
        image_pull_secrets=spec.image_pull_secrets or (),
        labels=metadata.labels if metadata is not None else None,
        annotations=metadata.annotations if metadata is not None else None,
        env=stored_env(spec.env),
    )


def _with_container(
    settings: PodSettings, container: ContainerRuntimeSettings | None
) -> PodSettings:
    """The container's own settings win over the same ones of the pod template."""
    if container is None:
        return settings
    return replace(
        settings,
        resources=container.resources or settings.resources,
        container_security_context=container.security_context
        or settings.container_security_context,
        env=(*settings.env, *stored_env(container.env)),
    )
