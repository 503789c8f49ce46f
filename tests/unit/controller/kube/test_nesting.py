"""JSON that is nested deeper than our libraries take."""

from typing import cast

import orjson
import pytest
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen.api.restore_session import RestoreSession
from stashgen_controller.kube.nesting import DEEPEST, dumps, loads
from stashgen_controller.runtime.packing import Packing
from tests.support import manifests


def nested(depth: int) -> bytes:
    return b'{"a]":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)


def depth_of(value: JsonValue) -> int:
    depth = 0
    while isinstance(value, dict | list) and value:
        value = value["a]"] if isinstance(value, dict) else value[0]
        depth += 1
    return depth


@pytest.mark.parametrize("depth", [2, 100, 200, 254, 300, 1000, 1100, 10_000])
def test_what_is_too_deep_is_null(depth: int) -> None:
    found = loads(b'[{"x": %s}, "after"]' % nested(depth))
    assert isinstance(found, list)
    assert found[1] == "after"
    again = loads(dumps(found))
    assert isinstance(again, list)
    assert isinstance(again[0], dict)
    assert again[1] == "after"
    deepest = depth if depth <= DEEPEST else DEEPEST - 2
    assert depth_of(again[0]["x"]) in {depth, deepest}


def test_what_is_no_json_is_refused() -> None:
    for text in (b"{", b'{"a": 1]', b"[" * 5000):
        with pytest.raises(orjson.JSONDecodeError):
            loads(text)
    with pytest.raises(TypeError):
        dumps(cast("JsonObject", {"a": object()}))


def test_an_object_with_deep_parameters_is_kept_and_can_be_read() -> None:
    restore = manifests.restore("demo", "deep")
    params: JsonValue = loads(nested(500))
    tasks: JsonObject = {"addon": {"name": "pvc-addon", "tasks": [{"name": "x", "params": params}]}}
    spec = restore["spec"]
    assert isinstance(spec, dict)
    stored = {**restore, "spec": {**spec, **tasks}}
    packing = Packing()
    packed = packing.pack(stored)
    assert packing.unpack(packed)["metadata"] == restore["metadata"]
    assert RestoreSession.from_wire_json(packing.text(packed)).metadata.name == "deep"
