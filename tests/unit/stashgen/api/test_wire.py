"""The JSON text of an object is read as its plain data are, whatever shape it has."""

import json
from collections.abc import Callable, Iterable, Iterator

import pytest
from pydantic import JsonValue, ValidationError

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.job import Job
from stashgen.api.meta import Kind
from stashgen.api.snapshot import Snapshot

_METADATA: JsonObject = {
    "name": "a",
    "namespace": "demo",
    "generation": 2,
    "labels": {"app": "postgres"},
    "creationTimestamp": "2026-10-24T03:00:00Z",
    "ownerReferences": [
        {"apiVersion": "v1", "kind": "X", "name": "b", "uid": "c", "controller": True}
    ],
}
_CONDITION: JsonObject = {
    "type": "A",
    "status": "True",
    "lastTransitionTime": "2026-10-24T03:00:00Z",
    "reason": "B",
    "observedGeneration": 1,
}
_OBJECTS: dict[type[Kind], JsonObject] = {
    BackupSession: {
        "spec": {
            "invoker": {"apiGroup": "core.kubestash.com", "kind": "BackupConfiguration"},
            "session": "backup",
            "backupTimeout": "1h0m0s",
        },
        "status": {
            "phase": "Running",
            "conditions": [_CONDITION],
            "snapshots": [{"name": "s", "phase": "Running", "repository": "r"}],
            "retried": False,
        },
    },
    Snapshot: {
        "spec": {"repository": "r", "session": "backup", "version": "v1", "deletionPolicy": "X"},
        "status": {
            "phase": "Succeeded",
            "components": {"dump": {"phase": "Succeeded", "size": "1 MiB", "integrity": True}},
            "totalComponents": 1,
        },
    },
    Job: {
        "spec": {"activeDeadlineSeconds": 30},
        "status": {"succeeded": 1, "conditions": [{**_CONDITION, "type": "Complete"}]},
    },
}
_TEXTS: list[JsonValue] = ["", "x" * 300, "3", "true", "0000-01-01T00:00:00Z", "2026-01-01", "\0"]
_NUMBERS: list[JsonValue] = [0, -1, 1.0, 1.5, 2**63 - 1, 1e300, True, False, None]
_HOLDERS: list[JsonValue] = [[], {}, [None], ["x"], [{}], {"a": 1}, {"a": None}]
_ODD = (*_TEXTS, *_NUMBERS, *_HOLDERS)


@pytest.mark.parametrize("model", _OBJECTS, ids=lambda model: model.__name__)
def test_text_is_read_as_plain_data_are(model: type[Kind]) -> None:
    resource = model.resource
    head: JsonObject = {"apiVersion": resource.api_version, "kind": resource.kind}
    whole = {**head, "metadata": _METADATA, **_OBJECTS[model]}
    read = 0
    for changed in (whole, *_changed(whole)):
        expected = _read(model.from_wire, changed)
        found = _read(lambda obj: model.from_wire_json(json.dumps(obj).encode()), changed)
        assert found == expected, changed
        read += expected is not None
    assert read


def _read(of: Callable[[JsonValue], Kind], obj: JsonValue) -> Kind | None:
    try:
        return of(obj)
    except ValidationError:
        return None


def _changed(obj: JsonValue) -> Iterator[JsonValue]:
    """The object with each of its parts replaced by each odd value."""
    for path in _paths(obj):
        for odd in _ODD:
            yield _replaced(obj, path, odd)


def _paths(value: JsonValue) -> Iterator[tuple[str | int, ...]]:
    yield ()
    match value:
        case dict():
            items: Iterable[tuple[str | int, JsonValue]] = value.items()
        case list():
            items = enumerate(value)
        case _:
            items = ()
    yield from ((key, *rest) for key, item in items for rest in _paths(item))


def _replaced(value: JsonValue, path: tuple[str | int, ...], odd: JsonValue) -> JsonValue:
    match value, path:
        case dict(), (str() as key, *rest):
            return {**value, key: _replaced(value[key], tuple(rest), odd)}
        case list(), (int() as place, *rest):
            changed = _replaced(value[place], tuple(rest), odd)
            return [*value[:place], changed, *value[place + 1 :]]
        case _:
            return odd
