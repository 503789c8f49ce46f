"""What becomes of a backup that could not read every file."""

from enum import StrEnum


class OnUnreadable(StrEnum):
    """Whether a backup that lacks files is good; either way it can be restored by its name."""

    FAIL = "fail"
    WARN = "warn"
