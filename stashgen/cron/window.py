"""The part of the day, and the days of the week, in which ``every`` may run.

A window is of a wall clock and may pass midnight; its days are those on which it begins.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

DAY_MINUTES = 24 * 60
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TIME = r"([01][0-9]|2[0-4]):([0-5][0-9])"
_WINDOW = re.compile(f"{_TIME}-{_TIME}", re.ASCII)
_DAYS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """When a session may run.

    Attributes:
        start: In minutes after midnight.
        end: Later than ``start``, by a day at most; above 1440 it is on the next day.
        days: On which it begins, sorted; Sunday is 0.
        is_whole_day: No hours were given.
    """

    start: int = 0
    end: int = DAY_MINUTES
    days: tuple[int, ...] = tuple(range(len(DAYS)))
    is_whole_day: bool = True

    @property
    def length(self) -> int:
        """In minutes."""
        return self.end - self.start

    @property
    def is_daily(self) -> bool:
        """Whether it begins on every day of the week."""
        return len(self.days) == len(DAYS)

    @property
    def text(self) -> str:
        """The hours, as people write them."""
        end = self.end if self.end <= DAY_MINUTES else self.end - DAY_MINUTES
        return f"{_clock(self.start)}-{_clock(end)}"


def parse_window(between: str | None = None, days: Iterable[str] | None = None) -> Window:
    """A window from ``22:00-05:00`` and ``mon-fri``; without them the whole day, every day.

    Raises:
        ValueError: either one cannot be understood, or the window is empty.
    """
    chosen = Window().days if days is None else parse_days(days)
    if between is None:
        return Window(days=chosen)
    match = _WINDOW.fullmatch(between)
    if match is None:
        raise ValueError("it is not two times of day, HH:MM-HH:MM")
    numbers = [int(group) for group in match.groups()]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError("a window begins at 23:59 and ends at 24:00 at the latest")
    if start == end:
        raise ValueError("it ends when it begins")
    end += DAY_MINUTES if end < start else 0
    return Window(start, end, chosen, is_whole_day=False)


def parse_days(items: Iterable[str]) -> tuple[int, ...]:
    """Weekdays such as ``mon`` and ``fri-mon``, sorted; Sunday is 0.

    Raises:
        ValueError: an item is not a day or a range of days.
    """
    found: set[int] = set()
    for item in items:
        match = _DAYS.fullmatch(item.lower())
        first, last = (match[1], match[2] or match[1]) if match is not None else ("", "")
        if first not in DAYS or last not in DAYS:
            raise ValueError(f"a day is one of {', '.join(DAYS)}, or a range such as mon-fri")
        low, high = DAYS.index(first), DAYS.index(last)
        found.update(day % len(DAYS) for day in range(low, high + 1 + 7 * (high < low)))
    return tuple(sorted(found))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
