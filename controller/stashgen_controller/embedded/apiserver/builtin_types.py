"""The types of built-in kinds: what a server decodes, drops and refuses before it validates.

The ``kubernetes`` package's models carry each field's name and type; only these tables are used.
"""

import base64
import binascii
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from kubernetes.client import models
from pydantic import JsonValue

from stashgen.api.base import JsonObject, parse_time

_T = TypeVar("_T")

_MODELS = {"Event": "CoreV1Event"}
# Fields whose text may also be written as a number (resource.Quantity).
_QUANTITIES = frozenset(
    {"limits", "requests", "capacity", "overhead", "sizeLimit", "allocatedResources", "hard"}
)
# Fields that are shown although they are empty.
_KEPT_EMPTY = frozenset({"rules", "values", "containers"})
_GENERIC = re.compile(r"(?P<outer>List|Dict)\[(?:str, )?(?P<inner>.+)\]")
_ANY = "object"


class WrongTypeError(Exception):
    """A value of another type than the field's."""


def decode(kind: str, obj: JsonObject) -> tuple[JsonObject, list[str]]:
    """An object as its kind has it, and the paths of fields that the kind does not have.

    Raises:
        WrongTypeError: a field has another type.
    """
    unknown: list[str] = []
    decoded = _value(_MODELS.get(kind, f"V1{kind}"), obj, "", unknown)
    return cast("JsonObject", decoded), unknown


def decode_metadata(metadata: JsonValue) -> tuple[JsonObject, list[str]]:
    """The metadata of any object.

    Raises:
        WrongTypeError: a field has another type.
    """
    unknown: list[str] = []
    decoded = _value("V1ObjectMeta", metadata, "metadata", unknown)
    return cast("JsonObject", decoded), unknown


@cache
def _fields(model: str) -> dict[str, str]:
    known: Any = getattr(models, model)
    names: dict[str, str] = known.attribute_map
    types: dict[str, str] = known.openapi_types
    return {names[attribute]: type_ for attribute, type_ in types.items()}


@cache
def _is_model(type_: str) -> bool:
    # The package loads its models when they are asked for: a name that is none costs most.
    return hasattr(models, type_)


def _value(type_: str, value: JsonValue, path: str, unknown: list[str]) -> JsonValue:
    if type_ == _ANY:
        return value
    if match := _GENERIC.fullmatch(type_):
        return _collection(match["outer"], match["inner"], value, path, unknown)
    if _is_model(type_):
        return _model(type_, value, path, unknown)
    return _scalar(type_, value, path)


def _collection(
    outer: str, inner: str, value: JsonValue, path: str, unknown: list[str]
) -> JsonValue:
    if outer == "List":
        items = _expect(list, "array", value, path)
        return [_value(inner, item, f"{path}[{at}]", unknown) for at, item in enumerate(items)]
    known = _expect(dict, "object", value, path)
    if path.rpartition(".")[2] in _QUANTITIES:
        known = {key: _quantity(item) for key, item in known.items()}
    return {key: _value(inner, item, f"{path}.{key}", unknown) for key, item in known.items()}


def _model(model: str, value: JsonValue, path: str, unknown: list[str]) -> JsonValue:
    fields = _fields(model)
    result: JsonObject = {}
    for name, item in _expect(dict, "object", value, path).items():
        place = f"{path}.{name}" if path else name
        if name not in fields:
            unknown.append(place)
        elif item is not None:
            given = _quantity(item) if name in _QUANTITIES else item
            decoded = _value(fields[name], given, place, unknown)
            # Go leaves out empty lists and maps, but not empty structures.
            if decoded or name in _KEPT_EMPTY or not _GENERIC.fullmatch(fields[name]):
                result[name] = decoded
    return result


def _quantity(value: JsonValue) -> JsonValue:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _scalar(type_: str, value: JsonValue, path: str) -> JsonValue:
    match type_:
        case "str":
            return _expect(str, "string", value, path)
        case "bool":
            return _expect(bool, "bool", value, path)
        case "int" if not isinstance(value, bool):
            return _expect(int, "int64", value, path)
        case "float" if not isinstance(value, bool):
            return _expect((int, float), "float64", value, path)
        case "datetime":
            text = _expect(str, "string", value, path)
            return _checked(parse_time, text, value, path)
        case "bytes":
            text = _expect(str, "string", value, path)
            return _checked(_base64, text, value, path)
        case _:
            raise _wrong(type_, value, path)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _checked(read: Callable[[str], object], text: str, value: JsonValue, path: str) -> JsonValue:
    try:
        read(text)
    except ValueError as error:
        raise _wrong(str(error), value, path) from error
    return text


def _expect(types: type[_T] | tuple[type[_T], ...], name: str, value: JsonValue, path: str) -> _T:
    if not isinstance(value, types):
        raise _wrong(name, value, path)
    return value


def _wrong(expected: str, value: JsonValue, path: str) -> WrongTypeError:
    names = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
    got = names.get(type(value), "number")
    return WrongTypeError(
        f"json: cannot unmarshal {got} into Go struct field {path or '(root)'} of type {expected}"
    )
