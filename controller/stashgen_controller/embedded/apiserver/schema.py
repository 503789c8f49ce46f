"""What a CRD's structural schema does to an object: defaults, pruning, validation, CEL rules."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import jsonschema_rs
from cel_expr_python import cel
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.errors import (
    Cause,
    invalid_value,
    required,
    shown,
    unsupported,
)

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_RULES = "x-kubernetes-validations"
# Words that CEL keeps for itself.
RESERVED = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return"),
    }
)
_ESCAPED = re.compile(rf"\.__({'|'.join(sorted(RESERVED))})__\b")
_TRANSITION = "oldSelf"
_UNCHECKED = Cause(
    "<nil>",
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


@dataclass(frozen=True, slots=True)
class _Rule:
    path: tuple[str, ...]
    expression: object
    message: str
    is_transition: bool


class Schema:
    """The schema of one version of a custom resource."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        standard = cast("JsonObject", _standard(schema))
        self._validator = jsonschema_rs.validator_for(standard, validate_formats=True)
        env = cel.NewEnv(variables={"self": cel.Type.DYN, _TRANSITION: cel.Type.DYN})
        self._rules = [
            _Rule(
                path=path,
                expression=env.compile(without_escapes(str(rule["rule"]))),
                message=str(rule.get("message") or f"failed rule: {rule['rule']}"),
                is_transition=_TRANSITION in str(rule["rule"]),
            )
            for path, rule in _rules(schema, ())
        ]

    @property
    def source(self) -> JsonObject:
        """The schema as the CRD has it."""
        return self._schema

    def unknown_fields(self, obj: JsonObject) -> list[str]:
        """The paths of fields that the schema does not have, sorted."""
        return sorted(".".join(path) for path in _unknown(self._schema, obj, ()))

    def prune(self, obj: JsonObject) -> JsonObject:
        """The object without unknown fields and nulls."""
        return cast("JsonObject", _prune(self._schema, obj))

    def fill(self, obj: JsonObject) -> JsonObject:
        """The object with its defaults."""
        return cast("JsonObject", _fill(self._schema, obj))

    def errors(self, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
        """What is wrong; transition rules need the old object."""
        found = [_cause(error) for error in self._validator.iter_errors(obj)]
        if found:
            return [*found, _UNCHECKED] if self._rules else found
        return list(self._broken_rules(obj, old))

    def _broken_rules(self, obj: JsonObject, old: JsonObject | None) -> Iterator[Cause]:
        for rule in self._rules:
            value = _at(obj, rule.path)
            before = _at(old, rule.path) if old is not None else None
            if value is None or (rule.is_transition and before is None):
                continue
            expression = cast("cel.Expression", rule.expression)
            data = {"self": value, _TRANSITION: before}
            if expression.eval(data=data).value() is not True:
                yield invalid_value(".".join(rule.path), cast("JsonValue", value), rule.message)


def without_escapes(rule: str) -> str:
    """A rule with the names that fields have: CEL's own words are escaped in it.

    (Kubernetes, "Validation rules", "Escaping".)
    """
    return _ESCAPED.sub(r".\1", rule)


def _standard(schema: JsonValue) -> JsonValue:
    """The schema in JSON Schema's own words."""
    if isinstance(schema, list):
        return [_standard(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    own: JsonObject = {"type": ["integer", "string"]} if schema.get(_INT_OR_STRING) is True else {}
    return {key: _standard(value) for key, value in schema.items()} | own


def _cause(error: jsonschema_rs.ValidationError) -> Cause:
    """A schema error in the API server's words (kube-openapi, ``validation/errors``)."""
    path, value = _path(error.instance_path), cast("JsonValue", error.instance)
    kind = error.kind
    match kind.name:
        case "required":
            name = str(kind.as_dict()["property"])
            return required(f"{path}.{name}" if path else name)
        case "enum":
            return unsupported(path, value, [str(item) for item in _parameter(kind, "options")])
        case "type":
            type_ = ",".join(map(str, _parameter(kind, "types")))
            got = _json_type(value)
            text = f'{path} in body must be of type {type_}: "{got}"'
            message = f'Invalid value: "{got}": {text}'
            return Cause(path, "FieldValueTypeInvalid", message)
        case "minimum":
            limit = kind.as_dict()["limit"]
            text = f"{path} in body should be greater than or equal to {limit}"
            return invalid_value(path, value, text)
        case "pattern":
            text = f"{path} in body should match '{kind.as_dict()['pattern']}'"
            return invalid_value(path, value, text)
        case "format":
            text = f"{path} in body must be of type {kind.as_dict()['format']}: {shown(value)}"
            return invalid_value(path, value, text)
        case _:
            return invalid_value(path, value, error.message)


def _parameter(kind: jsonschema_rs.ValidationErrorKind, name: str) -> list[object]:
    return cast("list[object]", kind.as_dict()[name])


def _path(steps: Sequence[str | int]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _json_type(value: JsonValue) -> str:
    names: dict[type, str] = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
    }
    return names.get(type(value), "null")


def _rules(
    schema: Mapping[str, object], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    for rule in cast("list[JsonObject]", schema.get(_RULES) or []):
        yield path, rule
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    for name, child in properties.items():
        yield from _rules(child, (*path, name))


def _at(obj: object, path: tuple[str, ...]) -> object:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _child(schema: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    if name in properties:
        return properties[name]
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return additional
    return {_PRESERVE: True} if schema.get(_PRESERVE) else None


def _unknown(
    schema: Mapping[str, object], value: JsonValue, path: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    if path == ("metadata",):
        return
    if isinstance(value, dict) and not schema.get(_PRESERVE):
        for name, item in value.items():
            child = _child(schema, name)
            if child is None:
                yield (*path, name)
            else:
                yield from _unknown(child, item, (*path, name))
    elif isinstance(value, list):
        items = cast("Mapping[str, object]", schema.get("items") or {_PRESERVE: True})
        for index, item in enumerate(value):
            yield from _unknown(items, item, (*path[:-1], f"{path[-1]}[{index}]"))


def _prune(schema: Mapping[str, object], value: JsonValue, *, root: bool = True) -> JsonValue:
    if isinstance(value, list):
        items = cast("Mapping[str, object]", schema.get("items") or {_PRESERVE: True})
        return [_prune(items, item, root=False) for item in value]
    if not isinstance(value, dict):
        return value
    result: JsonObject = {}
    for name, item in value.items():
        child = _child(schema, name)
        if root and name == "metadata":
            result[name] = item
        elif child is not None and item is not None:
            result[name] = _prune(child, item, root=False)
    return result


def _fill(schema: Mapping[str, object], value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        items = cast("Mapping[str, object]", schema.get("items") or {})
        return [_fill(items, item) for item in value]
    if not isinstance(value, dict):
        return value
    result: JsonObject = {}
    for name, item in value.items():
        child = _child(schema, name)
        result[name] = item if child is None else _fill(child, item)
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    for name, child in properties.items():
        if name not in result and "default" in child:
            result[name] = child["default"]
    return result
