"""The table of docs/faults.md, read by the tests that prove it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.place import ROOT

TABLE = ROOT / "docs" / "faults.md"
_QUOTED = re.compile(r"`([^`]+)`")
_GAP = re.compile(r"<[^<>]+>|…")

Json = Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table.

    Attributes:
        what: The first column.
        phase: What the object's phase is.
        texts: What its status says, each as an expression; ``<name>`` and ``…`` stand for anything.
    """

    what: str
    phase: str
    texts: tuple[re.Pattern[str], ...]

    def holds(self, statuses: list[Json]) -> bool:
        """Whether it is so by now."""
        said = [text for status in statuses for text in _strings(status)]
        is_phase = statuses[0].get("phase") == self.phase
        return is_phase and all(any(map(text.fullmatch, said)) for text in self.texts)

    def check(self, statuses: list[Json]) -> None:
        """The first status has the phase, and each text stands somewhere in them.

        Raises:
            AssertionError: the table or the controller is wrong.
        """
        assert self.holds(statuses), (self, json.dumps(statuses, indent=1))


def fault(what: str) -> Fault:
    """The row that begins so.

    Raises:
        KeyError: there is none.
    """
    return {row.what: row for row in rows()}[what]


def rows() -> Iterator[Fault]:
    """All rows."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or len(cells) != 4 or cells[0] == "what goes wrong":
            continue
        phase, *texts = _QUOTED.findall(cells[1])
        yield Fault(cells[0], phase, tuple(map(_pattern, texts)))


def _pattern(text: str) -> re.Pattern[str]:
    parts, end = [], 0
    for gap in _GAP.finditer(text):
        parts += [re.escape(text[end : gap.start()]), ".+"]
        end = gap.end()
    return re.compile("".join([*parts, re.escape(text[end:])]), re.DOTALL)


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
