"""The terminal or its replacement: results go to ``out``, messages to ``err``."""

import io
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from stashgen.diagnostics import printable

_COLOURS = {"red": "31", "yellow": "33", "green": "32", "bold": "1"}


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command writes.

    Attributes:
        out: For results.
        err: For messages to people.
        width: In characters; None if lines may have any length, as in a pipe.
        has_colours: Whether results may be coloured.
    """

    out: TextIO
    err: TextIO
    width: int | None = None
    has_colours: bool = False

    @classmethod
    def of_process(cls, environment: Mapping[str, str] = os.environ) -> "Console":
        """The console of this process; colours only on a terminal and without NO_COLOR."""
        # Either may have been closed by the caller (2>&-).
        out, err = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
        is_terminal = out.isatty()
        return cls(
            out,
            err,
            shutil.get_terminal_size().columns if is_terminal else None,
            is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb",
        )

    def write(self, text: str) -> None:
        """Write a result, with a final newline."""
        self.out.write(text if text.endswith("\n") else f"{text}\n")

    def say(self, text: str) -> None:
        """Write a message and flush it."""
        self.err.write(f"{printable(text)}\n")
        self.err.flush()

    def painted(self, colour: str, text: str) -> str:
        """The text in a colour, if the console has colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.has_colours else text
