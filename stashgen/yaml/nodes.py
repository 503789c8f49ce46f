"""Plain JSON data that records where each part was written.

Maps and lists are ordinary dicts and lists with one extra slot. An inventory has millions of
entries, so a position is packed into one small integer, and scalars themselves carry nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Union

from stashgen.diagnostics import quote

# The recursive form of pydantic's JsonValue, without importing pydantic.
Json = Union[dict[str, "Json"], list["Json"], str, bool, int, float, None]  # noqa: UP007 (| does not join names in quotes)

BITS = 28  # a line or a column: input is bounded at 64 MB, which is 2**26
_MASK = (1 << BITS) - 1
KEY_SHIFT = 2 * BITS
_NO_MARKS: Mapping[str, int] = MappingProxyType({})


class Map(dict[str, Json]):
    """A mapping that knows where each key and value was written."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        # key -> line and column of the key, then of the value, 28 bits each: one small integer
        # an entry, because an inventory has millions of them.
        self.marks: Mapping[str, int] = _NO_MARKS


class Seq(list[Json]):
    """A list that knows where each item was written: line and column, 28 bits each."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[int] = []


def unpack(packed: int) -> tuple[int, int]:
    """Line and column, from 0, of a value in ``marks``; shift by ``KEY_SHIFT`` for the key's."""
    return packed >> BITS & _MASK, packed & _MASK


def format_path(keys: tuple[str | int, ...]) -> str:
    """A path as people write it: ``spec.sessions[0].name``, ``metadata.labels["a.b/c"]``."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.replace("_", "a").replace("-", "a").isalnum():
            text += f".{key}" if text else key
        else:
            text += f"[{quote(key)}]"
    return text
