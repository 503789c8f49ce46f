"""What a long command says on a terminal meanwhile."""

import io
import threading

import pytest

from stashgen.cli.progress import Progress


class _Terminal(io.StringIO):
    """Remembers that something was written."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.written = threading.Event()
        self._error = error

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.set()
        if self._error is not None:
            raise self._error
        return super().write(text)


def test_a_slow_stage_is_named_and_the_line_is_taken_away() -> None:
    terminal = _Terminal()
    with Progress(terminal, delay_seconds=0) as progress:
        progress.stage("compiling")
        assert terminal.written.wait(30)
    assert "stashgen: " in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_quick_command_says_nothing() -> None:
    terminal = _Terminal()
    with Progress(terminal, delay_seconds=3600) as progress:
        progress.stage("compiling")
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_without_a_terminal_no_thread_is_started(stream: io.StringIO | None) -> None:
    before = threading.active_count()
    with Progress(stream, delay_seconds=0) as progress:
        progress.stage("compiling")
        assert threading.active_count() == before


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    terminal = _Terminal(BrokenPipeError())
    with Progress(terminal, delay_seconds=0):
        assert terminal.written.wait(30)


def test_an_error_passes_through_after_the_line_is_taken_away() -> None:
    terminal = _Terminal()

    def fail() -> None:
        with Progress(terminal, delay_seconds=0):
            assert terminal.written.wait(30)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert terminal.getvalue().endswith("\r\x1b[K")
