"""One input: made from a number, given to one command, and what must hold of its end.

A command succeeds, reports findings, or says what cannot be used: exit code 0, 1 or 2. It never
shows a bug (3) or a traceback, takes more than five seconds of the processor or 500 MB, or changes
the tree.
"""

import contextlib
import io
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random
from types import FrameType

from stashgen.cli.main import run as stashgen
from stashgen.diagnostics import ExitCode, render_finding
from stashgen.yaml.documents import read_documents
from tests.fuzz.mutate import mutated
from tests.fuzz.project import cases, tree, write_mutated

MOST_SECONDS = 5.0
MOST_BYTES = 500_000_000
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
# Most numbers are for the reader, which takes a hundredth of the time of a command.
_READER_SHARE = 0.75
_START = "--start=2027-03-01"
_COMMANDS = (
    ("check",),
    ("check", "--format=sarif"),
    ("build", "--stdout"),
    ("explain", "demo/library"),
    ("explain", "secrets"),
    ("report", "coverage", "--by=namespace"),
    ("report", "schedule", "--days=3", _START, "--failures=10"),
    ("report", "retention", "--days=3", _START, "--change=2"),
    ("plan",),
    ("plan", "--format=markdown"),
)


class _TooLongError(BaseException):
    """Nothing that catches exceptions may catch it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What an input broke.

    Attributes:
        seed: Of the input.
        command: What was run.
        why: The promise.
        output: What the command said.
    """

    seed: int
    command: str
    why: str
    output: str


def fuzz(seed: int, keep: Path | None = None) -> Broken | None:
    """Try one input; None if all promises hold.

    Args:
        seed: The same one is the same input.
        keep: A folder that does not exist, in which the input is left.
    """
    random = Random(seed)
    if random.random() < _READER_SHARE:
        return _fuzz_reader(seed, random, keep)
    return _fuzz_command(seed, random, keep)


def _fuzz_reader(seed: int, random: Random, keep: Path | None) -> Broken | None:
    files = sorted(random.choice(cases()).rglob("*.yaml"))
    path = random.choice([one for one in files if one.is_file()])
    content = mutated(path.read_bytes(), random)
    if keep is not None:
        keep.write_bytes(content)
    is_dirty = random.random() < 0.5
    name = f"read_documents(dirty={is_dirty})"
    try:
        with _limited():
            found = read_documents(content, PurePosixPath("a.yaml"), dirty=is_dirty)
            for finding in found.findings:
                render_finding(finding)
    except _TooLongError:
        return Broken(seed, name, "it takes too long", "")
    except Exception as error:  # noqa: BLE001 (any exception at all breaks the promise)
        return Broken(seed, name, f"it raises {type(error).__name__}", str(error))
    return _too_large(seed, name)


def _fuzz_command(seed: int, random: Random, keep: Path | None) -> Broken | None:
    case = random.choice(cases())
    command = random.choice(_COMMANDS)
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name, "project")
        write_mutated(case, folder, random)
        states = [str(case), str(folder)]
        if random.random() < 0.5:
            states.reverse()
        flags = states if command[0] == "plan" else ["--project", str(folder)]
        return check_command(seed, folder, [*command, *flags, "--debug"])


def check_command(seed: int, folder: Path, arguments: list[str]) -> Broken | None:
    """Run a command about a folder; None if all promises hold."""
    before = tree(folder)
    shown = " ".join(arguments)
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    code: int | None = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.suppress(_TooLongError),
        _limited(),
    ):
        code = stashgen(arguments)
    output = err.getvalue()
    if code is None:
        return Broken(seed, shown, "it takes too long", output)
    if code not in {ExitCode.OK, ExitCode.FINDINGS, ExitCode.USAGE} or "Traceback" in output:
        return Broken(seed, shown, f"exit code {code}", output)
    if tree(folder) != before:
        return Broken(seed, shown, "the tree is another", output)
    return _too_large(seed, shown)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Stop what takes too much of the processor: a busy machine does not count."""

    def stop(_: int, __: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _too_large(seed: int, shown: str) -> Broken | None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    if peak <= MOST_BYTES:
        return None
    return Broken(seed, shown, f"the process has had {peak // 10**6} MB", "")
