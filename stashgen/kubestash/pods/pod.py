"""A worker's pod with every default of the API server written out (Kubernetes, "PodSpec")."""

from dataclasses import dataclass
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import PLAN_ANNOTATION, TEMPLATE_LABEL
from stashgen.kubestash.addons import COMMAND, TMP_VOLUME
from stashgen.kubestash.paths import SESSION_PATH, TMP_PATH
from stashgen.kubestash.pods.priorities import priority_env
from stashgen.kubestash.pods.settings import PodSettings
from stashgen.kubestash.verbs import WorkerPod

_MANAGED_BY = {"app.kubernetes.io/managed-by": "kubestash.com"}
_PLAN_FIELD = f"metadata.annotations['{PLAN_ANNOTATION}']"
_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class PodParts:
    """What differs between two pods of one template.

    Attributes:
        name: The PodTemplate's, kept as a label of the pod.
        pod: What the template needs.
        volumes: Each with its mount, beside the session's and the scratch volume.
        tmp_source: A volume source in place of the emptyDir.
    """

    name: str
    pod: WorkerPod
    container: str
    args: tuple[str, ...]
    volumes: tuple[tuple[JsonObject, JsonObject], ...]
    tmp_source: JsonObject | None = None


def field_env(name: str, path: str) -> JsonObject:
    """An environment variable with a field of the pod as its value."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def pod_template(parts: PodParts, settings: PodSettings) -> JsonObject:
    """The ``template`` of a PodTemplate: metadata and the whole spec."""
    labels = _MANAGED_BY | {
        "app.kubernetes.io/component": parts.pod.component,
        TEMPLATE_LABEL: parts.name,
    }
    metadata: JsonObject = {"labels": cast("JsonObject", (settings.labels or {}) | labels)}
    if settings.annotations:
        metadata["annotations"] = cast("JsonObject", settings.annotations)
    volumes: list[JsonObject] = [
        *(volume for volume, _ in parts.volumes),
        _session_volume(),
        _tmp_volume(parts, settings),
    ]
    return cast(
        "JsonObject",
        {
            "metadata": metadata,
            "spec": pod_basics(
                settings, parts.pod.grace_seconds, token=parts.pod.token and settings.api_token
            )
            | {"containers": [_container(parts, settings)], "volumes": volumes},
        },
    )


def pod_basics(settings: PodSettings, grace_seconds: int, *, token: bool) -> JsonObject:
    """What every pod of ours has in its spec besides containers and volumes."""
    spec: dict[str, object] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": grace_seconds
        if settings.grace_period_seconds is None
        else settings.grace_period_seconds,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "enableServiceLinks": False,
        "serviceAccountName": settings.service_account,
        "serviceAccount": settings.service_account,
        "automountServiceAccountToken": token,
        "securityContext": settings.pod_security_context,
    }
    optional: dict[str, object] = {
        "nodeSelector": settings.node_selector,
        "tolerations": list(settings.tolerations),
        "affinity": settings.affinity,
        "topologySpreadConstraints": list(settings.topology_spread_constraints),
        "priorityClassName": settings.priority_class_name,
        "imagePullSecrets": list(settings.image_pull_secrets),
    }
    return cast("JsonObject", spec | {key: value for key, value in optional.items() if value})


def container_basics(
    name: str,
    args: tuple[str, ...],
    settings: PodSettings,
    *,
    env: tuple[JsonObject, ...],
    resources: JsonObject,
    capabilities: tuple[str, ...],
) -> JsonObject:
    """What every container of ours has besides its mounts."""
    dropped: JsonObject = {"drop": ["ALL"]}
    if capabilities:
        dropped["add"] = list(capabilities)
    ours: JsonObject = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": dropped,
    }
    container: dict[str, object] = {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": [COMMAND],
        "args": list(args),
        "env": [*env, *settings.env],
        "resources": settings.resources or resources,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "securityContext": settings.container_security_context or ours,
    }
    if not container["env"]:
        del container["env"]
    return cast("JsonObject", container)


def _container(parts: PodParts, settings: PodSettings) -> JsonObject:
    resources: JsonObject = {
        "requests": {"cpu": parts.pod.cpu, "memory": parts.pod.memory},
        "limits": {"memory": parts.pod.memory_limit},
    }
    mounts: list[JsonObject] = [
        *(mount for _, mount in parts.volumes),
        {"name": "session", "mountPath": SESSION_PATH, "readOnly": True},
        {"name": TMP_VOLUME, "mountPath": TMP_PATH},
    ]
    priority = priority_env(settings.nice, settings.ionice)
    base = container_basics(
        parts.container,
        parts.args,
        settings,
        env=(*_env(parts.pod), *priority) if parts.pod.has_key else _env(parts.pod),
        resources=resources,
        capabilities=parts.pod.root_capabilities if settings.is_root else (),
    )
    return base | cast("JsonObject", {"volumeMounts": mounts})


def _env(pod: WorkerPod) -> tuple[JsonObject, ...]:
    """What the session says; a repository's results may be kept in a file named after the pod."""
    session = (
        field_env(name, f"metadata.annotations['{annotation}']")
        for name, annotation in pod.session.items()
    )
    return (*session, *((field_env("POD_UID", "metadata.uid"),) if pod.has_key else ()))


def _session_volume() -> JsonObject:
    return {
        "name": "session",
        "downwardAPI": {
            "defaultMode": _FILE_MODE,
            "items": [{"path": "plan", "fieldRef": {"apiVersion": "v1", "fieldPath": _PLAN_FIELD}}],
        },
    }


def _tmp_volume(parts: PodParts, settings: PodSettings) -> JsonObject:
    default: JsonObject = {"emptyDir": {"sizeLimit": parts.pod.tmp_size}}
    return {"name": TMP_VOLUME, **(parts.tmp_source or settings.scratch or default)}
