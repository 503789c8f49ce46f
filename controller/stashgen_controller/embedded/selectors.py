"""Label and field selectors (Kubernetes, "Labels and Selectors", "Field Selectors")."""

import re
from collections.abc import Callable, Mapping
from typing import cast

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.errors import bad_request

Predicate = Callable[[JsonObject], bool]
_SET = re.compile(r"(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s+\((?P<values>[^)]*)\)")
_EQUALITY = re.compile(r"(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)")
_EXISTS = re.compile(r"(?P<not>!?)\s*(?P<key>[^\s!=,()]+)")


def label_predicate(selector: str) -> Predicate:
    """Whether an object's labels match; an empty selector matches all.

    Raises:
        StatusError: 400 for a selector that cannot be read.
    """
    tests = [_label_test(part) for part in _split(selector)]

    def matches(obj: JsonObject) -> bool:
        metadata = cast("JsonObject", obj.get("metadata") or {})
        labels = cast("Mapping[str, str]", metadata.get("labels") or {})
        return all(test(labels) for test in tests)

    return matches


def field_predicate(selector: str) -> Predicate:
    """Whether an object's fields match; any dotted path is allowed, a missing field is empty.

    Raises:
        StatusError: 400 for a selector that cannot be read.
    """
    tests: list[tuple[tuple[str, ...], bool, str]] = []
    for part in filter(None, selector.split(",")):
        match = _EQUALITY.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"unable to parse field selector {part!r}")
        tests.append((tuple(match["key"].split(".")), match["op"] != "!=", match["value"]))

    def matches(obj: JsonObject) -> bool:
        return all((_field(obj, path) == value) is equal for path, equal, value in tests)

    return matches


def _split(selector: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(selector):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(selector[start:index])
            start = index + 1
    parts.append(selector[start:])
    return [part.strip() for part in parts if part.strip()]


def _label_test(part: str) -> Callable[[Mapping[str, str]], bool]:
    if match := _SET.fullmatch(part):
        key, wanted = match["key"], match["op"] == "in"
        values = {value.strip() for value in match["values"].split(",")}
        if wanted:
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.fullmatch(part):
        key, value = match["key"], match["value"]
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(part):
        key, wanted = match["key"], not match["not"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f"unable to parse requirement: {part!r}")


def _field(obj: object, path: tuple[str, ...]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)
