"""Fields that do not fit their shape: what the API server refuses below the fields of our models.

The judgement of the CRDs (``api.shape_schema``) on manifests that no API server has seen yet.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from stashgen.api.backup_storage import INLINE
from stashgen.api.base import Model
from stashgen.api.shape_schema import QUANTITY
from stashgen.api.shapes import LIST, MAP, SHAPES, shape_of
from stashgen.diagnostics import quote

Keys = tuple[str | int, ...]
_QUANTITY = re.compile(QUANTITY, re.ASCII)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "int-or-string": (int, str),
    "quantity": (int, str),
}
_NOUNS = {
    "int-or-string": "an integer or a string",
    "integer": "an integer",
    "quantity": "a quantity such as 500m or 1Gi, in quotes if it has a fraction",
    "time": "a string",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """One field that does not fit.

    Attributes:
        keys: Its path on the wire.
        what: What is wrong with it.
        value: What is there; None for a missing field.
        is_unknown: There is no field of this name.
    """

    keys: Keys
    what: str
    value: JsonValue = None
    is_unknown: bool = False


def misfits(model: Model, keys: Keys = ()) -> Iterator[Misfit]:
    """Everything below the fields of a model that the API server would refuse or drop."""
    for name, field in type(model).model_fields.items():
        at = (*keys, field.alias or name)
        shape = shape_of(field)
        value = getattr(model, name)
        items = enumerate(value) if isinstance(value, tuple) else ()
        if shape is None:
            nested = [(at, value), *(((*at, index), item) for index, item in items)]
            for place, inner in nested:
                if isinstance(inner, Model):
                    yield from misfits(inner, place)
        elif isinstance(value, tuple):
            for index, item in items:
                yield from _value(shape, item, (*at, index))
        elif value is not None:
            yield from _value(shape, value, at)
    if model.model_extra:
        yield from _object(INLINE, model.model_extra, keys)


def _value(type_: str, value: JsonValue, keys: Keys) -> Iterator[Misfit]:
    if type_ in _KINDS:
        # A boolean is an int in Python, so compare exact types.
        is_wrong = type(value) not in _KINDS[type_]
        if is_wrong or (type_ == "quantity" and not _QUANTITY.fullmatch(str(value))):
            yield _wrong(keys, _NOUNS.get(type_, f"a {type_}"), value)
    elif type_.startswith(LIST):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _value(type_.removeprefix(LIST), item, (*keys, index))
        else:
            yield _wrong(keys, "a list", value)
    elif not isinstance(value, dict):
        yield _wrong(keys, "an object", value)
    elif type_.startswith(MAP):
        for key, item in value.items():
            if item is not None:
                yield from _value(type_.removeprefix(MAP), item, (*keys, key))
    else:
        yield from _object(type_, value, keys)


def _object(shape: str, fields: Mapping[str, JsonValue], keys: Keys) -> Iterator[Misfit]:
    """An API server drops a null before it looks at the rest."""
    known = SHAPES[shape]
    for name, value in fields.items():
        if name not in known:
            what = f"{quote(name)} is no field of this object"
            yield Misfit((*keys, name), what, value, is_unknown=True)
        elif value is not None:
            yield from _value(known[name].removesuffix("!"), value, (*keys, name))
    for name, type_ in known.items():
        if type_.endswith("!") and fields.get(name) is None:
            yield Misfit((*keys, name), f"{quote(name)} is missing")


def _wrong(keys: Keys, noun: str, value: JsonValue) -> Misfit:
    """The value is not shown: it may be a secret's."""
    last = keys[-1]
    subject = quote(last) if isinstance(last, str) else f"item {last}"
    return Misfit(keys, f"{subject} must be {noun}", value)
