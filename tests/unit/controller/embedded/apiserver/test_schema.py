"""Structural schemas: pruning, defaults, causes and CEL rules."""

import pytest
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.schema import Schema

_SPEC: JsonObject = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "count": {"type": "integer", "minimum": 1},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"on": {"type": "boolean", "default": False}},
            },
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _schema(*rules: JsonObject) -> Schema:
    spec = dict(_SPEC)
    if rules:
        spec["x-kubernetes-validations"] = list(rules)
    return Schema({"type": "object", "properties": {"spec": spec}})


def _causes(spec: JsonValue, *rules: JsonObject, old: JsonObject | None = None) -> list[str]:
    found = _schema(*rules).errors({"spec": spec}, old)
    return [f"{cause.field}: {cause.message}" for cause in found]


def test_unknown_fields_are_named_and_pruned() -> None:
    obj: JsonObject = {"spec": {"name": "a", "x": 1, "items": [{"y": 1}], "open": {"z": 1}}}
    schema = _schema()
    assert schema.unknown_fields(obj) == ["spec.items[0].y", "spec.x"]
    assert schema.prune(obj) == {"spec": {"name": "a", "items": [{}], "open": {"z": 1}}}


def test_defaults_reach_into_lists_but_make_no_objects() -> None:
    assert _schema().fill({"spec": {"items": [{}]}}) == {
        "spec": {"items": [{"on": False}], "mode": "fast"}
    }
    assert _schema().fill({}) == {}


def test_null_is_no_value() -> None:
    schema = _schema()
    assert schema.fill(schema.prune({"spec": {"mode": None}})) == {"spec": {"mode": "fast"}}


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({}, "spec.name: Required value"),
        (
            {"name": 5},
            (
                'spec.name: Invalid value: "integer": spec.name in body must be of type string: '
                '"integer"'
            ),
        ),
        (
            {"name": "a", "mode": "odd"},
            'spec.mode: Unsupported value: "odd": supported values: "fast", "slow"',
        ),
        (
            {"name": "a", "count": 0},
            "spec.count: Invalid value: 0: spec.count in body should be greater than or equal to 1",
        ),
        (
            {"name": "A"},
            "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'",
        ),
        (
            {"name": "a", "items": [{}, {"on": 1}]},
            (
                'spec.items[1].on: Invalid value: "integer": spec.items[1].on in body must be of '
                'type boolean: "integer"'
            ),
        ),
        (
            {"name": "a", "labels": {"b": 1}},
            (
                'spec.labels.b: Invalid value: "integer": spec.labels.b in body must be of type '
                'string: "integer"'
            ),
        ),
    ],
)
def test_cause_is_worded_as_the_api_server_does(spec: JsonValue, cause: str) -> None:
    assert _causes(spec) == [cause]


_FIXED: JsonObject = {"rule": "self == oldSelf", "message": "spec can not be updated"}
_NAMED: JsonObject = {"rule": "self.name != 'none'", "message": "none is no name"}


def test_transition_rule_needs_an_old_object() -> None:
    assert _causes({"name": "a"}, _FIXED) == []
    assert _causes({"name": "a"}, _FIXED, old={"spec": {"name": "a"}}) == []
    assert _causes({"name": "b"}, _FIXED, old={"spec": {"name": "a"}}) == [
        'spec: Invalid value: "object": spec can not be updated'
    ]


def test_every_broken_rule_is_reported() -> None:
    assert len(_causes({"name": "none"}, _FIXED, _NAMED, old={"spec": {"name": "a"}})) == 2


def test_rules_are_not_checked_on_an_object_of_the_wrong_shape() -> None:
    causes = _causes({"name": 5}, _NAMED)
    assert len(causes) == 2
    assert causes[1].startswith("<nil>: Invalid value: null: some validation rules were not")
