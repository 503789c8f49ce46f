"""Strict JSON Schemas of all kinds whose objects are rendered or written in Git, for kubeconform.

A CRD's schema drops what it does not know; these refuse it, at any depth and in the metadata.
"""

from collections.abc import Mapping
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.foreign_schemas import foreign_schemas
from stashgen.api.shape_schema import shape_schema

# How kubeconform finds the schema of a kind (its flag -schema-location), below a folder.
LOCATION = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"

_KEPT = ("type", "enum", "oneOf", "pattern", "minimum", "required", "description")


def schemas() -> Mapping[str, JsonObject]:
    """The schemas by their paths below the folder, as ``LOCATION`` builds them."""
    metadata = strict(shape_schema("ObjectMeta"))
    found = {}
    for definition in DEFINITIONS:
        crd = cast("dict[str, dict[str, list[JsonObject]]]", crd_for(definition))
        version = cast("Mapping[str, JsonObject]", crd["spec"]["versions"][0]["schema"])
        schema = strict(version["openAPIV3Schema"])
        cast("JsonObject", schema["properties"])["metadata"] = metadata
        resource = definition.resource
        found[path(resource.group, resource.kind, resource.version)] = schema
    found |= {path(*kind): schema for kind, schema in foreign_schemas(metadata).items()}
    return found


def path(group: str, kind: str, version: str) -> str:
    """Where ``LOCATION`` looks for a kind; the group of a core kind is its version."""
    return f"{group}/{kind.lower()}_{version}.json"


def strict(schema: Mapping[str, object]) -> JsonObject:
    """A structural schema as one that takes no field it does not name."""
    result: dict[str, object] = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["integer", "string"]
    if "properties" in schema:
        properties = cast("Mapping[str, JsonObject]", schema["properties"])
        result["properties"] = {name: strict(value) for name, value in properties.items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    if isinstance(values := schema.get("additionalProperties"), dict):
        result["additionalProperties"] = strict(values)
    if isinstance(items := schema.get("items"), dict):
        result["items"] = strict(items)
    return cast("JsonObject", result)
