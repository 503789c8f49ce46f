"""Rows of texts in columns."""

from collections.abc import Iterable, Iterator

_GAP = 2


def columns(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A line for each row, as wide as its cells need; rows may be shorter than others."""
    found = [*rows]
    widths = [
        max(len(row[column]) for row in found if len(row) > column)
        for column in range(max(map(len, found), default=0))
    ]
    for row in found:
        cells = [cell.ljust(width + _GAP) for cell, width in zip(row, widths, strict=False)]
        yield "".join(cells).rstrip()
