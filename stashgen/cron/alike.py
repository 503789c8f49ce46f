"""Schedules that differ only in the offset that a volume's hash gave them."""

import re

# Clocks change, and UTC days begin, at a multiple of this many minutes in every zone of today.
BLOCK_MINUTES = 15
_HOUR = 60
_LIST = re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*", re.ASCII)
_STEPS = re.compile(r"(?P<first>[0-9]{1,2})-59/(?P<step>[0-9]{1,2})", re.ASCII)


def without_offset(schedule: str) -> str:
    """One schedule for all whose ticks are those of another, a few minutes later.

    None of its ticks leaves its quarter of an hour, in which no zone changes its clock and no day
    begins: so both have the same gaps between ticks, and as many ticks in each hour and day, from
    any quarter of an hour on. What takes a year to count is then counted once for thousands of
    volumes.

    Args:
        schedule: Five fields or a name, valid or not; what is not understood is returned as it is.
    """
    return split_offset(schedule)[0]


def split_offset(schedule: str) -> tuple[str, int]:
    """The same, and by how many minutes the ticks of the schedule are later; from 0 to 14."""
    first, space, rest = schedule.partition(" ")
    minutes = _minutes(first)
    if not space or not minutes or minutes[-1] >= _HOUR:
        return schedule, 0
    shift = min(minute % BLOCK_MINUTES for minute in minutes)
    return f"{','.join(str(minute - shift) for minute in minutes)} {rest}", shift


def _minutes(field: str) -> list[int]:
    """Sorted; empty if the field is written in another way."""
    if _LIST.fullmatch(field):
        return sorted({int(minute) for minute in field.split(",")})
    steps = _STEPS.fullmatch(field)
    if steps is None or steps["step"].strip("0") == "":
        return []
    return list(range(int(steps["first"]), _HOUR, int(steps["step"])))
