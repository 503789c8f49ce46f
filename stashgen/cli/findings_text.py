"""Findings as people read them on a terminal: alike ones together, in colour where there is any."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from stashgen.diagnostics import Finding, Severity, printable, render_finding

_MOST_ALIKE = 20
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m"}


def has_colour(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows colours, and nobody asked for none.

    ``NO_COLOR`` (no-color.org) counts if it is not empty.
    """
    is_asked = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return is_asked and stream is not None and stream.isatty()


def paragraphs(findings: Sequence[Finding], *, colour: bool) -> Iterator[str]:
    """A paragraph a finding, in their order; those about whole files that say the same share one.

    A build that was forgotten is one mistake, not one in each file.
    """
    for alike in _grouped(findings):
        first, *others = alike
        lines = render_finding(first).split("\n")
        heads = [lines[0], *(render_finding(one).partition("\n")[0] for one in others)]
        if len(heads) > _MOST_ALIKE:
            heads[_MOST_ALIKE:] = [f"... and {len(heads) - _MOST_ALIKE} more like these"]
        if colour:
            heads = [
                _coloured(finding, head) for finding, head in zip(alike, heads, strict=False)
            ] + heads[len(alike) :]
            lines = [_dimmed(line) for line in lines]
        yield "\n".join([*heads, *lines[1:]])


def _grouped(findings: Iterable[Finding]) -> Iterable[list[Finding]]:
    groups: dict[object, list[Finding]] = {}
    for index, finding in enumerate(findings):
        is_of_file = not finding.subject and not finding.related
        alike = (finding.code, finding.severity, finding.what, finding.why, finding.fix)
        groups.setdefault(alike if is_of_file else index, []).append(finding)
    return groups.values()


def _coloured(finding: Finding, head: str) -> str:
    place = printable(f"{finding.position}:")
    if not head.startswith(place):
        return head
    severity = f"{finding.severity} {finding.code}:"
    rest = head.removeprefix(f"{place} {severity}")
    return f"{_BOLD}{place}{_RESET} {_COLOURS[finding.severity]}{severity}{_RESET}{rest}"


def _dimmed(line: str) -> str:
    """A line such as ``  why: ...`` with its label less bright than its text."""
    label, colon, text = line.partition(":")
    return f"{_DIM}{label}{colon}{_RESET}{text}"
