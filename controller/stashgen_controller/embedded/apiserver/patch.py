"""The three patch types: RFC 6902, RFC 7386 and Kubernetes' strategic merge patch."""

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from stashgen_controller.embedded.apiserver.errors import (
    bad_request,
    unfit_patch,
    unsupported_media_type,
)

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

# patchMergeKey of the lists that our objects have (Kubernetes API, "core/v1", "batch/v1").
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
    "secrets": "name",
    "conditions": "type",
    "hostAliases": "ip",
}

# Lists of plain values that are merged (patchStrategy=merge without a key).
MERGED_LISTS = frozenset({"finalizers"})


def apply_patch(content_type: str, current: JsonValue, patch: JsonValue) -> JsonValue:
    """The patched document; neither argument is changed.

    Raises:
        StatusError: 400 for a patch that does not fit, 415 for a type that is not known.
    """
    match content_type:
        case _ if content_type in {MERGE_PATCH, STRATEGIC_PATCH}:
            if not isinstance(patch, dict):
                raise bad_request("error decoding patch: it is not an object")
            if content_type == MERGE_PATCH:
                return merge(current, patch)
            return _strategic(current, patch, "")
        case _ if content_type == JSON_PATCH:
            if not isinstance(patch, list):
                raise bad_request("error decoding patch: it is not a list of operations")
            for operation in patch:
                if not isinstance(operation, dict):
                    raise bad_request("error decoding patch: an operation is not an object")
                current = _operate(current, operation)
            return current
        case _:
            raise unsupported_media_type(f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC_PATCH}")


def merge(current: JsonValue, patch: JsonValue) -> JsonValue:
    """JSON merge patch (RFC 7386): null removes, everything but objects replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _strategic(current: JsonValue, patch: JsonValue, field: str) -> JsonValue:
    if isinstance(patch, list):
        return _strategic_list(current if isinstance(current, list) else [], patch, field)
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return None
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if key.startswith("$setElementOrder/") or key == "$retainKeys":
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            removed = cast("list[JsonValue]", value)
            kept = cast("list[JsonValue]", result.get(name) or [])
            result[name] = [item for item in kept if item not in removed]
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _strategic(result.get(key), value, key)
    for key, value in patch.items():
        name = key.removeprefix("$setElementOrder/")
        if name != key and isinstance(value, list) and isinstance(result.get(name), list):
            result[name] = _ordered(cast("list[JsonValue]", result[name]), value, name)
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {key: value for key, value in result.items() if key in retained}
    return result


def _strategic_list(
    current: Sequence[JsonValue], patch: Sequence[JsonValue], field: str
) -> JsonValue:
    if field in MERGED_LISTS:
        return [*current, *(item for item in patch if item not in current)]
    key = MERGE_KEYS.get(field)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return list(patch)
    items = [cast("dict[str, JsonValue]", item) for item in current]
    for change in cast("Sequence[dict[str, JsonValue]]", patch):
        if change.get("$patch") == "replace":
            plain = cast("Sequence[dict[str, JsonValue]]", patch)
            return [item for item in plain if "$patch" not in item]
        index = next((i for i, item in enumerate(items) if item.get(key) == change.get(key)), None)
        if change.get("$patch") == "delete":
            items = [item for item in items if item.get(key) != change.get(key)]
        elif index is None:
            added = _strategic({}, change, "")
            items.append(cast("dict[str, JsonValue]", added))
        else:
            merged = _strategic(items[index], change, "")
            items[index] = cast("dict[str, JsonValue]", merged)
    return cast("JsonValue", items)


def _ordered(items: list[JsonValue], order: list[JsonValue], field: str) -> JsonValue:
    """The items in the order that the patch wants; others stay behind those they followed."""
    key = MERGE_KEYS.get(field)

    def identity(item: JsonValue) -> JsonValue:
        return item.get(key) if key is not None and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    listed = [item for item in items if identity(item) in wanted]
    listed.sort(key=lambda item: wanted.index(identity(item)))
    following = iter(listed)
    return [next(following) if identity(item) in wanted else item for item in items]


def _operate(document: JsonValue, operation: Mapping[str, JsonValue]) -> JsonValue:
    kind, path = operation.get("op"), _pointer(operation.get("path"))
    match kind:
        case "add":
            return _set(document, path, operation.get("value"), insert=True)
        case "replace":
            return _set(document, path, operation.get("value"), insert=False)
        case "remove":
            return _remove(document, path)
        case "test":
            if _found(document, path) != operation.get("value"):
                raise unfit_patch()
            return document
        case "copy" | "move":
            source = _pointer(operation.get("from"))
            value = _get(document, source)
            document = _remove(document, source) if kind == "move" else document
            return _set(document, path, value, insert=True)
        case _:
            raise unfit_patch()


def _pointer(text: JsonValue) -> tuple[str, ...]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise unfit_patch()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _index(items: Sequence[JsonValue], step: str, *, insert: bool) -> int:
    if insert and step == "-":
        return len(items)
    if not step.isdecimal() or int(step) >= len(items) + insert:
        raise unfit_patch()
    return int(step)


def _get(document: JsonValue, path: Sequence[str]) -> JsonValue:
    for step in path:
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list):
            document = document[_index(document, step, insert=False)]
        else:
            raise unfit_patch()
    return document


def _found(document: JsonValue, path: Sequence[str]) -> JsonValue:
    """The value to test: a field that is not there counts as null, one below it does not fit."""
    parent = _get(document, path[:-1])
    if path and isinstance(parent, dict) and path[-1] not in parent:
        return None
    return _get(document, path)


def _set(document: JsonValue, path: Sequence[str], value: JsonValue, *, insert: bool) -> JsonValue:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        items = list(document)
        index = _index(items, step, insert=insert and not rest)
        if rest:
            items[index] = _set(items[index], rest, value, insert=insert)
        elif insert:
            items.insert(index, value)
        else:
            items[index] = value
        return items
    if not isinstance(document, dict) or (rest and step not in document):
        raise unfit_patch()
    return document | {step: _set(document.get(step), rest, value, insert=insert)}


def _remove(document: JsonValue, path: Sequence[str]) -> JsonValue:
    _get(document, path)
    step, rest = path[0], path[1:]
    if isinstance(document, list):
        items = list(document)
        index = _index(items, step, insert=False)
        if rest:
            items[index] = _remove(items[index], rest)
        else:
            del items[index]
        return items
    known = cast("dict[str, JsonValue]", document)
    if rest:
        return known | {step: _remove(known[step], rest)}
    return {key: value for key, value in known.items() if key != step}
