"""One line of ``kubectl stashgen status``, and the headings that lines are under."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Section(StrEnum):
    """What kind of attention something needs; in the order of the screen."""

    LATE = "late"
    FAILED = "failed"
    NOT_READY = "not ready"
    UNPROTECTED = "unprotected"
    PAUSED = "paused"
    RUNNING = "running"


# These alone make the exit code 1.
FINDINGS = frozenset({Section.LATE, Section.FAILED, Section.NOT_READY, Section.UNPROTECTED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the screen.

    Attributes:
        section: Under which heading.
        namespace: Of the object.
        kind, name: The object that it is about.
        what: The object in words.
        since: Since when it is so, where that is known.
        detail: What else belongs into the line, such as how old it may be.
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
