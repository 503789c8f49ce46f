"""Plain aligned text: tables whose last column is a sentence, times and ages."""

import textwrap
from collections.abc import Iterable, Sequence
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

    The last column is wrapped to at most three lines if the terminal is too narrow; without a width
    it is one line, for grep.
    """
    cells = [[printable(cell) or NOTHING for cell in row] for row in rows]
    shown = [list(headings), *cells]
    widths = [max(len(row[index]) for row in shown) for index in range(len(headings) - 1)]
    lines: list[str] = []
    for row in shown:
        head = indent + "".join(
            cell.ljust(size) + _GAP for cell, size in zip(row[:-1], widths, strict=True)
        )
        tail = _broken(row[-1], width - len(head) if width is not None else None)
        lines.append((head + tail[0]).rstrip())
        lines += [" " * len(head) + line for line in tail[1:]]
    return "\n".join(lines)


def _broken(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    lines = textwrap.wrap(
        text,
        max(width, _NARROWEST),
        max_lines=_MOST_LINES,
        placeholder=" ...",
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
