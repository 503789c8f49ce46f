"""CustomResourceDefinitions from the models: a JSON schema made structural, or a refusal.

Rules: Kubernetes, "Extend the Kubernetes API with CustomResourceDefinitions", structural schemas.
The rewriter rejects everything that it does not know, so that nothing is added unnoticed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from stashgen.api.base import JsonObject
from stashgen.api.meta import Kind
from stashgen.api.resources import Resource
from stashgen.api.shape_schema import shape_schema
from stashgen.api.shapes import KEY

_KEPT = frozenset({"type", "format", "enum", "default", "minimum", "description", "pattern"})
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_DROPPED = frozenset({"title", "additionalProperties", "required", "properties", "$defs"})


class UnstructuralError(Exception):
    """A model uses something that a structural schema cannot express."""


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of ``kubectl get``."""

    name: str
    type: str
    path: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule at a path of the schema, with the message of a refusal."""

    path: tuple[str, ...]
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The parts of a CRD other than its schema."""

    resource: Resource
    model: type[Kind]
    columns: Sequence[Column]
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ("kubestash", "appscode", "all")
    application: str = "kubestash"
    has_status: bool = True
    rules: Sequence[Rule] = ()


class _InOrder(GenerateJsonSchema):
    """pydantic's schema with fields in the order in which they are declared."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        del parent_key
        return value


def crd_for(definition: Definition) -> JsonObject:
    """The CustomResourceDefinition of a kind.

    Raises:
        UnstructuralError: the model has no structural form.
    """
    resource = definition.resource
    schema = definition.model.model_json_schema(schema_generator=_InOrder)
    definitions = cast("Mapping[str, JsonObject]", schema.get("$defs") or {})
    structural = _object(schema, definitions, ())
    properties = cast("JsonObject", structural["properties"])
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    for rule in definition.rules:
        _add_rule(structural, rule)
    version: dict[str, object] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": structural},
        "additionalPrinterColumns": [*map(_column, definition.columns), _AGE],
    }
    if definition.has_status:
        version["subresources"] = {"status": {}}
    return cast(
        "JsonObject",
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{resource.plural}.{resource.group}",
                "labels": {"app.kubernetes.io/name": definition.application},
            },
            "spec": {
                "group": resource.group,
                "names": {
                    "kind": resource.kind,
                    "listKind": f"{resource.kind}List",
                    "plural": resource.plural,
                    "singular": resource.kind.lower(),
                    "shortNames": list(definition.short_names),
                    "categories": list(definition.categories),
                },
                "scope": "Namespaced" if resource.namespaced else "Cluster",
                "versions": [version],
            },
        },
    )


_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _column(column: Column) -> dict[str, str]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"format": "date-time"} if column.type == "date" else {})


def _add_rule(schema: JsonObject, rule: Rule) -> None:
    node = schema
    for step in rule.path:
        node = cast("JsonObject", cast("JsonObject", node["properties"])[step])
    rules = cast("list[JsonObject]", node.setdefault("x-kubernetes-validations", []))
    rules.append({"rule": rule.rule, "message": rule.message})


def _object(
    schema: Mapping[str, object], definitions: Mapping[str, JsonObject], seen: tuple[str, ...]
) -> JsonObject:
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    result: dict[str, object] = {
        "type": "object",
        "properties": {
            name: _node(value, definitions, seen)
            for name, value in properties.items()
            if not (value.get("const") and name in {"apiVersion", "kind"})
        },
    }
    required = list(cast("list[str]", schema.get("required") or []))
    if required and "metadata" not in required:
        result["required"] = required
    if schema.get("additionalProperties") is True:
        # What the model does not have of the shape that stands in line with its own fields.
        inline = shape_schema(str(schema[KEY]))
        result["properties"] = cast("JsonObject", inline["properties"]) | cast(
            "JsonObject", result["properties"]
        )
    return cast("JsonObject", result)


def _node(
    schema: Mapping[str, object], definitions: Mapping[str, JsonObject], seen: tuple[str, ...]
) -> JsonObject:
    extra = {
        key: value
        for key, value in schema.items()
        # A model's own default (an empty spec) is Python's, not the API's.
        if key in _KEPT and value is not None and not isinstance(value, dict)
    }
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        if name in seen:
            msg = f"{name} contains itself"
            raise UnstructuralError(msg)
        return _node(definitions[name], definitions, (*seen, name)) | cast("JsonObject", extra)
    if "anyOf" in schema:
        return _union(schema, definitions, seen) | cast("JsonObject", extra)
    if KEY in schema and "properties" not in schema:
        return shape_schema(str(schema[KEY]))
    match schema.get("type"):
        case "object":
            return _map_or_object(schema, definitions, seen)
        case "array":
            items = _node(cast("JsonObject", schema.get("items") or {}), definitions, seen)
            return {"type": "array", "items": items}
        case "string" | "integer" | "boolean" | "number":
            _refuse_unknown(schema)
            # Empty lists and unset fields are the API's defaults already.
            return cast("JsonObject", extra)
        case other:
            msg = f"no structural form for type {other!r} in {dict(schema)}"
            raise UnstructuralError(msg)


def _union(
    schema: Mapping[str, object], definitions: Mapping[str, JsonObject], seen: tuple[str, ...]
) -> JsonObject:
    options = [
        option
        for option in cast("Sequence[JsonObject]", schema["anyOf"])
        if option.get("type") != "null"
    ]
    if len(options) != 1:
        msg = f"a union has no structural form: {options}"
        raise UnstructuralError(msg)
    return _node(options[0], definitions, seen)


def _map_or_object(
    schema: Mapping[str, object], definitions: Mapping[str, JsonObject], seen: tuple[str, ...]
) -> JsonObject:
    values = schema.get("additionalProperties")
    if schema.get(_PRESERVE):
        return {"type": "object", _PRESERVE: True}
    if "properties" in schema or values is False:
        return _object(schema, definitions, seen)
    if not isinstance(values, dict) or values == {"$ref": "#/$defs/JsonValue"}:
        msg = "a JSON object needs a Shape, or a FreeForm with the reason why it has none"
        raise UnstructuralError(msg)
    return {"type": "object", "additionalProperties": _node(values, definitions, seen)}


def _refuse_unknown(schema: Mapping[str, object]) -> None:
    unknown = schema.keys() - _KEPT - _DROPPED
    if unknown:
        msg = f"no structural form for {sorted(unknown)}"
        raise UnstructuralError(msg)
