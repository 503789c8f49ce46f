"""Findings about the record of what is protected: a file that cannot be trusted."""

from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity


class Code(StrEnum):
    """The findings of this pass; each is explained in docs/findings.md."""

    DAMAGED = "SG704"
    MOVED = "SG711"
    TIGHTENED = "SG712"
    RETIRED_PLACE = "SG715"
    RETIRED_KEY = "SG716"


def damaged(position: Position, what: str) -> Finding:
    """A file that must be restored before anything can be compared with it."""
    return Finding(
        Code.DAMAGED,
        Severity.ERROR,
        position,
        "",
        f"the generated file is damaged: {what}",
        "it records what is protected; anything that cannot be read could be lost unnoticed",
        "restore the file from Git (git checkout, or git restore --source <commit>)",
    )
