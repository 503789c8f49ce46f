"""CustomResourceDefinitions: what they make the server serve."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import Resource
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.errors import Cause, required
from stashgen_controller.embedded.apiserver.schema import Schema

_ROOT = "spec.validation.openAPIV3Schema"
_FREE = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")


def served_by(definition: JsonObject) -> Served:
    """The resource that a CRD defines; we have only CRDs of one version."""
    spec = cast("Mapping[str, JsonValue]", definition["spec"])
    names = cast("Mapping[str, JsonValue]", spec["names"])
    version = _version(definition)
    columns = cast("list[Mapping[str, str]]", version.get("additionalPrinterColumns") or [])
    return Served(
        resource=Resource(
            str(spec["group"]),
            str(version["name"]),
            str(names["kind"]),
            str(names["plural"]),
            namespaced=spec["scope"] == "Namespaced",
        ),
        short_names=tuple(cast("list[str]", names.get("shortNames") or [])),
        categories=tuple(cast("list[str]", names.get("categories") or [])),
        has_status="status" in cast("JsonObject", version.get("subresources") or {}),
        singular=str(names.get("singular") or str(names["kind"]).lower()),
        columns=tuple((item["name"], item["type"], item["jsonPath"]) for item in columns),
        schema=Schema(_schema(definition)),
    )


def established(definition: JsonObject, now: datetime) -> JsonObject:
    """The CRD with the status of one whose kind is served."""
    reasons = {"NamesAccepted": "NoConflicts", "Established": "InitialNamesAccepted"}
    conditions: list[JsonObject] = [
        {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": "",
            "lastTransitionTime": format_time(now),
        }
        for type_, reason in reasons.items()
    ]
    status: JsonObject = {
        "conditions": cast("JsonValue", conditions),
        "acceptedNames": cast("JsonObject", definition["spec"])["names"],
        "storedVersions": [_version(definition)["name"]],
    }
    return {**definition, "status": status}


def definition_errors(definition: JsonObject) -> list[Cause]:
    """What keeps a schema from being structural."""
    return list(_untyped(_schema(definition), _ROOT))


def _untyped(schema: JsonObject, path: str) -> Iterator[Cause]:
    if "type" not in schema and not any(schema.get(item) for item in _FREE):
        yield required(f"{path}.type", "must not be empty for specified object fields")
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    for name, child in properties.items():
        yield from _untyped(child, f"{path}.properties[{name}]")
    for field in ("items", "additionalProperties"):
        inner = schema.get(field)
        if isinstance(inner, dict):
            yield from _untyped(inner, f"{path}.{field}")


def _version(definition: JsonObject) -> JsonObject:
    spec = cast("Mapping[str, JsonValue]", definition["spec"])
    return cast("list[JsonObject]", spec["versions"])[0]


def _schema(definition: JsonObject) -> JsonObject:
    schema = cast("Mapping[str, JsonObject]", _version(definition)["schema"])
    return schema["openAPIV3Schema"]
