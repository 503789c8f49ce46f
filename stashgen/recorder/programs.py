"""Run other programs: the one place of the generator that does.

Each gets its arguments as they are, without a shell, no standard input, and bounds on time and
output. With stashgen they end: a signal ends their whole process group.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stashgen.diagnostics import ToolError, printable
from stashgen.yaml.documents import LARGEST_FILE_BYTES

LONGEST_SECONDS = 600
_SECONDS_TO_END = 30
_READ_BYTES = 1 << 16
_MOST_ERROR_BYTES = 1 << 14
_MOST_ERROR_LINES = 10
# How to install what is missing.
_INSTALL = {
    "argocd": "brew install argocd",
    "flux": "brew install fluxcd/tap/flux",
    "flux-local": "uv tool install flux-local",
    "git": "https://git-scm.com/downloads",
    "helm": "go install helm.sh/helm/v3/cmd/helm@latest",
    "kubectl": "brew install kubectl",
    "kustomize": "go install sigs.k8s.io/kustomize/kustomize/v5@latest",
}


def find_program(*names: str) -> str:
    """The name of the first of these programs that is on PATH.

    Raises:
        ToolError: none is; the message says how to install the first.
    """
    for name in names:
        if shutil.which(name) is not None:
            return name
    first = names[0]
    install = _INSTALL.get(Path(first).name)
    fix = f"install it: {install}" if install else "install it, or correct the command"
    raise ToolError(f"{' or '.join(map(printable, names))} is not on PATH; {fix}")


def run_program(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None
) -> bytes:
    """What a program prints.

    Args:
        arguments: The program, on PATH or a path with a slash, and its arguments.
        folder: Where it runs, and what such a path is relative to.
        variables: Of its environment, beside ours.

    Raises:
        ToolError: it is missing, fails, takes too long or prints too much; with the last lines
            that it wrote to standard error.
    """
    program = arguments[0]
    if "/" not in program:
        find_program(program)
    elif not (folder / program).is_file():
        raise ToolError(f"{printable(program)} does not exist in {folder.absolute()}")
    shown = printable(" ".join(arguments))
    with _unwound_by_signals() as may_unwind:
        try:
            process = subprocess.Popen(
                [str((folder / program).absolute()) if "/" in program else program, *arguments[1:]],
                cwd=folder,
                env={**os.environ, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ToolError(f"cannot run {shown}: {error}") from error
        with process:
            try:
                may_unwind()
                output, errors = _read(process, shown)
                code = process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired as error:
                raise ToolError(f"{shown} does not end after it closed its output") from error
            finally:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
    if code != 0:
        ended = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise ToolError(f"{shown} failed ({ended})", _last_lines(errors))
    return output


@contextlib.contextmanager
def _unwound_by_signals() -> Iterator[Callable[[], None]]:
    """Let SIGINT and SIGTERM unwind the stack, so that a program that runs is ended, too.

    While the program is started a signal waits: nothing could end the program yet. What is yielded
    is called as soon as something can.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    waiting: list[int] = []
    started = False

    def handle(number: int, _: FrameType | None) -> None:
        waiting.append(number)
        if started:
            _unwind(number)

    def may_unwind() -> None:
        nonlocal started
        started = True
        if waiting:
            _unwind(waiting[0])

    handled = [signal.SIGTERM]
    # A shell has what it starts in the background ignore SIGINT.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        handled.append(signal.SIGINT)
    before = [(number, signal.signal(number, handle)) for number in handled]
    try:
        yield may_unwind
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    # The program could not be started, but a signal came.
    if waiting:
        _unwind(waiting[0])


def _unwind(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _read(process: subprocess.Popen[bytes], shown: str) -> tuple[bytes, bytes]:
    """All of its standard output, and the end of its standard error."""
    deadline = time.monotonic() + LONGEST_SECONDS
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((process.stdout, output), (process.stderr, errors)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, kept)
        while selector.get_map():
            for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                read = os.read(key.fd, _READ_BYTES)
                if not read:
                    selector.unregister(key.fileobj)
                key.data.extend(read)
                del errors[:-_MOST_ERROR_BYTES]
            if len(output) > LARGEST_FILE_BYTES:
                limit = LARGEST_FILE_BYTES // (1024 * 1024)
                raise ToolError(f"{shown} prints more than {limit} MB")
            if time.monotonic() >= deadline:
                raise ToolError(
                    f"{shown} takes longer than {LONGEST_SECONDS} s", _last_lines(errors)
                )
    return bytes(output), bytes(errors)


def _last_lines(errors: bytes | bytearray) -> tuple[str, ...]:
    lines = (line.rstrip() for line in errors.decode(errors="replace").splitlines())
    return tuple(line for line in lines if line)[-_MOST_ERROR_LINES:]
