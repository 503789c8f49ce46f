"""The built-in resources: their REST facts, and the defaults and rules that matter here."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen.cron import CronError, Schedule
from stashgen_controller.embedded.schema import Schema


@dataclass(frozen=True, slots=True)
class Served:
    """One resource that the server serves."""

    resource: Resource
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    columns: tuple[tuple[str, str, str], ...] = ()
    schema: Schema | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Group and plural."""
        return (self.resource.group, self.resource.plural)


_CUSTOM = known.CUSTOM_RESOURCE_DEFINITIONS
BUILTINS = (
    Served(known.NAMESPACES, ("ns",), (), True, (("Status", "string", ".status.phase"),)),
    Served(known.SECRETS, (), (), False, (("Type", "string", ".type"),)),
    Served(known.CONFIG_MAPS, ("cm",)),
    Served(known.SERVICE_ACCOUNTS, ("sa",)),
    Served(known.PODS, ("po",), ("all",), True, (("Status", "string", ".status.phase"),)),
    Served(known.POD_TEMPLATES),
    Served(
        known.PERSISTENT_VOLUME_CLAIMS,
        ("pvc",),
        (),
        True,
        (("Status", "string", ".status.phase"),),
    ),
    Served(
        known.EVENTS,
        ("ev",),
        (),
        False,
        (("Reason", "string", ".reason"), ("Message", "string", ".message")),
    ),
    Served(
        known.JOBS,
        (),
        ("all",),
        True,
        (
            ("Succeeded", "integer", ".status.succeeded"),
            ("Failed", "integer", ".status.failed"),
        ),
    ),
    Served(
        known.CRON_JOBS,
        ("cj",),
        ("all",),
        True,
        (
            ("Schedule", "string", ".spec.schedule"),
            ("Timezone", "string", ".spec.timeZone"),
            ("Suspend", "boolean", ".spec.suspend"),
            ("Last Schedule", "date", ".status.lastScheduleTime"),
        ),
    ),
    Served(known.DEPLOYMENTS, ("deploy",), ("all",), True),
    Served(known.STATEFUL_SETS, ("sts",), ("all",), True),
    Served(known.DAEMON_SETS, ("ds",), ("all",), True),
    Served(known.ROLES),
    Served(known.ROLE_BINDINGS),
    Served(_CUSTOM, ("crd", "crds"), ("api-extensions",), True),
)

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MAX_JOB_NAME = 63
_MAX_CRON_JOB_NAME = 52
_ANY_NAME = {"roles", "rolebindings"}


def name_errors(served: Served, name: str) -> list[tuple[str, str]]:
    """What is wrong with an object's name (Kubernetes, "Object Names and IDs")."""
    if served.resource.plural in _ANY_NAME:
        return [] if name and "/" not in name else [("metadata.name", "Invalid value")]
    if _NAME.fullmatch(name) is None:
        text = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"
        return [("metadata.name", f'Invalid value: "{name}": {text}')]
    limit = {"cronjobs": _MAX_CRON_JOB_NAME, "jobs": _MAX_JOB_NAME}.get(served.resource.plural)
    if limit is not None and len(name) > limit:
        text = f"must be no more than {limit} characters"
        return [("metadata.name", f'Invalid value: "{name}": {text}')]
    return []


def set_defaults(served: Served, obj: JsonObject) -> JsonObject:
    """The object with what the API server adds on creation."""
    spec = dict(cast("JsonObject", obj.get("spec") or {}))
    match served.resource.kind:
        case "Namespace":
            name = str(cast("JsonObject", obj["metadata"])["name"])
            metadata = cast("JsonObject", obj["metadata"])
            labels = cast("JsonObject", metadata.get("labels") or {})
            labels = labels | {"kubernetes.io/metadata.name": name}
            return obj | {
                "metadata": metadata | {"labels": labels},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
        case "Secret":
            return _secret(obj)
        case "Job":
            return obj | {"spec": _job_spec(obj, spec)}
        case "PersistentVolumeClaim":
            spec.setdefault("volumeMode", "Filesystem")
            return obj | {"spec": spec, "status": {"phase": "Pending"}}
        case "Pod":
            return obj | {"status": {"phase": "Pending"}}
        case _:
            return obj


def errors(served: Served, obj: JsonObject, old: JsonObject | None) -> list[tuple[str, str]]:
    """What is wrong with a built-in object: fields with messages."""
    spec = cast("JsonObject", obj.get("spec") or {})
    before = cast("JsonObject", (old or {}).get("spec") or {})
    match served.resource.kind:
        case "CronJob":
            return _cron_job_errors(spec)
        case "Job" if old is not None:
            changed = spec.get("template") != before.get("template")
            text = "Invalid value: core.PodTemplateSpec{...}: field is immutable"
            return [("spec.template", text)] if changed else []
        case "Job":
            return _pod_errors(cast("JsonObject", spec.get("template") or {}), "spec.template.spec")
        case "Pod" if old is not None and _fixed(spec) != _fixed(before):
            text = "Forbidden: pod updates may not change fields other than the container image"
            return [("spec", text)]
        case _:
            return []


def _fixed(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key != "activeDeadlineSeconds"}


def _secret(obj: JsonObject) -> JsonObject:
    texts = cast("Mapping[str, str]", obj.get("stringData") or {})
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    data = cast("JsonObject", obj.get("data") or {}) | cast("JsonObject", encoded)
    kept = {key: value for key, value in obj.items() if key != "stringData"}
    return {"type": "Opaque"} | kept | {"data": data}


def _job_spec(obj: JsonObject, spec: JsonObject) -> JsonObject:
    """Selector and labels that tie a Job to its pods (Kubernetes, "Jobs")."""
    metadata = cast("JsonObject", obj["metadata"])
    uid, name = metadata["uid"], metadata["name"]
    template = dict(cast("JsonObject", spec.get("template") or {}))
    pod = dict(cast("JsonObject", template.get("metadata") or {}))
    labels = cast("JsonObject", pod.get("labels") or {}) | {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template["metadata"] = pod | {"labels": labels}
    defaults: JsonObject = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    selector: JsonObject = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    return defaults | spec | {"template": template, "selector": selector}


def _pod_errors(template: JsonObject, path: str) -> list[tuple[str, str]]:
    spec = cast("JsonObject", template.get("spec") or {})
    if not spec.get("containers"):
        return [(f"{path}.containers", "Required value")]
    if spec.get("restartPolicy") not in {"Never", "OnFailure"}:
        text = 'Required value: valid values: "OnFailure", "Never"'
        return [(f"{path}.restartPolicy", text)]
    return []


def _cron_job_errors(spec: JsonObject) -> list[tuple[str, str]]:
    schedule = str(spec.get("schedule") or "")
    try:
        Schedule.parse(schedule)
    except CronError as error:
        return [("spec.schedule", f'Invalid value: "{schedule}": {error}')]
    job = cast("JsonObject", spec.get("jobTemplate") or {})
    job_spec = cast("JsonObject", job.get("spec") or {})
    template = cast("JsonObject", job_spec.get("template") or {})
    return _pod_errors(template, "spec.jobTemplate.spec.template.spec")
