"""Build plain data with positions from libyaml's events, with limits against hostile input.

The readers on PyPI drop positions, let the last of two equal keys win, or crash on a million nested
brackets. The parser's events leave all of that to us: depth and aliases are counted while the data
is built, so the result can be traversed safely.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NoReturn, Protocol

from _ruamel_yaml import (
    AliasEvent,
    CParser,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.yaml.nodes import BITS, KEY_SHIFT, Json, Map, Seq, format_path, unpack
from stashgen.yaml.scalars import Refused, Scalar, read_strictly

MOST_ALIASED_NODES = 10_000
DEEPEST = 64

_MOST_CACHED = 100_000
_TAG = "tag:yaml.org,2002:"


class Code(StrEnum):
    """What reading a file may report; each is explained in docs/findings.md."""

    TOO_LARGE = "SG101"
    NOT_UTF8 = "SG102"
    CONTROL_CHARACTER = "SG103"
    SYNTAX = "SG104"
    TAB = "SG105"
    DUPLICATE_KEY = "SG106"
    AMBIGUOUS = "SG107"
    TAG = "SG108"
    ALIAS = "SG109"
    ALIAS_BUDGET = "SG110"
    TOO_DEEP = "SG111"
    KEY = "SG112"
    MERGE = "SG113"
    NOT_A_MAP = "SG114"
    TOO_MANY = "SG115"


class Mark(Protocol):
    """libyaml's position: all three count from 0, in characters."""

    line: int
    column: int
    index: int


class _Event(Protocol):
    """The fields of the parser's events that we read; each event has those of its kind."""

    start_mark: Mark
    anchor: str | None
    tag: str | None
    implicit: tuple[bool, bool]
    value: str


class UnreadableError(Exception):
    """The rest of this document cannot be read; ``index`` is where that was detected."""

    def __init__(self, finding: Finding, index: int) -> None:
        super().__init__(finding.what)
        self.finding = finding
        self.index = index


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: Json
    nodes: int
    height: int


@dataclass(frozen=True, slots=True)
class Made:
    """One document of a stream: its data, where it starts, and what is wrong with it."""

    value: Json
    line: int
    column: int
    findings: tuple[Finding, ...]


class Reader:
    """Reads the documents of one text, one after another, until the first that stops it.

    ``resolve`` gives the meaning of an unquoted scalar; ``first_line`` is added to every line.
    ``root``, ``trail`` and ``findings`` hold what was read of a document before an error.
    """

    def __init__(
        self,
        text: str,
        path: PurePosixPath,
        first_line: int,
        resolve: Callable[[str], Scalar | Refused],
    ) -> None:
        self._parser = CParser(text)
        self._next: Callable[[], _Event] = self._parser.get_event
        self._path = path
        self._first_line = first_line
        self._resolve = resolve
        self._plain: dict[str, Scalar | Refused] = {}
        self._begin()

    def _begin(self) -> None:
        self.root: Json = None
        self.trail: list[str | int] = []
        self.findings: list[Finding] = []
        self._anchors: dict[str, _Anchor] = {}
        self._nodes = 0
        self._aliased = 0
        self._deepest = 0

    def documents(self) -> Iterator[Made]:
        """Every document; an empty one has the value None.

        Raises:
            UnreadableError: a document is too deep, expands too far, or has a non-string key.
            ruamel.yaml.error.YAMLError: libyaml cannot continue.
        """
        while self._parser.check_event():
            event = self._next()
            if type(event) is not DocumentStartEvent:
                continue
            self._begin()
            event = self._next()
            mark = event.start_mark
            value = self._node(event, 1)
            # Read the document's end too: an error there belongs to this document.
            self._next()
            yield Made(value, self._first_line + mark.line, mark.column, tuple(self.findings))

    def finding(
        self,
        code: Code,
        place: Mark | tuple[int, int],
        what: str,
        why: str,
        fix: str,
        *related: tuple[int, int],
    ) -> Finding:
        """An error at a place of this text; the subject is the path inside the document."""
        return Finding(
            code=code,
            severity=Severity.ERROR,
            position=self._position(place),
            subject=format_path(tuple(self.trail)),
            what=what,
            why=why,
            fix=fix,
            related=tuple(self._position(other) for other in related),
        )

    def _position(self, place: Mark | tuple[int, int]) -> Position:
        line, column = place if isinstance(place, tuple) else (place.line, place.column)
        return Position(self._path, self._first_line + line + 1, column + 1)

    def _report(self, code: Code, event: _Event, what: str, why: str, fix: str) -> None:
        self.findings.append(self.finding(code, event.start_mark, what, why, fix))

    def _stop(self, code: Code, event: _Event, what: str, why: str, fix: str) -> NoReturn:
        mark = event.start_mark
        raise UnreadableError(self.finding(code, mark, what, why, fix), mark.index)

    def _node(self, event: _Event, depth: int) -> Json:
        kind = type(event)
        if kind is ScalarEvent:
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value, 1, 0)
            return value
        if kind is AliasEvent:
            return self._alias(event, depth)
        return self._container(event, depth)

    def _container(self, event: _Event, depth: int) -> Json:
        if depth > DEEPEST:
            self._stop(
                Code.TOO_DEEP,
                event,
                f"nested deeper than {DEEPEST} levels",
                "no Kubernetes object is that deep; deep nesting is a known attack on parsers",
                "check the indentation and the brackets before this place",
            )
        if event.tag is not None:
            self._refuse_tag(event)
        outside = self._deepest
        self._deepest = depth
        before = self._nodes
        self.trail.append(0)
        value = self._map(depth) if type(event) is MappingStartEvent else self._list(depth)
        self.trail.pop()
        self._nodes += len(value) + 1
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(
                value, self._nodes - before, self._deepest - depth + 1
            )
        self._deepest = max(outside, self._deepest)
        return value

    def _map(self, depth: int) -> Map:
        result = Map()
        if self.root is None:
            self.root = result
        marks: dict[str, int] = {}
        result.marks = marks
        merged: list[Map] = []
        merge_place: tuple[int, int] | None = None
        trail, get = self.trail, self._next
        while True:
            event = get()
            if type(event) is MappingEndEvent:
                break
            mark = event.start_mark
            if type(event) is ScalarEvent and event.value == "<<" and event.implicit[0]:
                trail[-1] = "<<"
                if merge_place is not None:
                    self._duplicate("<<", mark, merge_place)
                merge_place = (mark.line, mark.column)
                merged += self._merge(get(), depth)
                continue
            key = self._key(event)
            following = get()
            value = self._node(following, depth + 1)
            if key in marks:
                self._duplicate(key, mark, unpack(marks[key] >> KEY_SHIFT))
                continue
            at = following.start_mark
            result[key] = value
            marks[key] = (((mark.line << BITS | mark.column) << BITS | at.line) << BITS) | at.column
        for source in merged:
            for key, value in source.items():
                if key not in result:
                    result[key] = value
                    marks[key] = source.marks[key]
        return result

    def _list(self, depth: int) -> Seq:
        result = Seq()
        if self.root is None:
            self.root = result
        marks, trail = result.marks, self.trail
        while True:
            event = self._next()
            if type(event) is SequenceEndEvent:
                return result
            mark = event.start_mark
            trail[-1] = len(result)
            result.append(self._node(event, depth + 1))
            marks.append(mark.line << BITS | mark.column)

    def _key(self, event: _Event) -> str:
        """The key as a JSON string: the text as written, where all readers agree on it."""
        if type(event) is not ScalarEvent:
            self.trail.pop()
            self._stop(
                Code.KEY,
                event,
                "a key must be a string, not an alias, a list or a map",
                "JSON, and therefore Kubernetes, allows only string keys",
                "write the key out; a template such as {{ x }} must be in quotes",
            )
        text = event.value
        self.trail[-1] = text
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(text, 1, 0)
        if event.implicit[0]:
            return self._plain_key(event)
        if event.tag is not None and event.tag != _TAG + "str":
            self._refuse_tag(event)
        return text

    def _plain_key(self, event: _Event) -> str:
        text = event.value
        meaning = self._lookup(text)
        if meaning is text or meaning == text:
            return text
        if isinstance(meaning, bool):
            made = str(meaning).lower()
        elif isinstance(meaning, int):
            made = str(meaning)
        else:
            made = text if isinstance(meaning, float) else ""
        strict = self._resolve is read_strictly
        if not made or (strict and (made != text or isinstance(meaning, float))):
            self._report(
                Code.KEY,
                event,
                f"key {quote(text)} is not a string to every YAML reader",
                "some readers turn it into another key, or reject it",
                f"put it in quotes: '{text}'",
            )
            return text
        return made

    def _duplicate(self, key: str, mark: Mark, first: tuple[int, int]) -> None:
        self.findings.append(
            self.finding(
                Code.DUPLICATE_KEY,
                mark,
                f"duplicate key {quote(key)}",
                "readers silently keep one of the two, and not all keep the same one",
                "remove one of them",
                first,
            )
        )

    def _merge(self, event: _Event, depth: int) -> list[Map]:
        value = self._node(event, depth + 1)
        parts = value if isinstance(value, list) else [value]
        maps = [part for part in parts if isinstance(part, Map)]
        if len(maps) < len(parts):
            self._report(
                Code.MERGE,
                event,
                "a merge key takes a map or a list of maps",
                'other values have no meaning after "<<"',
                'point it at an anchored map, or quote the key: "<<"',
            )
        return maps

    def _alias(self, event: _Event, depth: int) -> Json:
        anchor = self._anchors.get(event.anchor or "")
        if anchor is None:
            self._report(
                Code.ALIAS,
                event,
                f"alias *{event.anchor} has no anchor",
                "an anchor must come before its alias, in the same document, and not around it",
                f"write &{event.anchor} before the value it refers to",
            )
            return None
        self._aliased += anchor.nodes
        self._nodes += anchor.nodes
        deepest = depth + anchor.height - 1
        self._deepest = max(self._deepest, deepest)
        if self._aliased > MOST_ALIASED_NODES or deepest > DEEPEST:
            self._stop(
                Code.ALIAS_BUDGET,
                event,
                f"aliases expand to more than {MOST_ALIASED_NODES} nodes or {DEEPEST} levels",
                "a few lines of nested aliases can expand to more data than fits in memory",
                "write the values out, or split the document",
            )
        return anchor.value

    def _scalar(self, event: _Event) -> Scalar:
        if event.implicit[0]:
            value = self._lookup(event.value)
            if isinstance(value, Refused):
                self._report(
                    Code.AMBIGUOUS,
                    event,
                    f"{event.value[:60]} does not mean the same to every YAML reader",
                    value.why,
                    f"put it in quotes if it is a string: '{event.value[:60]}'",
                )
                return event.value
            return value
        return event.value if event.tag is None else self._tagged(event)

    def _lookup(self, text: str) -> Scalar | Refused:
        try:
            return self._plain[text]
        except KeyError:
            value = self._resolve(text)
            if len(self._plain) < _MOST_CACHED:
                self._plain[text] = value
            return value

    def _tagged(self, event: _Event) -> Scalar:
        text = event.value
        if event.tag == _TAG + "str":
            return text
        value = read_strictly(text)
        match event.tag:
            case "tag:yaml.org,2002:null" if value is None:
                return None
            case "tag:yaml.org,2002:bool" if isinstance(value, bool):
                return value
            case "tag:yaml.org,2002:int" if isinstance(value, int) and not isinstance(value, bool):
                return value
            case "tag:yaml.org,2002:float" if isinstance(value, int | float) and not isinstance(
                value, bool
            ):
                return float(value)
            case _:
                self._refuse_tag(event)
                return text

    def _refuse_tag(self, event: _Event) -> None:
        if self._resolve is not read_strictly and (event.tag or "").startswith("!"):
            # A tool's own tag, which kubectl passes over: a scalar with it is a string.
            return
        tag = (event.tag or "").replace(_TAG, "!!")
        self._report(
            Code.TAG,
            event,
            f"tag {quote(tag)} is not accepted here",
            "only !!str, !!int, !!float, !!bool and !!null on a value of that type mean the same "
            "to every reader; other tags make some readers run code",
            "remove the tag",
        )
