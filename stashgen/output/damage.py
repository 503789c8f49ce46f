"""What reading the record may report; a file of it that cannot be taken at its word."""

from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity


class Code(StrEnum):
    """The findings of this pass; each is explained in docs/findings.md."""

    DAMAGED = "SG704"
    MOVED = "SG711"


def damaged(position: Position, what: str) -> Finding:
    """The file must be as a build wrote it before anything can be compared with it."""
    return Finding(
        Code.DAMAGED,
        Severity.ERROR,
        position,
        "",
        f"the file is not as a build wrote it: {what}",
        "it is the record of what is protected; what cannot be read of it could be lost unseen",
        "restore the file from git (git checkout, or git restore --source <commit>)",
    )
