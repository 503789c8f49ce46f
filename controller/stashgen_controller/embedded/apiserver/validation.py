"""The rules for built-in objects that matter to us, and for the names and labels of all."""

import re
from collections.abc import Iterator, Sequence
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen.cron import Code, CronError, Schedule
from stashgen_controller.embedded.apiserver.errors import (
    Cause,
    forbidden,
    invalid_value,
    required,
    unsupported,
)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_MAX_NAME = 253
_MAX_LABEL = 63
_MAX_NAMES = {"Job": 63, "CronJob": 52, "Namespace": 63}
_ANY_NAME = frozenset({"Role", "RoleBinding"})
_MAX_DATA_BYTES = 1024 * 1024
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_AMOUNTS = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
_IMMUTABLE = "field is immutable"


def metadata_errors(kind: str, metadata: JsonObject, old: JsonObject | None) -> list[Cause]:
    """What is wrong with an object's metadata (Kubernetes, "Object Names and IDs", "Labels")."""
    found = [] if old is not None else _name_errors(kind, str(metadata.get("name") or ""))
    labels = cast("dict[str, str]", metadata.get("labels") or {})
    for value in labels.values():
        if len(value) > _MAX_LABEL:
            text = f"must be no more than {_MAX_LABEL} bytes"
            found.append(invalid_value("metadata.labels", value, text))
        elif _LABEL_VALUE.fullmatch(value) is None:
            text = "a valid label must be an empty string or consist of alphanumeric characters"
            found.append(invalid_value("metadata.labels", value, text))
    if old is not None and old.get("deletionTimestamp"):
        before = cast("list[str]", old.get("finalizers") or [])
        after = cast("list[str]", metadata.get("finalizers") or [])
        new = [item for item in after if item not in before]
        if new:
            shown = ", ".join(f'"{item}"' for item in new)
            why = (
                "no new finalizers can be added if the object is being deleted, found new "
                f"finalizers []string{{{shown}}}"
            )
            found.append(forbidden("metadata.finalizers", why))
    return found


def _name_errors(kind: str, name: str) -> list[Cause]:
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if kind in _ANY_NAME:
        return [invalid_value("metadata.name", name, "may not contain '/'")] if "/" in name else []
    if len(name) > _MAX_NAME or _NAME.fullmatch(name) is None:
        text = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"
        return [invalid_value("metadata.name", name, text)]
    limit = _MAX_NAMES.get(kind)
    if limit is not None and len(name) > limit:
        text = f"must be no more than {limit} characters"
        return [invalid_value("metadata.name", name, text)]
    return []


def errors(kind: str, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
    """What is wrong with a built-in object."""
    spec, before = _part(obj, "spec"), _part(old or {}, "spec")
    match kind:
        case "CronJob":
            return list(_cron_job_errors(spec))
        case "Job" if old is not None:
            return [
                invalid_value(f"spec.{field}", spec.get(field), _IMMUTABLE)
                for field in ("selector", "template")
                if spec.get(field) != before.get(field)
            ]
        case "Job":
            template = _part(spec, "template")
            return list(_job_pod_errors(_part(template, "spec"), "spec.template.spec"))
        case "Pod" if old is not None:
            text = "pod updates may not change fields other than the container image"
            return [forbidden("spec", text)] if _fixed(spec) != _fixed(before) else []
        case "Pod":
            return list(_pod_errors(spec, "spec"))
        case "PodTemplate":
            pod = _part(_part(obj, "template"), "spec")
            return list(_pod_errors(pod, "template.spec"))
        case "ConfigMap" | "Secret":
            return _data_errors(kind, obj, old)
        case "RoleBinding" if old is not None and obj.get("roleRef") != old.get("roleRef"):
            return [invalid_value("roleRef", obj.get("roleRef"), "cannot change roleRef")]
        case "PersistentVolumeClaim" if old is not None and _claim(spec) != _claim(before):
            text = (
                "spec is immutable after creation except resources.requests and "
                "volumeAttributesClassName for bound claims"
            )
            return [forbidden("spec", text)]
        case _:
            return []


def _part(obj: JsonObject, field: str) -> JsonObject:
    return cast("JsonObject", obj.get(field) or {})


def _fixed(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key != "activeDeadlineSeconds"}


def _claim(spec: JsonObject) -> JsonObject:
    # The volume's name is written by whoever binds the claim.
    return {key: value for key, value in spec.items() if key not in {"resources", "volumeName"}}


def _data_errors(kind: str, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
    size = sum(len(orjson.dumps(obj[field])) for field in ("data", "binaryData") if field in obj)
    if size > _MAX_DATA_BYTES:
        field = "[]" if kind == "ConfigMap" else "data"
        text = f"Too long: may not be more than {_MAX_DATA_BYTES} bytes"
        return [Cause(field, "FieldValueTooLong", text)]
    if kind == "Secret" and old is not None and obj.get("type") != old.get("type"):
        return [invalid_value("type", obj.get("type"), _IMMUTABLE)]
    return []


def _cron_job_errors(spec: JsonObject) -> Iterator[Cause]:
    schedule = str(spec.get("schedule") or "")
    try:
        Schedule.parse(schedule)
    except CronError as error:
        # What never fires is accepted, and never run.
        if error.code is not Code.NEVER_FIRES:
            yield invalid_value("spec.schedule", schedule, str(error))
    zone = spec.get("timeZone")
    if zone is not None:
        try:
            ZoneInfo(str(zone))
        except (ZoneInfoNotFoundError, OSError, ValueError):
            yield invalid_value("spec.timeZone", zone, f"unknown time zone {zone}")
    for field in _AMOUNTS:
        amount = spec.get(field)
        if isinstance(amount, int) and amount < 0:
            yield invalid_value(f"spec.{field}", amount, "must be greater than or equal to 0")
    policy = spec.get("concurrencyPolicy")
    if policy not in _CONCURRENCY:
        yield unsupported("spec.concurrencyPolicy", policy, _CONCURRENCY)
    template = _part(_part(_part(spec, "jobTemplate"), "spec"), "template")
    path = "spec.jobTemplate.spec.template.spec"
    yield from _job_pod_errors(_part(template, "spec"), path)


def _job_pod_errors(spec: JsonObject, path: str) -> Iterator[Cause]:
    yield from _pod_errors(spec, path)
    # A pod's own default does not fit a Job: nothing was said.
    if spec.get("restartPolicy") == "Always":
        yield required(f"{path}.restartPolicy", 'valid values: "OnFailure", "Never"')


def _pod_errors(spec: JsonObject, path: str) -> Iterator[Cause]:
    volumes = {item.get("name") for item in _items(spec, "volumes")}
    if not _items(spec, "containers"):
        yield required(f"{path}.containers")
    for field in ("initContainers", "containers"):
        for index, container in enumerate(_items(spec, field)):
            place = f"{path}.{field}[{index}]"
            for wanted in ("name", "image"):
                if not container.get(wanted):
                    yield required(f"{place}.{wanted}")
            for at, mount in enumerate(_items(container, "volumeMounts")):
                if mount.get("name") not in volumes:
                    message = f'Not found: "{mount.get("name")}"'
                    field_path = f"{place}.volumeMounts[{at}].name"
                    yield Cause(field_path, "FieldValueNotFound", message)


def _items(obj: JsonObject, field: str) -> Sequence[JsonObject]:
    value: JsonValue = obj.get(field) or []
    return cast("Sequence[JsonObject]", value)
