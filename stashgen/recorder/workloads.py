"""What is recorded of a workload: its claims, and how its pods run, without their programs."""

from collections.abc import Container, Iterable, Mapping

from stashgen.inventory.objects import Object, list_at, map_at, text_at
from stashgen.yaml.nodes import Json

_WORKLOADS = frozenset(
    {
        ("", "Pod"),
        ("", "ReplicationController"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
    }
)
_CLAIM_FIELDS = ("accessModes", "storageClassName", "volumeMode")
_WORKLOAD_FIELDS = ("replicas", "ordinals", "selector", "serviceName")
_POD_FIELDS = (
    "affinity",
    "nodeName",
    "nodeSelector",
    "priorityClassName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
    "topologySpreadConstraints",
)
_CONTAINER_FIELDS = ("name", "restartPolicy", "securityContext")
_MOUNT_FIELDS = ("name", "mountPath", "subPath", "readOnly")


def is_workload(item: Object) -> bool:
    """Whether an object has pods, of whatever kind it is."""
    template = map_at(item.spec, "template", "spec")
    return (item.group, item.kind) in _WORKLOADS or isinstance(template.get("containers"), list)


def claim_spec(spec: Mapping[str, Json]) -> dict[str, Json]:
    """What is recorded of a claim's spec: modes, class and size."""
    made = _fields(spec, _CLAIM_FIELDS)
    for field in ("dataSource", "dataSourceRef"):
        # Another claim that it was cloned from.
        if map_at(spec, field).get("kind") == "PersistentVolumeClaim":
            made[field] = spec[field]
    size = map_at(spec, "resources", "requests").get("storage")
    if size is not None:
        made["resources"] = {"requests": {"storage": size}}
    return made


def workload_spec(item: Object) -> dict[str, Json]:
    """What is recorded of a workload's spec."""
    if item.kind == "Pod":
        return _pod_spec(item.spec, ())
    spec = map_at(item.spec, "jobTemplate", "spec") if item.kind == "CronJob" else item.spec
    made = _fields(spec, _WORKLOAD_FIELDS)
    if item.kind == "Job":
        # The API server makes it up.
        made.pop("selector", None)
    if item.kind != "StatefulSet" and made.get("replicas") != 0:
        # How many there are is an autoscaler's; that there are any is all that counts.
        made.pop("replicas", None)
    template = map_at(spec, "template")
    pod: dict[str, Json] = {}
    labels = map_at(template, "metadata", "labels")
    if labels:
        pod["metadata"] = {"labels": {key: labels[key] for key in sorted(labels)}}
    claims = [_claim_template(part) for part in _maps(list_at(spec, "volumeClaimTemplates"))]
    names = [text_at(map_at(part, "metadata"), "name") for part in claims]
    pod["spec"] = _pod_spec(map_at(template, "spec"), names)
    made["template"] = pod
    if claims:
        made["volumeClaimTemplates"] = [*claims]
    return {"jobTemplate": {"spec": made}} if item.kind == "CronJob" else made


def _pod_spec(spec: Mapping[str, Json], templates: Iterable[str]) -> dict[str, Json]:
    """What is recorded of a pod's spec; ``templates`` are the names of the workload's claims."""
    made = _fields(spec, _POD_FIELDS)
    volumes = [one for one in map(_volume, _maps(list_at(spec, "volumes"))) if one is not None]
    claims = {*templates, *(text_at(one, "name") for one in volumes)}
    for field in ("initContainers", "containers"):
        containers = [_container(one, claims) for one in _maps(list_at(spec, field))]
        if containers:
            made[field] = [*containers]
    if volumes:
        made["volumes"] = [*volumes]
    return made


def _volume(volume: Mapping[str, Json]) -> dict[str, Json] | None:
    """A volume that is a claim, or becomes one."""
    made = _fields(volume, ("name", "persistentVolumeClaim"))
    template = map_at(volume, "ephemeral").get("volumeClaimTemplate")
    if isinstance(template, dict):
        made["ephemeral"] = {"volumeClaimTemplate": {"spec": claim_spec(map_at(template, "spec"))}}
    return made if len(made) > 1 else None


def _container(container: Mapping[str, Json], claims: Container[str]) -> dict[str, Json]:
    made = _fields(container, _CONTAINER_FIELDS)
    mounts = [one for one in _maps(list_at(container, "volumeMounts")) if one.get("name") in claims]
    if mounts:
        made["volumeMounts"] = [_fields(one, _MOUNT_FIELDS) for one in mounts]
    return made


def _claim_template(template: Mapping[str, Json]) -> dict[str, Json]:
    metadata = map_at(template, "metadata")
    made: dict[str, Json] = {"metadata": {"name": text_at(metadata, "name")}}
    labels = map_at(metadata, "labels")
    if labels:
        made["metadata"] = {"name": text_at(metadata, "name"), "labels": dict(labels)}
    made["spec"] = claim_spec(map_at(template, "spec"))
    return made


def _fields(node: Mapping[str, Json], names: Iterable[str]) -> dict[str, Json]:
    return {name: node[name] for name in names if node.get(name) not in (None, {}, [])}


def _maps(items: Iterable[Json]) -> list[Mapping[str, Json]]:
    return [one for one in items if isinstance(one, dict)]
