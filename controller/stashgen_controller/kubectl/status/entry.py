"""The lines of ``kubectl stashgen status``, and their sections."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Section(StrEnum):
    """The kind of attention that something needs, in screen order."""

    LATE = "late"
    OBJECTIVE = "objective missed"
    FAILED = "failed"
    WITHOUT_BACKUP = "without a backup"
    NOT_READY = "not ready"
    UNPROTECTED = "unprotected"
    INCOMPLETE = "incomplete"
    PAUSED = "paused"
    RUNNING = "running"


# Only these set the exit code to 1.
FINDINGS = frozenset(
    {
        Section.LATE,
        Section.OBJECTIVE,
        Section.FAILED,
        Section.WITHOUT_BACKUP,
        Section.NOT_READY,
        Section.UNPROTECTED,
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the screen.

    Attributes:
        section: The section of the line.
        namespace: The object's namespace.
        kind, name: The object.
        what: A short description of the object.
        since: Since when this has been the case, if known.
        detail: Further text, such as the allowed age.
        why: The exact reason.
        next: The next command to run.
    """

    section: Section
    namespace: str
    kind: str
    name: str
    what: str
    since: datetime | None
    detail: str
    why: str
    next: str
