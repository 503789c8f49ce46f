"""Programs that run as long as a test needs them, and end with it, whatever happens to it."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_STEP_SECONDS = 0.1
_LOG_LINES = 30


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str], port: int
) -> Iterator[None]:
    """Run a program until the block ends; it has begun when it listens on its port.

    The kernel kills it if this process is killed. Where the block fails, the end of its log is
    shown with the failure.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, f"{command[0]} ended\n{_end(log)}"
        yield
    except BaseException as error:
        error.add_note(_end(log))
        raise
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not so after {_START_SECONDS:.0f} s"
        time.sleep(_STEP_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"{log}:", *(f"  {line[:400]}" for line in lines[-_LOG_LINES:])])
