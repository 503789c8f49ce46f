"""Documents with marks in place of strings that vary: emitted once, filled in many times.

A mark is two characters from Unicode's private use area, the second of which is its number. It may
be a whole string or a part of one. A filled text has the same bytes as the emitted filled object:
each string with a mark is quoted by what it becomes, as ``emit`` would.
"""

import json
import re
from collections.abc import Sequence
from typing import TypeVar, cast

from stashgen.yaml.emitter import emit, scalar

_MARK = "\ue000"
_FIRST, _LAST = 0xE001, 0xF8FF
# What a mark can stand for. None of it has a meaning where the code looks into a string: it is not
# empty, no slash to strip is at its ends, and no variable or line break is in it.
_CAN_VARY = re.compile(r"[\w.*](?:[\w./*, -]*[\w.*])?", re.ASCII)
_MARKED = re.compile(f"{_MARK}([{chr(_FIRST)}-{chr(_LAST)}])")
# No key has a mark, so a marked string ends its line; the emitter quotes it for its characters.
_QUOTED = re.compile(rf'"((?:[^"\\\n{_MARK}]|\\.)*{_MARK}(?:[^"\\\n]|\\.)*)"(?=\n)')

_T = TypeVar("_T")


def mark(index: int) -> str:
    """The mark of the value with this index.

    Raises:
        ValueError: there are no more marks.
    """
    if index > _LAST - _FIRST:
        raise ValueError(f"there is no mark {index}")
    return _MARK + chr(_FIRST + index)


def can_vary(value: str) -> bool:
    """Whether a mark may stand for a value."""
    return _CAN_VARY.fullmatch(value) is not None


def is_marked(data: object) -> bool:
    """Whether data like JSON holds a mark, in whatever string."""
    match data:
        case str():
            return _MARK in data
        case dict():
            return any(is_marked(key) or is_marked(value) for key, value in data.items())
        case list() | tuple():
            return any(map(is_marked, data))
        case _:
            return False


def fill(data: _T, values: Sequence[str]) -> _T:
    """Data like JSON with the values in place of their marks; parts without marks are shared.

    Without values nothing is a mark: such a character may be somebody's own.
    """
    return cast("_T", _filled(data, values)) if values else data


def _filled(data: object, values: Sequence[str]) -> object:
    match data:
        case str():
            return _text(data, values)
        case dict():
            made = {key: _filled(value, values) for key, value in data.items()}
            return made if any(made[key] is not value for key, value in data.items()) else data
        case list() | tuple():
            items = [_filled(item, values) for item in data]
            if all(one is other for one, other in zip(items, data, strict=True)):
                return data
            return type(data)(items)
        case _:
            return data


def _text(text: str, values: Sequence[str]) -> str:
    if _MARK not in text:
        return text
    return _MARKED.sub(lambda found: values[ord(found[1]) - _FIRST], text)


class MarkedText:
    """An object with marks as YAML, to be filled in."""

    def __init__(self, data: object) -> None:
        """Emit the object, as ``emit`` does.

        Raises:
            ValueError: a mark is in a key or a block of several lines.
        """
        self._fixed: list[str] = []
        # Most strings are in an object several times.
        strings: dict[str, int] = {}
        self._places: list[int] = []
        text, end = emit(data), 0
        for found in _QUOTED.finditer(text):
            self._fixed.append(text[end : found.start()])
            self._places.append(strings.setdefault(json.loads(found[0]), len(strings)))
            end = found.end()
        self._fixed.append(text[end:])
        self._strings = tuple(strings)
        if any(map(is_marked, self._fixed)):
            raise ValueError("a mark is in a key or a block of several lines")

    def fill(self, values: Sequence[str]) -> str:
        """The YAML of the object with these values, each of which ``can_vary``."""
        strings = [scalar(_text(string, values)) for string in self._strings]
        parts = [""] * (len(self._fixed) + len(self._places))
        parts[::2] = self._fixed
        parts[1::2] = [strings[place] for place in self._places]
        return "".join(parts)
