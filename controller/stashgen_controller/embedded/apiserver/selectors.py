"""Label and field selectors (Kubernetes, "Labels and Selectors", "Field Selectors")."""

import re
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject, metadata_of
from stashgen_controller.embedded.apiserver.errors import bad_request

Predicate = Callable[[JsonObject], bool]
_KEY = r"(?P<key>(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)"
_SET = re.compile(_KEY + r"\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(_KEY + r"\s*(?P<op>==|=|!=)\s*(?P<value>[-\w.]*)")
_EXISTS = re.compile(r"(?P<not>!?)\s*" + _KEY)
_FIELD = re.compile(r"(?P<key>[^=!,]+)(?P<op>==|=|!=)(?P<value>[^,]*)")

# What can be selected besides metadata.name and metadata.namespace: label and path.
_SELECTABLE: Mapping[str, Mapping[str, str]] = {
    "Event": {
        field: field
        for field in (
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "type",
        )
    },
    "Job": {"status.successful": "status.succeeded"},
    "Namespace": {"status.phase": "status.phase"},
    "Pod": {
        field: field
        for field in (
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        )
    },
    "Secret": {"type": "type"},
}
_NUMBERS = frozenset({"status.succeeded"})


def label_predicate(selector: str) -> Predicate:
    """Whether an object's labels match; an empty selector matches all.

    Raises:
        StatusError: 400 for a selector that cannot be read.
    """
    tests = [_label_test(part) for part in _split(selector)]

    def matches(obj: JsonObject) -> bool:
        metadata = metadata_of(obj)
        labels = cast("Mapping[str, str]", metadata.get("labels") or {})
        return all(test(labels) for test in tests)

    return matches


def field_predicate(kind: str, selector: str) -> Predicate:
    """Whether an object's fields match; a missing field is empty.

    Raises:
        StatusError: 400 for a selector that cannot be read, or a field that its kind cannot be
            selected by.
    """
    tests: list[tuple[str, bool, str]] = []
    for part in filter(None, selector.split(",")):
        match = _FIELD.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{part}'")
        path = _selectable(kind, match["key"])
        tests.append((path, match["op"] != "!=", match["value"]))

    def matches(obj: JsonObject) -> bool:
        return all((_field(obj, path) == value) is equal for path, equal, value in tests)

    return matches


def _selectable(kind: str, label: str) -> str:
    if label in {"metadata.name", "metadata.namespace"}:
        return label
    found = _SELECTABLE.get(kind, {}).get(label)
    if found is None:
        raise bad_request(f"field label not supported: {label}")
    return found


def _split(selector: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(selector):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(selector[start:index])
            start = index + 1
    parts.append(selector[start:])
    return [part.strip() for part in parts] if selector.strip() else []


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


def _field(obj: JsonValue, path: str) -> str:
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    if obj is None:
        return "0" if path in _NUMBERS else ""
    return str(obj)
