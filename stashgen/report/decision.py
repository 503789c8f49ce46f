"""Decided values with the places that decided them, as two columns of text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stashgen.diagnostics import Position

_WIDEST = 76
_GAP = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """One value.

    Attributes:
        text: ``every: 4h``; indented below what it belongs to.
        position: Where it is written; None if nobody wrote it and it is the default.
    """

    text: str
    position: Position | None = None
    depth: int = 0


def lines(decisions: Iterable[Decision], show: Callable[[Position], str] = str) -> Iterator[str]:
    """The text, the places in one column where they can be.

    Args:
        decisions: In their order.
        show: A place in a file as the reader finds it.
    """
    made = [("  " * one.depth + one.text, one.position) for one in decisions]
    widths = [len(text) for text, position in made if position is not None]
    column = max((width for width in widths if width <= _WIDEST), default=0) + _GAP
    for text, position in made:
        if position is None:
            yield text
        else:
            yield f"{text.ljust(column - _GAP)}{' ' * _GAP}{show(position)}"
