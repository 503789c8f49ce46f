"""Who wrote which field, and server-side apply on top of it (Kubernetes, "Server-Side Apply").

A field is a path of steps as ``fieldsV1`` writes them: ``f:name`` for a key, ``k:{...}`` for an
item of a list with keys, ``v:...`` for an item of a set. Other lists are one value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson
from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.patch import MERGE_KEYS, MERGED_LISTS

Path = tuple[str, ...]
_OUTSIDE = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "creationTimestamp",
                "deletionGracePeriodSeconds",
                "deletionTimestamp",
                "generation",
                "managedFields",
                "name",
                "namespace",
                "resourceVersion",
                "selfLink",
                "uid",
            )
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: a manager, how, and through which subresource."""

    manager: str
    operation: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of an object by path; ``is_custom`` says that lists are single values."""

    is_custom: bool

    def of(self, obj: JsonObject) -> dict[Path, JsonValue]:
        """Every field that can be owned, with its value (None for what only holds others)."""
        found: dict[Path, JsonValue] = {}
        self._collect(obj, (), "", found)
        return {
            path: value
            for path, value in found.items()
            if path[:1] not in _OUTSIDE and path[:2] not in _OUTSIDE and path != ("f:metadata",)
        }

    def merge(self, live: JsonValue, applied: JsonValue, field: str = "") -> JsonValue:
        """The live value with the applied one laid over it."""
        if isinstance(live, dict) and isinstance(applied, dict):
            result = dict(live)
            for key, value in applied.items():
                result[key] = self.merge(live.get(key), value, key)
            return result
        if isinstance(live, list) and isinstance(applied, list) and self._is_keyed(field):
            steps = [self._step(item, field) for item in live]
            result_list = list(live)
            for item in applied:
                step = self._step(item, field)
                if step in steps:
                    index = steps.index(step)
                    result_list[index] = self.merge(result_list[index], item)
                else:
                    result_list.append(item)
            return result_list
        return applied

    def without(self, value: JsonValue, path: Path, field: str = "") -> JsonValue:
        """The value without one field; what still holds other fields stays."""
        step, rest = path[0], path[1:]
        if step.startswith("k:") and rest[:1] and rest[0].removeprefix("f:") in _keys(step):
            # The keys of an item go with the item.
            return value
        if isinstance(value, list):
            items = []
            for item in value:
                if self._step(item, field) != step:
                    items.append(item)
                elif rest:
                    items.append(self.without(item, rest))
                elif step.startswith("k:") and set(cast("JsonObject", item)) - _keys(step):
                    items.append(item)
            return items
        name = step.removeprefix("f:")
        if not isinstance(value, dict) or name not in value:
            return value
        if rest:
            return value | {name: self.without(value[name], rest, name)}
        if isinstance(value[name], dict) and value[name]:
            return value
        return {key: item for key, item in value.items() if key != name}

    def _collect(
        self, value: JsonValue, path: Path, field: str, found: dict[Path, JsonValue]
    ) -> None:
        if isinstance(value, dict):
            if path:
                found[path] = None
            for key, item in value.items():
                self._collect(item, (*path, f"f:{key}"), key, found)
        elif isinstance(value, list) and self._is_keyed(field):
            found[path] = None
            for item in value:
                step = self._step(item, field)
                self._collect(item, (*path, step), "", found)
        else:
            found[path] = value

    def _is_keyed(self, field: str) -> bool:
        if field in MERGED_LISTS or field == "ownerReferences":
            return True
        return not self.is_custom and field in MERGE_KEYS

    def _step(self, item: JsonValue, field: str) -> str:
        if not isinstance(item, dict):
            return f"v:{orjson.dumps(item).decode()}"
        key = MERGE_KEYS.get(field, "name")
        return f"k:{orjson.dumps({key: item.get(key)}).decode()}"


class Ownership:
    """Who owns which fields of one object."""

    def __init__(self, metadata: JsonObject) -> None:
        self._owned: dict[Writer, set[Path]] = {}
        self._times: dict[Writer, JsonValue] = {}
        for entry in cast("list[JsonObject]", metadata.get("managedFields") or []):
            writer = Writer(
                str(entry.get("manager") or ""),
                str(entry.get("operation") or ""),
                str(entry.get("subresource") or ""),
            )
            self._owned[writer] = set(_paths(cast("JsonObject", entry.get("fieldsV1") or {}), ()))
            self._times[writer] = entry.get("time")

    def record(
        self,
        writer: Writer,
        before: Mapping[Path, JsonValue],
        after: Mapping[Path, JsonValue],
        now: datetime,
    ) -> None:
        """A write took place: what changed is the writer's, and nobody else's."""
        changed = {path for path, value in after.items() if before.get(path, ...) != value}
        lost = before.keys() - after.keys()
        for other in self._owned:
            if other != writer:
                self._owned[other] -= lost | {path for path in changed if path in before}
        mine = self._owned.get(writer, set()) - lost
        if changed or mine != self._owned.get(writer):
            self._own(writer, mine | changed, now)

    def apply(
        self,
        writer: Writer,
        live: Mapping[Path, JsonValue],
        applied: Mapping[Path, JsonValue],
        now: datetime,
        *,
        force: bool,
    ) -> set[Path]:
        """The writer now owns what it applied; returns what it no longer applies and nobody owns.

        Raises:
            StatusError: 409 when somebody else owns a field with another value.
        """
        clashes = {path for path, value in applied.items() if path in live and live[path] != value}
        conflicts = [
            (other, path)
            for other, paths in self._owned.items()
            if other != writer
            for path in sorted(paths & clashes)
        ]
        if conflicts and not force:
            raise _conflict(conflicts)
        for other, path in conflicts:
            self._owned[other].discard(path)
        before = self._owned.get(writer, set())
        mine = set(applied)
        if mine != before:
            self._own(writer, mine, now)
        others = [paths for other, paths in self._owned.items() if other != writer]
        return before - mine - set().union(*others)

    def entries(self, api_version: str) -> JsonValue:
        """The ``managedFields`` of the object."""
        found: list[JsonValue] = []
        for writer, paths in self._owned.items():
            if not paths:
                continue
            entry: JsonObject = {
                "manager": writer.manager,
                "operation": writer.operation,
                "apiVersion": api_version,
                "time": self._times[writer],
                "fieldsType": "FieldsV1",
                "fieldsV1": _tree(paths),
            }
            found.append(
                entry | ({"subresource": writer.subresource} if writer.subresource else {})
            )
        return found

    def _own(self, writer: Writer, paths: set[Path], now: datetime) -> None:
        self._owned[writer] = paths
        self._times[writer] = format_time(now)


def _keys(step: str) -> set[str]:
    return set(cast("JsonObject", orjson.loads(step.removeprefix("k:"))))


def _conflict(conflicts: list[tuple[Writer, Path]]) -> StatusError:
    causes: list[JsonValue] = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{writer.manager}"',
            "field": "".join(f".{step.partition(':')[2]}" for step in path),
        }
        for writer, path in conflicts
    ]
    managers = sorted({f'"{writer.manager}"' for writer, _ in conflicts})
    fields = "\n".join(f"- {cast('JsonObject', cause)['field']}" for cause in causes)
    number = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    message = f"Apply failed with {number}: conflicts with {', '.join(managers)}:\n{fields}"
    if len(causes) == 1:
        field = str(cast("JsonObject", causes[0])["field"])
        message = f"Apply failed with 1 conflict: conflict with {managers[0]}: {field}"
    return StatusError(409, "Conflict", message, {"causes": causes})


def _tree(paths: Iterable[Path]) -> JsonObject:
    root: JsonObject = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = cast("JsonObject", node.setdefault(step, {}))
        node["."] = {}
    return _trimmed(root)


def _trimmed(node: JsonObject) -> JsonObject:
    """The tree without the mark of a member that has no members of its own."""
    if set(node) == {"."}:
        return {}
    return {key: _trimmed(cast("JsonObject", item)) for key, item in node.items()}


def _paths(node: JsonObject, path: Path) -> Iterable[Path]:
    if not node and path:
        yield path
    for key, child in node.items():
        if key == ".":
            yield path
        else:
            yield from _paths(cast("JsonObject", child), (*path, key))
