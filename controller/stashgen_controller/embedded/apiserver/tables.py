"""Tables: what ``kubectl get`` prints (Kubernetes API, "Receiving resources as Tables").

The columns of built-in kinds are those of Kubernetes, ``pkg/printers/internalversion``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, parse_time
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.kube.durations import duration

Cell = Callable[[JsonObject, datetime], JsonValue]
_NONE = "<none>"
_UNKNOWN = "<unknown>"
_WIDE = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, what is in it, and whether only wide output shows it."""

    name: str
    cell: Cell
    priority: int = 0


def table(
    served: Served, items: Sequence[JsonObject], metadata: JsonObject, now: datetime
) -> JsonObject:
    """Objects as a Table with the columns of their kind."""
    columns = _columns(served)
    definitions: list[JsonValue] = [
        {
            "name": column.name,
            "type": "string",
            "format": "name" if column.name == "Name" else "",
            "description": "",
            "priority": column.priority,
        }
        for column in columns
    ]
    rows: list[JsonValue] = [
        {
            "cells": [column.cell(item, now) for column in columns],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            },
        }
        for item in items
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def at(value: JsonValue, path: str) -> JsonValue:
    """What is at a dotted path, or None."""
    for step in path.strip(".").split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _since(path: str) -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        text = at(obj, path)
        if not text:
            return _UNKNOWN
        try:
            return duration(max(now - parse_time(str(text)), timedelta()).total_seconds())
        except ValueError:
            return _UNKNOWN

    return cell


def _text(path: str, empty: str = "") -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        del now
        value = at(obj, path)
        if value is None:
            return empty
        return str(value).lower() if isinstance(value, bool) else value

    return cell


def _flag(path: str) -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        del now
        return "True" if at(obj, path) else "False"

    return cell


def _count(*paths: str) -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        del now
        return sum(len(cast("list[JsonValue]", at(obj, path) or [])) for path in paths)

    return cell


def _containers(path: str, field: str) -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        del now
        items = cast("list[JsonObject]", at(obj, path) or [])
        return ",".join(str(item.get(field)) for item in items)

    return cell


def _labels(path: str) -> Cell:
    def cell(obj: JsonObject, now: datetime) -> JsonValue:
        del now
        found = cast("dict[str, str]", at(obj, path) or {})
        return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or _NONE

    return cell


def _job_status(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    conditions = cast("list[JsonObject]", at(obj, "status.conditions") or [])
    kinds = {item["type"] for item in conditions if item.get("status") == "True"}
    if at(obj, "metadata.deletionTimestamp"):
        return "Terminating"
    for wanted in ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if wanted in kinds:
            return wanted
    return "Running"


def _job_completions(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    return f"{at(obj, 'status.succeeded') or 0}/{at(obj, 'spec.completions') or 1}"


def _job_duration(obj: JsonObject, now: datetime) -> JsonValue:
    started, ended = at(obj, "status.startTime"), at(obj, "status.completionTime")
    if not started:
        return ""
    end = parse_time(str(ended)) if ended else now
    return duration((end - parse_time(str(started))).total_seconds())


def _pod_ready(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    statuses = cast("list[JsonObject]", at(obj, "status.containerStatuses") or [])
    total = len(cast("list[JsonValue]", at(obj, "spec.containers") or []))
    return f"{sum(item.get('ready') is True for item in statuses)}/{total}"


def _pod_restarts(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    statuses = cast("list[JsonObject]", at(obj, "status.containerStatuses") or [])
    return sum(cast("int", item.get("restartCount") or 0) for item in statuses)


def _pod_status(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    if at(obj, "metadata.deletionTimestamp"):
        return "Terminating"
    phase = str(at(obj, "status.phase") or "Unknown")
    return {"Succeeded": "Completed", "Failed": "Error"}.get(phase, phase)


def _event_object(obj: JsonObject, now: datetime) -> JsonValue:
    del now
    kind = str(at(obj, "involvedObject.kind") or "").lower()
    return f"{kind}/{at(obj, 'involvedObject.name')}"


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_CRON_POD = "spec.jobTemplate.spec.template.spec.containers"
_TITLE = Column("Name", _text("metadata.name"))
_AGE = Column("Age", _since("metadata.creationTimestamp"))
_COLUMNS: dict[str, Sequence[Column]] = {
    "ConfigMap": (_TITLE, Column("Data", _count("data", "binaryData")), _AGE),
    "CronJob": (
        _TITLE,
        Column("Schedule", _text("spec.schedule")),
        Column("Timezone", _text("spec.timeZone", _NONE)),
        Column("Suspend", _flag("spec.suspend")),
        Column("Active", _count("status.active")),
        Column(
            "Last Schedule",
            lambda obj, now: (
                _since("status.lastScheduleTime")(obj, now)
                if at(obj, "status.lastScheduleTime")
                else _NONE
            ),
        ),
        _AGE,
        Column("Containers", _containers(_CRON_POD, "name"), _WIDE),
        Column("Images", _containers(_CRON_POD, "image"), _WIDE),
        Column("Selector", _labels("spec.jobTemplate.spec.selector.matchLabels"), _WIDE),
    ),
    "CustomResourceDefinition": (
        _TITLE,
        Column("Created At", _text("metadata.creationTimestamp")),
    ),
    "Event": (
        Column("Last Seen", _since("lastTimestamp")),
        Column("Type", _text("type")),
        Column("Reason", _text("reason")),
        Column("Object", _event_object),
        Column("Message", _text("message")),
        Column("Name", _text("metadata.name"), _WIDE),
    ),
    "Job": (
        _TITLE,
        Column("Status", _job_status),
        Column("Completions", _job_completions),
        Column("Duration", _job_duration),
        _AGE,
        Column("Containers", _containers("spec.template.spec.containers", "name"), _WIDE),
        Column("Images", _containers("spec.template.spec.containers", "image"), _WIDE),
        Column("Selector", _labels("spec.selector.matchLabels"), _WIDE),
    ),
    "Namespace": (_TITLE, Column("Status", _text("status.phase")), _AGE),
    "PersistentVolumeClaim": (
        _TITLE,
        Column("Status", _text("status.phase")),
        Column("Volume", _text("spec.volumeName")),
        Column("Capacity", _text("status.capacity.storage")),
        Column(
            "Access Modes",
            lambda obj, _now: ",".join(
                _MODES.get(mode, mode)
                for mode in cast("list[str]", at(obj, "status.accessModes") or [])
            ),
        ),
        Column("StorageClass", _text("spec.storageClassName")),
        _AGE,
    ),
    "Pod": (
        _TITLE,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _AGE,
    ),
    "PodTemplate": (
        _TITLE,
        Column("Containers", _containers("template.spec.containers", "name")),
        Column("Images", _containers("template.spec.containers", "image")),
        Column("Pod Labels", _labels("template.metadata.labels")),
    ),
    "RoleBinding": (
        _TITLE,
        Column("Role", lambda obj, _now: f"{at(obj, 'roleRef.kind')}/{at(obj, 'roleRef.name')}"),
        _AGE,
    ),
    "Role": (_TITLE, Column("Created At", _text("metadata.creationTimestamp"))),
    "Secret": (_TITLE, Column("Type", _text("type")), Column("Data", _count("data")), _AGE),
    "ServiceAccount": (_TITLE, Column("Secrets", _count("secrets")), _AGE),
    "Lease": (_TITLE, Column("Holder", _text("spec.holderIdentity")), _AGE),
}


def _columns(served: Served) -> Sequence[Column]:
    if not served.is_custom:
        return _COLUMNS.get(served.resource.kind, (_TITLE, _AGE))
    own = [
        Column(name, _custom_date(path) if type_ == "date" else _text(path))
        for name, type_, path in served.columns
    ]
    return (_TITLE, *own) if own else (_TITLE, _AGE)


def _custom_date(path: str) -> Cell:
    return lambda obj, now: _since(path)(obj, now) if at(obj, path) else None
