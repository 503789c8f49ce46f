"""Patches never change their arguments, and follow RFC 6902, RFC 7386 and the strategic rules."""

import copy

import pytest
from pydantic import JsonValue

from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.patch import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    apply_patch,
)


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_examples_of_the_rfc(
    document: JsonValue, patch: JsonValue, expected: JsonValue
) -> None:
    before = copy.deepcopy((document, patch))
    assert apply_patch(MERGE_PATCH, document, patch) == expected
    assert (document, patch) == before


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": {"b": 1}}, [{"op": "remove", "path": "/a/b"}], {"a": {}}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": [{"b": 1}]}, [{"op": "replace", "path": "/a/0/b", "value": 2}], {"a": [{"b": 2}]}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"a/b": 1}, [{"op": "test", "path": "/a~1b", "value": 1}], {"a/b": 1}),
        ({"a~b": 1}, [{"op": "remove", "path": "/a~0b"}], {}),
        ({"a": {}}, [{"op": "test", "path": "/a/b", "value": None}], {"a": {}}),
    ],
)
def test_json_patch_gives_a_new_document_and_leaves_the_old_one(
    document: JsonValue, operations: JsonValue, expected: JsonValue
) -> None:
    before = copy.deepcopy(document)
    assert apply_patch(JSON_PATCH, document, operations) == expected
    assert document == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "remove", "path": "/a/9"},
        {"op": "add", "path": "/a/9", "value": 1},
        {"op": "add", "path": "/a/x", "value": 1},
        {"op": "test", "path": "/a", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "value": 1},
        {"op": "swap", "path": "/a"},
        {},
    ],
)
def test_json_patch_that_does_not_fit_is_invalid(operation: JsonValue) -> None:
    with pytest.raises(StatusError) as caught:
        apply_patch(JSON_PATCH, {"a": [1]}, [operation])
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [(MERGE_PATCH, []), (STRATEGIC_PATCH, "x"), (JSON_PATCH, {}), (JSON_PATCH, [1])],
)
def test_patch_of_another_shape_is_a_bad_request(content_type: str, patch: JsonValue) -> None:
    with pytest.raises(StatusError) as caught:
        apply_patch(content_type, {}, patch)
    assert caught.value.code == 400


def test_strategic_patch_merges_by_key_and_keeps_the_order() -> None:
    current: JsonValue = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    patch: JsonValue = {"containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "1"}]}
    assert apply_patch(STRATEGIC_PATCH, current, patch) == {
        "containers": [
            {"name": "a", "image": "1"},
            {"name": "b", "image": "2"},
            {"name": "c", "image": "1"},
        ]
    }


def test_strategic_order_moves_only_what_is_listed() -> None:
    current: JsonValue = {"volumes": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}
    patch: JsonValue = {"$setElementOrder/volumes": [{"name": "b"}, {"name": "a"}]}
    assert apply_patch(STRATEGIC_PATCH, current, patch) == {
        "volumes": [{"name": "b"}, {"name": "x"}, {"name": "a"}]
    }


def test_strategic_patch_replaces_a_map_where_it_says_so() -> None:
    patch: JsonValue = {"a": {"$patch": "replace", "c": 1}}
    assert apply_patch(STRATEGIC_PATCH, {"a": {"b": 1}}, patch) == {"a": {"c": 1}}


def test_directives_are_not_stored() -> None:
    patch: JsonValue = {"volumes": [{"name": "a", "$retainKeys": ["name"], "emptyDir": None}]}
    assert apply_patch(STRATEGIC_PATCH, {}, patch) == {"volumes": [{"name": "a"}]}
