"""Plain aligned text: tables whose last column is a sentence, times and ages."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from stashgen.diagnostics import printable
from stashgen_controller.kube.durations import duration

_GAP = "  "
_NARROWEST = 24
_MOST_LINES = 3
NOTHING = "-"


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], width: int | None, indent: str = ""
) -> str:
    """Rows under headings, with columns as wide as necessary.

    Where the terminal is too narrow for a row, it goes on in the next line, indented; the last
    column is wrapped to at most three lines. Without a width each row is one line, for grep.
    """
    cells = [[printable(cell) or NOTHING for cell in row] for row in rows]
    shown = [list(headings), *cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    folded = _folded(widths, width, indent)
    return "\n".join(line for row in shown for line in _row(row, widths, folded, width))


def _folded(widths: Sequence[int], width: int | None, indent: str) -> list[tuple[str, int, int]]:
    """The lines that a row takes: an indentation, the first column, and the one after the last."""
    lines: list[tuple[str, int, int]] = []
    first, used = 0, len(indent)
    for index, size in enumerate(widths):
        is_last = index == len(widths) - 1
        need = min(size, _NARROWEST) if is_last else size
        if width is not None and index > first and used + need > width:
            lines.append((indent, first, index))
            indent = indent if len(lines) > 1 else indent + _GAP
            first, used = index, len(indent)
        used += size + len(_GAP)
    return [*lines, (indent, first, len(widths))]


def _row(
    row: Sequence[str],
    widths: Sequence[int],
    folded: Sequence[tuple[str, int, int]],
    width: int | None,
) -> Iterator[str]:
    for indent, first, end in folded:
        pairs = zip(row[first : end - 1], widths[first : end - 1], strict=True)
        head = indent + "".join(cell.ljust(size) + _GAP for cell, size in pairs)
        is_last = end == len(row)
        room = width - len(head) if width is not None and is_last else None
        tail = _broken(row[end - 1], room)
        yield (head + tail[0]).rstrip()
        yield from (" " * len(head) + line for line in tail[1:])


def _broken(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    lines = textwrap.wrap(
        text,
        max(width, _NARROWEST),
        max_lines=_MOST_LINES,
        placeholder=" ...",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, as kubectl prints ages."""
    return duration((now - since).total_seconds()) if since is not None else NOTHING


def span(value: timedelta) -> str:
    """A length of time, as kubectl prints ages."""
    return duration(value.total_seconds())


def moment(time: datetime | None) -> str:
    """A time in UTC to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S}Z" if time is not None else NOTHING


def count(number: int, word: str, plural: str = "") -> str:
    """``1 volume``, ``2 volumes``, ``2 copies``."""
    return f"{number} {word if number == 1 else plural or word + 's'}"
