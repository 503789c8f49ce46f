"""``stashgen check``: compile and compare, the gate for a pull request."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stashgen.cli.commands import CheckCommand
from stashgen.cli.compiling import compile_project
from stashgen.cli.messages import count, say, show_coverage
from stashgen.cli.project_folder import project_folder
from stashgen.cli.reporting import Reporting
from stashgen.diagnostics import ExitCode, Finding, Position, Severity, has_errors
from stashgen.model.manifest import FileTree
from stashgen.output.tree import compare, obstacles

_FIX = "run stashgen build and commit the changes"


class Code(StrEnum):
    """How the output folder may differ from a fresh build; explained in docs/findings.md."""

    MISSING = "SG701"
    STALE = "SG702"
    EXTRA = "SG703"


def check(command: CheckCommand) -> int:
    """Compare the output folder with what a build would write; writes nothing."""
    reporting = Reporting(command.verb, command.format_)
    compiled = compile_project(project_folder(command.project))
    findings = list(compiled.findings)
    output = compiled.output
    if not compiled.ok or output is None:
        reporting.add(findings)
        reporting.end()
        return ExitCode.FINDINGS
    in_the_way = obstacles(output, compiled.files)
    findings += in_the_way
    found = differences(output.root, compiled.files, output.generated)
    findings += _beside(in_the_way, found)
    reporting.add(findings)
    is_stale = has_errors(findings)
    if not is_stale:
        say(f"{output.root}: {count(len(compiled.files), 'file')} up to date")
    is_covered = show_coverage(compiled.coverage, command.require)
    reporting.end(compiled.coverage)
    return ExitCode.OK if is_covered and not is_stale else ExitCode.FINDINGS


def differences(output: Path, expected: FileTree, actual: FileTree) -> Iterator[Finding]:
    """A finding for each file that a build would add, change or delete; one if none was built."""
    if expected and not actual:
        yield Finding(
            Code.MISSING,
            Severity.ERROR,
            Position(PurePosixPath(output.as_posix())),
            "",
            f"the output has not been built: {count(len(expected), 'file')} missing",
            "check compares the output in Git with a fresh build",
            f"{_FIX}; without an output in Git, use stashgen build -o DIR or --stdout instead",
        )
        return
    found = compare(expected, actual)
    for path in found.missing:
        yield _finding(
            Code.MISSING,
            Position(_shown(output, path)),
            "the file is missing from the output",
            "a build would write it; without it the cluster does not match the policies",
        )
    for path in found.stale:
        if actual[path].replace(b"\r\n", b"\n") == expected[path]:
            yield _carriage_returns(Position(_shown(output, path)))
            continue
        yield _finding(
            Code.STALE,
            Position(_shown(output, path), _first_difference(expected[path], actual[path])),
            "the file is out of date",
            "the policies, the inventory or the stashgen version changed since the last build, "
            "or the file was edited by hand",
        )
    for path in found.extra:
        yield _finding(
            Code.EXTRA,
            Position(_shown(output, path)),
            "the file is no longer part of the output",
            "a build would delete it; until then the cluster keeps objects that no policy asks for",
        )


def _beside(in_the_way: Sequence[Finding], found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings except those about a path that something else occupies."""
    taken = {finding.position.path for finding in in_the_way}
    above = {parent for path in taken for parent in path.parents}
    for finding in found:
        path = finding.position.path
        if path not in taken | above and taken.isdisjoint(path.parents):
            yield finding


def _carriage_returns(position: Position) -> Finding:
    return Finding(
        Code.STALE,
        Severity.ERROR,
        position,
        "",
        "the file has CRLF line endings",
        "an editor or Git (core.autocrlf) converted it; a build writes the same bytes everywhere",
        'add "* -text" to a .gitattributes file in the output folder and run stashgen build',
    )


def _finding(code: Code, position: Position, what: str, why: str) -> Finding:
    return Finding(code, Severity.ERROR, position, "", what, why, _FIX)


def _shown(output: Path, path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(output.as_posix()) / path


def _first_difference(expected: bytes, actual: bytes) -> int:
    """The first line that differs, from 1; the line after the shorter file if it is a prefix."""
    ours, theirs = expected.split(b"\n"), actual.split(b"\n")
    pairs = enumerate(zip(ours, theirs, strict=False), 1)
    shorter = min(len(ours), len(theirs))
    return next((line for line, (one, other) in pairs if one != other), shorter + 1)
