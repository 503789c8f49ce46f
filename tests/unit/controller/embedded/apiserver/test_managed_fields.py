"""Who owns which field, and what an apply may change."""

from datetime import UTC, datetime

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.managed_fields import Fields, Ownership, Writer

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_APPLIER = Writer("git", "Apply")
_OTHER = Writer("hand", "Update")
_FIELDS = Fields(is_custom=False)


def _data(**data: str) -> JsonObject:
    return {"metadata": {"name": "one"}, "data": dict(data)}


def test_fields_of_the_server_are_nobodys() -> None:
    obj: JsonObject = {"kind": "X", "metadata": {"name": "a", "labels": {"b": "c"}}, "spec": {}}
    assert set(_FIELDS.of(obj)) == {
        ("f:metadata", "f:labels"),
        ("f:metadata", "f:labels", "f:b"),
        ("f:spec",),
    }


def test_items_with_keys_are_fields_and_other_lists_are_values() -> None:
    obj: JsonObject = {"containers": [{"name": "a", "args": ["x"]}]}
    assert ("f:containers", 'k:{"name":"a"}', "f:args") in _FIELDS.of(obj)
    assert _FIELDS.of(obj)["f:containers", 'k:{"name":"a"}', "f:args"] == ["x"]
    assert Fields(is_custom=True).of(obj) == {("f:containers",): obj["containers"]}


def test_fields_survive_the_wire() -> None:
    ownership = Ownership({})
    obj: JsonObject = {"containers": [{"name": "a", "env": [{"name": "B"}]}], "x": {"y": 1}}
    ownership.record(_APPLIER, {}, _FIELDS.of(obj), _NOW)
    entries = ownership.entries("v1")
    assert Ownership({"managedFields": entries}).entries("v1") == entries


def _apply(ownership: Ownership, live: JsonObject, applied: JsonObject, *, force: bool) -> set[str]:
    removed = ownership.apply(_APPLIER, _FIELDS.of(live), _FIELDS.of(applied), _NOW, force=force)
    return {path[-1] for path in removed}


def test_what_another_wrote_is_a_conflict_unless_forced() -> None:
    ownership = Ownership({})
    ownership.record(_OTHER, {}, _FIELDS.of(_data(a="1")), _NOW)
    with pytest.raises(StatusError, match=r'conflict with "hand": \.data\.a') as caught:
        _apply(ownership, _data(a="1"), _data(a="2"), force=False)
    assert caught.value.code == 409
    assert _apply(ownership, _data(a="1"), _data(a="2"), force=True) == set()


def test_equal_value_is_no_conflict() -> None:
    ownership = Ownership({})
    ownership.record(_OTHER, {}, _FIELDS.of(_data(a="1")), _NOW)
    assert _apply(ownership, _data(a="1"), _data(a="1"), force=False) == set()


def test_field_that_is_no_longer_applied_goes_unless_another_has_it() -> None:
    ownership = Ownership({})
    ownership.record(_OTHER, {}, _FIELDS.of(_data(b="2")), _NOW)
    _apply(ownership, _data(b="2"), _data(a="1", b="2"), force=False)
    assert _apply(ownership, _data(a="1", b="2"), _data(), force=False) == {"f:a"}


def test_change_takes_a_field_from_its_owner() -> None:
    ownership = Ownership({})
    ownership.record(_APPLIER, {}, _FIELDS.of(_data(a="1", b="1")), _NOW)
    ownership.record(_OTHER, _FIELDS.of(_data(a="1", b="1")), _FIELDS.of(_data(a="2", b="1")), _NOW)
    with pytest.raises(StatusError, match=r"\.data\.a"):
        _apply(ownership, _data(a="2", b="1"), _data(a="1", b="1"), force=False)


def test_merge_lays_one_over_the_other_and_changes_neither() -> None:
    live: JsonObject = {"containers": [{"name": "a", "image": "1"}], "x": 1}
    applied: JsonObject = {"containers": [{"name": "a", "image": "2"}, {"name": "b"}]}
    assert _FIELDS.merge(live, applied) == {
        "containers": [{"name": "a", "image": "2"}, {"name": "b"}],
        "x": 1,
    }
    assert live == {"containers": [{"name": "a", "image": "1"}], "x": 1}


def test_item_goes_only_when_nothing_but_its_key_is_left() -> None:
    path = ("f:env", 'k:{"name":"A"}')
    only_key: JsonObject = {"env": [{"name": "A"}, {"name": "B"}]}
    assert _FIELDS.without(only_key, path) == {"env": [{"name": "B"}]}
    with_value: JsonObject = {"env": [{"name": "A", "value": "1"}]}
    assert _FIELDS.without(with_value, path) == with_value
