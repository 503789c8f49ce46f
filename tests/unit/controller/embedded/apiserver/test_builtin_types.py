"""What a server decodes of built-in objects."""

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtin_types import (
    WrongTypeError,
    decode,
    decode_metadata,
)


def test_unknown_fields_are_dropped_and_named() -> None:
    obj: JsonObject = {"spec": {"template": {"spec": {"containers": [{"name": "a", "x": 1}]}}}}
    decoded, unknown = decode("Job", obj)
    assert unknown == ["spec.template.spec.containers[0].x"]
    assert decoded == {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}


def test_nulls_and_empty_lists_are_no_values_but_empty_structures_are() -> None:
    spec: JsonObject = {
        "containers": [{"name": "a", "env": [], "args": None}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "nodeSelector": {},
    }
    decoded, unknown = decode("Pod", {"spec": spec})
    assert unknown == []
    assert decoded == {
        "spec": {"containers": [{"name": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]}
    }


def test_quantity_may_be_a_number() -> None:
    resources: JsonObject = {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": 0.5}}
    obj: JsonObject = {"spec": {"containers": [{"name": "a", "resources": resources}]}}
    decoded, _ = decode("Pod", obj)
    assert decoded == {
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "resources": {
                        "limits": {"cpu": "1", "memory": "1Gi"},
                        "requests": {"cpu": "0.5"},
                    },
                }
            ]
        }
    }


@pytest.mark.parametrize(
    ("kind", "obj", "message"),
    [
        ("Job", {"spec": {"backoffLimit": "6"}}, "string into Go struct field spec.backoffLimit"),
        ("Job", {"spec": {"backoffLimit": True}}, "bool into Go struct field spec.backoffLimit"),
        ("Job", {"spec": []}, "array into Go struct field spec of type object"),
        ("CronJob", {"spec": {"suspend": 0}}, "number into Go struct field spec.suspend"),
        ("ConfigMap", {"data": {"a": 1}}, "number into Go struct field data.a of type string"),
        ("Secret", {"data": {"a": "not base64!"}}, "string into Go struct field data.a"),
        ("Pod", {"spec": {"containers": {}}}, "object into Go struct field spec.containers"),
    ],
)
def test_value_of_another_type_is_refused(kind: str, obj: JsonObject, message: str) -> None:
    with pytest.raises(WrongTypeError, match=message):
        decode(kind, obj)


def test_metadata_of_any_kind_has_one_type() -> None:
    decoded, unknown = decode_metadata({"name": "a", "colour": "blue", "labels": {}})
    assert decoded == {"name": "a"}
    assert unknown == ["metadata.colour"]
    with pytest.raises(WrongTypeError):
        decode_metadata({"name": "a", "creationTimestamp": "yesterday"})
