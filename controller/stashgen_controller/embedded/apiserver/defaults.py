"""What the API server fills into built-in objects (Kubernetes, ``pkg/apis/*/v1/defaults.go``).

Every function returns a new object; none changes its argument.
"""

import base64
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject

_FILE_MODE = 0o644
_TOKEN_SECONDS = 3600
_VOLUMES_WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")
_POD: JsonObject = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
}
_JOB: JsonObject = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "manualSelector": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}
_PROBE: JsonObject = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def set_defaults(kind: str, obj: JsonObject) -> JsonObject:
    """A new object with what it leaves open; Jobs also get what ties them to their pods."""
    spec = _object(obj, "spec")
    match kind:
        case "Namespace":
            return _namespace(obj)
        case "Secret":
            return _secret(obj)
        case "PodTemplate" if "template" in obj:
            return obj | {"template": _template(_object(obj, "template"))}
        case "Job":
            return _job(obj, spec)
        case "CronJob":
            return obj | {"spec": _cron_job(spec)}
        case "Pod":
            filled = pod_spec(spec) | {
                "enableServiceLinks": spec.get("enableServiceLinks", True),
                "serviceAccountName": spec.get("serviceAccountName", "default"),
                "serviceAccount": spec.get("serviceAccountName", "default"),
            }
            return obj | {"spec": filled, "status": {"phase": "Pending"}}
        case "PersistentVolumeClaim":
            return obj | {"spec": {"volumeMode": "Filesystem"} | spec, "status": _PENDING}
        case _:
            return obj


_PENDING: JsonObject = {"phase": "Pending"}


def pod_spec(spec: JsonObject) -> JsonObject:
    """A pod's spec with its defaults."""
    filled = _POD | spec
    if "serviceAccountName" in spec:
        filled["serviceAccount"] = spec["serviceAccountName"]
    for field in ("containers", "initContainers"):
        if field in spec:
            filled[field] = _each(spec, field, _container)
    if "volumes" in spec:
        filled["volumes"] = _each(spec, "volumes", _volume)
    return filled


def _namespace(obj: JsonObject) -> JsonObject:
    metadata = _object(obj, "metadata")
    labels = _object(metadata, "labels") | {"kubernetes.io/metadata.name": metadata["name"]}
    return obj | {
        "metadata": metadata | {"labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _secret(obj: JsonObject) -> JsonObject:
    texts = cast("Mapping[str, str]", obj.get("stringData") or {})
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    data = _object(obj, "data") | cast("JsonObject", encoded)
    kept = {key: value for key, value in obj.items() if key != "stringData"}
    return {"type": "Opaque"} | kept | ({"data": data} if data else {})


def _job(obj: JsonObject, spec: JsonObject) -> JsonObject:
    """Selector and labels tie a Job to its pods (Kubernetes, "Jobs")."""
    metadata = _object(obj, "metadata")
    uid = metadata["uid"]
    labels: JsonObject = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": metadata["name"],
        "controller-uid": uid,
        "job-name": metadata["name"],
    }
    template = _object(spec, "template")
    pod = _object(template, "metadata")
    template = template | {"metadata": pod | {"labels": _object(pod, "labels") | labels}}
    # The Job itself gets the labels of its pods where it has none.
    own = metadata.get("labels") or _object(_object(template, "metadata"), "labels")
    filled = _JOB | spec
    filled["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    filled["template"] = _template(template)
    return obj | {"metadata": metadata | {"labels": own}, "spec": filled}


def _cron_job(spec: JsonObject) -> JsonObject:
    job = _object(spec, "jobTemplate")
    job_spec = _object(job, "spec")
    job_spec = job_spec | {"template": _template(_object(job_spec, "template"))}
    filled: JsonObject = {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    return filled | spec | {"jobTemplate": {"metadata": {}} | job | {"spec": job_spec}}


def _template(template: JsonObject) -> JsonObject:
    return {"metadata": {}} | template | {"spec": pod_spec(_object(template, "spec"))}


def _container(container: JsonObject) -> JsonObject:
    image = str(container.get("image") or "")
    name = image.rpartition("/")[2]
    is_latest = "@" not in name and (":" not in name or name.endswith(":latest"))
    defaults: JsonObject = {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if is_latest else "IfNotPresent",
    }
    filled = defaults | container
    if "ports" in container:
        filled["ports"] = _each(container, "ports", _port)
    if "env" in container:
        filled["env"] = _each(container, "env", _variable)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            filled[probe] = _probe(_object(container, probe))
    return filled


def _port(port: JsonObject) -> JsonObject:
    defaults: JsonObject = {"protocol": "TCP"}
    return defaults | port


def _variable(variable: JsonObject) -> JsonObject:
    source = _object(variable, "valueFrom")
    if "fieldRef" not in source:
        return variable
    return variable | {"valueFrom": _with_field_version(source)}


def _with_field_version(item: JsonObject) -> JsonObject:
    if "fieldRef" not in item:
        return item
    version: JsonObject = {"apiVersion": "v1"}
    return item | {"fieldRef": version | _object(item, "fieldRef")}


def _probe(probe: JsonObject) -> JsonObject:
    filled = _PROBE | probe
    if "httpGet" in probe:
        get: JsonObject = {"path": "/", "scheme": "HTTP"}
        filled["httpGet"] = get | _object(probe, "httpGet")
    return filled


def _volume(volume: JsonObject) -> JsonObject:
    if len(volume) == 1:
        return volume | {"emptyDir": {}}
    filled = dict(volume)
    for kind in _VOLUMES_WITH_MODE:
        if kind in volume:
            filled[kind] = {"defaultMode": _FILE_MODE} | _object(volume, kind)
    if "downwardAPI" in volume:
        source = _object(filled, "downwardAPI")
        filled["downwardAPI"] = source | {"items": _each(source, "items", _with_field_version)}
    if "hostPath" in volume:
        host: JsonObject = {"type": ""}
        filled["hostPath"] = host | _object(volume, "hostPath")
    if "projected" in volume:
        source = _object(filled, "projected")
        filled["projected"] = source | {"sources": _each(source, "sources", _projection)}
    return filled


def _projection(source: JsonObject) -> JsonObject:
    if "serviceAccountToken" in source:
        token: JsonObject = {"expirationSeconds": _TOKEN_SECONDS}
        return source | {"serviceAccountToken": token | _object(source, "serviceAccountToken")}
    if "downwardAPI" in source:
        inner = _object(source, "downwardAPI")
        return source | {"downwardAPI": {"items": _each(inner, "items", _with_field_version)}}
    return source


def _object(obj: Mapping[str, JsonValue], field: str) -> JsonObject:
    return cast("JsonObject", obj.get(field) or {})


def _each(
    obj: Mapping[str, JsonValue], field: str, change: Callable[[JsonObject], JsonObject]
) -> JsonValue:
    return [change(cast("JsonObject", item)) for item in cast("list[JsonValue]", obj[field])]
