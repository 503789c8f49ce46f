"""Findings and summaries for people, on stderr."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import Finding, Position, render_finding, render_summary


def show_findings(findings: Sequence[Finding]) -> None:
    """Print findings, sorted by position, and their number; prints nothing for none."""
    for finding in sorted(findings, key=Finding.sort_key):
        say(render_finding(finding))
    if findings:
        say(render_summary(findings))


def say(text: str) -> None:
    """Print one or more lines for people."""
    print(text, file=sys.stderr)


def seen_from_here(findings: Iterable[Finding], project: Path) -> tuple[Finding, ...]:
    """Findings with paths that the caller can open, not relative to the project."""
    if project == Path():
        return tuple(findings)
    return tuple(
        replace(
            finding,
            position=below(project, finding.position),
            related=tuple(below(project, position) for position in finding.related),
        )
        for finding in findings
    )


def below(project: Path, position: Position) -> Position:
    """A place in a file of the project, as the caller can open it."""
    return replace(position, path=PurePosixPath(project.as_posix()) / position.path)


def count(number: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
