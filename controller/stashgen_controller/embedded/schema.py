"""What a CRD's structural schema does to an object: defaults, pruning, validation, CEL rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import jsonschema_rs
from cel_expr_python import cel
from pydantic import JsonValue

from stashgen.api.base import JsonObject

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_RULES = "x-kubernetes-validations"
_TRANSITION = "oldSelf"


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
        self._validator = jsonschema_rs.validator_for(schema)
        env = cel.NewEnv(variables={"self": cel.Type.DYN, _TRANSITION: cel.Type.DYN})
        self._rules = [
            _Rule(
                path=path,
                expression=env.compile(str(rule["rule"])),
                message=str(rule.get("message") or f"failed rule: {rule['rule']}"),
                is_transition=_TRANSITION in str(rule["rule"]),
            )
            for path, rule in _rules(schema, ())
        ]

    def unknown_fields(self, obj: JsonObject) -> list[str]:
        """The paths of fields that the schema does not have, sorted."""
        return sorted(".".join(path) for path in _unknown(self._schema, obj, ()))

    def admit(self, obj: JsonObject) -> JsonObject:
        """The object with unknown fields pruned and defaults filled in."""
        return cast("JsonObject", _admit(self._schema, obj))

    def errors(self, obj: JsonObject, old: JsonObject | None) -> list[tuple[str, str]]:
        """What is wrong: fields with messages; transition rules need the old object."""
        found = [
            (".".join(str(step) for step in error.instance_path), error.message)
            for error in self._validator.iter_errors(obj)
        ]
        if found:
            return found
        return list(self._broken_rules(obj, old))

    def _broken_rules(self, obj: JsonObject, old: JsonObject | None) -> Iterator[tuple[str, str]]:
        for rule in self._rules:
            value = _at(obj, rule.path)
            before = _at(old, rule.path) if old is not None else None
            if value is None or (rule.is_transition and before is None):
                continue
            expression = cast("cel.Expression", rule.expression)
            data = {"self": value, _TRANSITION: before}
            if expression.eval(data=data).value() is not True:
                shown = "object" if isinstance(value, dict) else value
                message = f'Invalid value: "{shown}": {rule.message}'
                yield ".".join(rule.path), message


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


def _admit(schema: Mapping[str, object], value: JsonValue, *, root: bool = True) -> JsonValue:
    if isinstance(value, list):
        items = cast("Mapping[str, object]", schema.get("items") or {_PRESERVE: True})
        return [_admit(items, item, root=False) for item in value]
    if not isinstance(value, dict):
        return value
    result: JsonObject = {}
    for name, item in value.items():
        child = _child(schema, name)
        if root and name == "metadata":
            result[name] = item
        elif child is not None and item is not None:
            result[name] = _admit(child, item, root=False)
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    for name, child in properties.items():
        if name not in result and "default" in child:
            result[name] = child["default"]
    return result
