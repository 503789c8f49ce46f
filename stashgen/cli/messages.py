"""Findings and summaries for people, on stderr."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stashgen.cli.commands import Requirement
from stashgen.cli.findings_text import has_colour, paragraphs
from stashgen.diagnostics import Finding, Position, printable, render_summary
from stashgen.model.coverage import Coverage

_MOST_NAMES = 20


def show_findings(findings: Sequence[Finding]) -> None:
    """Print findings, sorted by position, and their number; prints nothing for none."""
    for text in paragraphs(sorted(findings, key=Finding.sort_key), colour=has_colour(sys.stderr)):
        say(text)
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


def show_coverage(coverage: Coverage | None, required: Iterable[Requirement]) -> bool:
    """Print how much is protected, in one line; whether it is as much as is required.

    Args:
        coverage: None prints nothing.
        required: What ``--require`` names.
    """
    if coverage is None:
        return True
    missing = {
        "protected": {"unprotected": len(coverage.unprotected), "paused": len(coverage.paused)},
        "known": {"unknown": coverage.unknown},
    }
    lacking = [one for one in Requirement if one in required and any(missing[one].values())]
    for one in lacking:
        states = ((state, number) for state, number in missing[one].items() if number)
        told = ", ".join(f"{count(number, 'volume')} {state}" for state, number in states)
        say(f"--require {one}: {told}")
    say(coverage_line(coverage))
    return not lacking


def coverage_line(coverage: Coverage) -> str:
    """``protected 61, excluded 4, unprotected 2 (bank/ledger, legacy/old), unknown 3``.

    Paused ones, if there are any, are named after the protected ones.
    """
    paused = f", paused {_named(coverage.paused)}" if coverage.paused else ""
    return printable(
        f"protected {coverage.protected}{paused}, excluded {coverage.excluded}, "
        f"unprotected {_named(coverage.unprotected)}, unknown {coverage.unknown}"
    )


def _named(volumes: Sequence[str]) -> str:
    names = list(volumes[:_MOST_NAMES])
    rest = len(volumes) - len(names)
    names += [f"and {rest} more"] if rest else []
    return f"{len(volumes)} ({', '.join(names)})" if names else "0"


def count(number: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
