"""Say on a terminal what a long command is doing; nothing in a pipe, a file or CI."""

import threading
import time
from types import TracebackType
from typing import Self, TextIO

_DELAY_SECONDS = 2.0
_REPEAT_SECONDS = 0.5
_CLEAR_LINE = "\r\x1b[K"


class Progress:
    """A line that is there only while a stage of a command takes long.

    Use as a context manager; ``stage`` names what comes next.
    """

    def __init__(self, stream: TextIO | None, delay_seconds: float = _DELAY_SECONDS) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._delay_seconds = delay_seconds
        self._stage = ""
        self._start = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        if self._stream is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._stream is not None:
            self._thread.join()

    def stage(self, text: str) -> None:
        """What is done from now on."""
        self._stage = text

    def _show(self) -> None:
        stream, wait = self._stream, self._delay_seconds
        if stream is None:
            return
        is_shown = False
        try:
            while not self._ended.wait(wait):
                seconds = int(time.monotonic() - self._start)
                stream.write(f"{_CLEAR_LINE}stashgen: {self._stage} ... {seconds} s")
                stream.flush()
                is_shown, wait = True, _REPEAT_SECONDS
            if is_shown:
                stream.write(_CLEAR_LINE)
                stream.flush()
        except OSError:
            # The terminal has gone away; the command itself notices.
            return
