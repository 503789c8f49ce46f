"""Fields and types: pydantic's errors about a document as findings with positions."""

import difflib
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from stashgen.api.base import Model
from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.validation.shapes import misfits
from stashgen.validate.keep import MAX_AGE, is_within
from stashgen.validate.unsupported import (
    FOLLOWS,
    generic,
    is_unsupported_field,
    is_unsupported_value,
    until_supported,
)
from stashgen.validate.walk import Code, Keys, error
from stashgen.yaml.documents import Document

M = TypeVar("M", bound=Model)

# How alike two names are, as difflib counts: alike, or the same but for a slip of the finger.
_SIMILAR, _TYPO = 0.6, 0.8
_EXCEPTIONS = "spec.exceptions[]."

_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "tuple_type": "a list",
    "string_sub_type": "a string",
}


def parse(document: Document, model: type[M]) -> tuple[M | None, tuple[Finding, ...]]:
    """The document as a model, or None and everything that is wrong with its shape."""
    try:
        # Only the documented names: the models' own names are Python's.
        return model.model_validate(document.data, by_alias=True, by_name=False), ()
    except ValidationError as refusal:
        details = refusal.errors(include_url=False)
    kind = model.__name__
    problems = [(tuple(detail["loc"]), detail) for detail in details]
    unsupported = {
        keys
        for keys, detail in problems
        if (detail["type"] == "extra_forbidden" and is_unsupported_field(kind, keys))
        or is_unsupported_value(kind, keys, detail["input"])
    }
    consequences = {
        (keys[:-1], field) for keys in unsupported for field in FOLLOWS.get(generic(keys), ())
    }
    # A misspelt field is not also reported as missing.
    misspelt = {
        (*keys[:-1], _close(model, keys, _SIMILAR))
        for keys, detail in problems
        if detail["type"] == "extra_forbidden"
    }
    findings = []
    for keys, detail in problems:
        if keys in unsupported:
            findings.append(_not_supported(document, kind, keys, detail))
        elif (keys[:-1], generic(keys)) in consequences:
            continue
        elif detail["type"] != "missing" or keys not in misspelt:
            findings.append(_finding(document, model, keys, detail))
    return None, tuple(findings)


def misfit_findings(document: Document, model: Model) -> Iterator[Finding]:
    """What does not fit in the parts of Kubernetes' types that are passed on, such as affinity."""
    for item in misfits(model):
        yield error(
            Code.UNKNOWN_FIELD if item.is_unknown else Code.WRONG_TYPE,
            document,
            item.keys,
            at_key=item.is_unknown,
            what=item.what,
            why="the API server would reject the pod (Kubernetes, PodSpec)",
            fix="correct the field as Kubernetes' API reference has it",
        )


def _finding(
    document: Document, model: type[Model], keys: Keys, detail: Mapping[str, Any]
) -> Finding:
    name = next((key for key in reversed(keys) if isinstance(key, str)), "")
    match detail["type"]:
        case "extra_forbidden" if name and "keep" in keys[:-1] and is_within(name):
            return error(
                Code.UNKNOWN_FIELD,
                document,
                keys,
                at_key=True,
                what=f"field {quote(name)} is unknown: other tools use it for opposite things",
                why="restic's --keep-within keeps everything that is younger, in addition to the "
                "counts; KubeStash's maxRetentionPeriod removes everything that is older, even if "
                "a count keeps it",
                fix=f"use {MAX_AGE} to remove everything that is older; to keep every recent "
                "restore point, raise last",
            )
        case "extra_forbidden":
            return error(
                Code.UNKNOWN_FIELD,
                document,
                keys,
                at_key=True,
                what=f"field {quote(name)} is unknown",
                why="a field that is ignored would appear to work",
                fix=_nearest(model, keys),
            )
        case "missing":
            return error(
                Code.MISSING_FIELD,
                document,
                keys[:-1],
                what=f"field {quote(name)} is missing",
                why="no default would be right for everyone",
                fix=f"set {name}",
            )
        case "literal_error" | "enum":
            return error(
                Code.NOT_ALLOWED,
                document,
                keys,
                what=f"{_shown(detail['input'])} is not a valid value for {name}",
                why="no other values are defined",
                fix=_expected(detail),
            )
        case "string_pattern_mismatch":
            return error(
                Code.NAME,
                document,
                keys,
                what=f"{_shown(detail['input'])} is not a valid value for {name}",
                why="it becomes part of object names, and the API server would reject it",
                fix=f"use a value that matches {detail['ctx']['pattern']}",
            )
        case "value_error":
            # A time is the only value that a model parses itself.
            return error(
                Code.NOT_ALLOWED,
                document,
                keys,
                what=f"{_shown(detail['input'])} is not a valid value for {name}",
                why="a time must be in RFC 3339 format with a time zone",
                fix='write a time such as "2030-12-31T14:00:00Z"',
            )
        case type_:
            wanted = _TYPES.get(type_)
            return error(
                Code.WRONG_TYPE,
                document,
                keys,
                what=f"{name or 'the document'} must be {wanted}"
                if wanted
                else f"{name}: {detail['msg'][:1].lower()}{detail['msg'][1:]}",
                why=f"it is {_kind_of(detail['input'])}",
                fix=f"write {wanted}" if wanted else "correct the value",
            )


def _not_supported(document: Document, kind: str, keys: Keys, detail: Mapping[str, Any]) -> Finding:
    is_field = detail["type"] == "extra_forbidden"
    value = "" if is_field else f" {quote(_value(document, keys))}"
    return error(
        Code.NOT_SUPPORTED,
        document,
        keys,
        at_key=is_field,
        what=f"{'field' if is_field else 'value'} {quote(keys[-1]) if is_field else value[1:]} "
        "is not supported yet",
        why="it is planned, but this version of stashgen does not implement it",
        fix=until_supported(kind, keys) if is_field else _expected(detail),
    )


def _expected(detail: Mapping[str, Any]) -> str:
    return f"use {str(detail['ctx']['expected']).replace(chr(39), chr(34))}"


def _value(document: Document, keys: Keys) -> object:
    node: Any = document.data
    for key in keys:
        node = node[key]
    return node


def _shown(value: object) -> str:
    return quote(value) if isinstance(value, str | int | float) else _kind_of(value)


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {quote(value)[1:-1]}"
        case str():
            return f"the string {quote(value)}"
        case list():
            return "a list"
        case dict():
            return "a map"
        case _:
            return "something else"


def _nearest(model: type[Model], keys: Keys) -> str:
    """What an unknown field was probably meant to be."""
    name = str(keys[-1])
    here = _fields_at(model, keys[:-1])
    others = [path for path in _paths(model, "") if path.rsplit(".", 1)[-1] == name]
    # The very name somewhere else is more likely than a name that is merely similar.
    close = _close(model, keys, _TYPO if others else _SIMILAR)
    if close is not None:
        return f"did you mean {quote(close)}?"
    if others:
        near = max(_in_common(path, keys) for path in others)
        others = [path for path in others if _in_common(path, keys) == near]
        # A policy's own field rather than an exception's.
        others = [path for path in others if _EXCEPTIONS not in path] or others
        return f"move {name} to {' or '.join(others[:3])}"
    return f"the known fields here are {', '.join(here)}" if here else "remove it"


def _in_common(path: str, keys: Keys) -> int:
    """How many steps a path has in common with where a field is written."""
    pairs = zip(path.replace("[]", "").split("."), filter(_is_name, keys), strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), len(keys))


def _is_name(key: str | int) -> bool:
    return isinstance(key, str)


def _close(model: type[Model], keys: Keys, likeness: float) -> str | None:
    """The field at this place whose name is closest to the last key, if it is close enough."""
    lowered = {field.lower(): field for field in _fields_at(model, keys[:-1])}
    close = difflib.get_close_matches(str(keys[-1]).lower(), lowered, n=1, cutoff=likeness)
    return lowered[close[0]] if close else None


def _fields_at(model: type[Model], keys: Keys) -> tuple[str, ...]:
    current: object = model
    for key in keys:
        if isinstance(key, int):
            current = _item(current)
        elif isinstance(current, type) and issubclass(current, Model):
            current = next((_plain(kind) for alias, kind in _fields(current) if alias == key), None)
        elif get_origin(current) is dict:
            current = get_args(current)[1]
    if isinstance(current, type) and issubclass(current, Model):
        return tuple(alias for alias, _ in _fields(current))
    return ()


def _fields(model: type[Model]) -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation


def _paths(model: type[Model], prefix: str) -> Iterator[str]:
    for alias, annotation in _fields(model):
        path = f"{prefix}{alias}"
        yield path
        kind = _plain(annotation)
        inner = _item(kind)
        if inner is not None:
            kind, path = inner, f"{path}[]"
        if isinstance(kind, type) and issubclass(kind, Model):
            yield from _paths(kind, f"{path}.")


def _plain(annotation: object) -> object:
    """The annotation without ``| None``."""
    arguments = [one for one in get_args(annotation) if one is not NoneType]
    is_optional = NoneType in get_args(annotation) and len(arguments) == 1
    return arguments[0] if is_optional else annotation


def _item(annotation: object) -> object:
    """What the items of a tuple are; None for anything else."""
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None
