"""Schedules that look like once a night and are not: cron has no windows.

Hours around midnight are so many runs (``H 22-23,0-4 * * mon-fri``), and days are those of the
runs: of ``H H(22-5) * * mon-fri`` some volumes run before midnight, and others on the next day.
"""

import re

from stashgen.cron.schedule import Schedule
from stashgen.cron.spread import spread
from stashgen.cron.window import DAY_MINUTES, Window

_HASHED_MINUTE = re.compile(r"H(\([0-9-]+\))?", re.ASCII)
_HOURS = re.compile(r"H\(([0-9]{1,2})-([0-9]{1,2})\)", re.ASCII)
_DAY_HOURS = 24


def hourly_window(schedule: str) -> tuple[Window, int] | None:
    """The window that such a schedule seems to mean, and how many times it runs in one.

    None for any other schedule: one whose hours do not pass midnight, and one that names both the
    minute and every day, so that nothing about it is left to chance.

    Args:
        schedule: A valid one as written, with ``H``.
    """
    parsed = Schedule.parse(spread(schedule, ""))
    hours = set(parsed.hours)
    if not {0, _DAY_HOURS - 1} <= hours or len(hours) == _DAY_HOURS:
        return None
    first = next(hour for hour in range(_DAY_HOURS - 1, 0, -1) if hour - 1 not in hours)
    last = next(hour for hour in range(_DAY_HOURS) if hour + 1 not in hours)
    if len(hours) != (_DAY_HOURS - first) + (last + 1):
        return None
    is_hashed = _HASHED_MINUTE.fullmatch(schedule.split(maxsplit=1)[0]) is not None
    is_daily = parsed.any_day and parsed.any_weekday
    if not is_hashed and is_daily:
        return None
    days = Window().days if not parsed.any_day else parsed.weekdays
    window = Window(first * 60, DAY_MINUTES + (last + 1) * 60, days, is_whole_day=False)
    return window, len(hours) * len(parsed.minutes)


def split_night(schedule: str) -> Window | None:
    """The window that one hashed hour of a night seems to mean, where only some days are meant.

    None for any other schedule: one that runs every day, or whose hours do not pass midnight.

    Args:
        schedule: A valid one as written, with ``H``.
    """
    parts = schedule.split()
    hours = _HOURS.fullmatch(parts[1]) if len(parts) > 1 else None
    if hours is None:
        return None
    first, last = map(int, hours.groups())
    parsed = Schedule.parse(spread(schedule, ""))
    if first <= last or (parsed.any_day and parsed.any_weekday):
        return None
    days = parsed.weekdays if parsed.any_day else Window().days
    return Window(first * 60, DAY_MINUTES + (last + 1) * 60, days, is_whole_day=False)
