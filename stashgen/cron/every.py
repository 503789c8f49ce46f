"""``every`` as five cron fields: once in each interval, or in each window, at a hashed offset.

A CronJob has one schedule, and its fields are independent of each other: the same minutes in each
of its hours, on each of its weekdays. What they cannot repeat evenly is refused.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from stashgen.cron.digits import Digits
from stashgen.cron.fields import FIELDS, Code, CronError, Field
from stashgen.cron.window import DAY_MINUTES, DAYS, Window

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_HOUR_MINUTES = 60
_DAY_HOURS = 24

INTERVALS = (
    *(minutes * _MINUTE for minutes in range(1, 61) if 60 % minutes == 0),
    *(hours * _HOUR for hours in range(2, 25) if 24 % hours == 0),
    _WEEK,
)
_WHOLE_DAY = Window()


class ChangedTimes(NamedTuple):
    """Local times that a zone's clock changes skip or repeat: weekday and minute of the day.

    Sunday is 0.
    """

    skipped: frozenset[tuple[int, int]] = frozenset()
    repeated: frozenset[tuple[int, int]] = frozenset()


_NEVER = ChangedTimes()


def every_to_cron(
    every_seconds: int,
    offset_seed: str,
    window: Window = _WHOLE_DAY,
    changed: ChangedTimes = _NEVER,
) -> str:
    """The schedule that runs once in each interval, at an offset within [0, every).

    In a window it runs at such an offset from the window's start, and ``1d`` and ``7d`` at an
    offset within the whole window. Only intervals that cron fields can repeat without a jump are
    possible: divisors of an hour in minutes, divisors of a day in hours, a day, and seven days.

    Args:
        every_seconds: The interval.
        offset_seed: What the offset depends on, and nothing else does.
        window: When it may run.
        changed: Times to stay clear of, as far as there are others, of the skipped ones first: a
            run at one of them is left out, or is made twice, on that day. Runs an hour or less
            apart ignore them: they are evenly spaced in real time.

    Raises:
        CronError: any other interval, or one that the window has no room for; the fix names others.
    """
    _check_interval(every_seconds)
    _check_window(every_seconds, window)
    every = every_seconds // _MINUTE
    count = max(1, window.length // every)
    span = min(every, window.length)
    digits = Digits(offset_seed)
    if window.is_whole_day and span > _HOUR_MINUTES:
        minute = digits.next(_HOUR_MINUTES)
        offset = digits.next(span // _HOUR_MINUTES) * _HOUR_MINUTES + minute
    else:
        offset = digits.next(span)
    days = window.days
    if every_seconds == _WEEK:
        days = (days[digits.next(len(days))],)

    def ticks(offset: int) -> list[int]:
        return [window.start + offset + index * every for index in range(count)]

    for avoided in (changed.skipped | changed.repeated, changed.skipped):
        if every > _HOUR_MINUTES and _meets(ticks(offset), days, avoided):
            clear = [other for other in range(span) if not _meets(ticks(other), days, avoided)]
            offset = clear[digits.next(len(clear))] if clear else offset
    return _fields(ticks(offset), days, every)


def _meets(ticks: Iterable[int], days: Iterable[int], avoided: Set[tuple[int, int]]) -> bool:
    return any(
        ((day + tick // DAY_MINUTES) % len(DAYS), tick % DAY_MINUTES) in avoided
        for tick in ticks
        for day in days
    )


def _fields(ticks: Sequence[int], days: Sequence[int], every: int) -> str:
    """Five fields; the ticks are minutes after the midnight before the window, in order."""
    minutes = sorted({tick % _HOUR_MINUTES for tick in ticks})
    hours = list(dict.fromkeys(tick // _HOUR_MINUTES for tick in ticks))
    shift = ticks[0] // DAY_MINUTES
    weekdays = sorted((day + shift) % len(DAYS) for day in days)
    return (
        f"{_repeated(minutes, every, FIELDS[0])} {_hours(hours, every)} * * "
        f"{'*' if len(weekdays) == len(DAYS) else _runs(weekdays)}"
    )


def _hours(hours: Sequence[int], every: int) -> str:
    """Hours in order, from 24 on the next day's."""
    step = max(1, every // _HOUR_MINUTES)
    if len(hours) * step == _DAY_HOURS:
        return _repeated(sorted(hour % _DAY_HOURS for hour in hours), step, FIELDS[1])
    evening = [hour for hour in hours if hour < _DAY_HOURS]
    morning = [hour - _DAY_HOURS for hour in hours if hour >= _DAY_HOURS]
    return ",".join(_runs(part) for part in (evening, morning) if part)


def _repeated(values: Sequence[int], step: int, field: Field) -> str:
    """Sorted values that a field repeats in even steps."""
    first = values[0]
    if len(values) == field.size:
        return "*"
    if len(values) == 1:
        return str(first)
    if len(values) * step != field.size:
        return _runs(values)
    return f"*/{step}" if first == 0 else f"{first}-{field.high}/{step}"


def _runs(values: Sequence[int]) -> str:
    """Sorted values as a list, consecutive ones as ranges."""
    parts: list[tuple[int, int]] = []
    for value in values:
        if parts and parts[-1][1] == value - 1:
            parts[-1] = (parts[-1][0], value)
        else:
            parts.append((value, value))
    return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in parts)


def _check_interval(seconds: int) -> None:
    if seconds in INTERVALS:
        return
    shorter = max((each for each in INTERVALS if each < seconds), default=None)
    longer = min((each for each in INTERVALS if each > seconds), default=None)
    near = " or ".join(_duration(each) for each in (shorter, longer) if each is not None)
    raise CronError(
        Code.INTERVAL,
        f"every: {_duration(seconds)} {_problem(seconds)}",
        "cron repeats minutes within an hour and hours within a day: only their divisors, and 7d, "
        "give equal intervals",
        f"use {near}",
    )


def _check_window(seconds: int, window: Window) -> None:
    """Whether one line of cron can repeat an interval in a window, whatever the offset is."""
    if seconds >= _DAY:
        return
    length = window.length * _MINUTE
    if seconds > length:
        raise CronError(
            Code.WINDOW,
            f"every: {_duration(seconds)} is longer than the window {window.text}",
            "it would run once in each window, and not at this interval",
            "use every: 1d, which runs once in each window, or a longer window",
        )
    if length % seconds:
        raise CronError(
            Code.WINDOW,
            f"every: {_duration(seconds)} does not divide the window {window.text} evenly",
            f"the window is {_duration(length)} long, and each volume's offset is within the "
            "interval: some volumes would run more often than others",
            f"use {_possible_near(seconds, window)} (which runs once in each window), or another "
            "window",
        )
    if not _is_rectangular(seconds, window):
        raise CronError(
            Code.WINDOW,
            f"every: {_duration(seconds)} cannot be repeated in the window {window.text}",
            "a CronJob runs at the same minutes of each of its hours, so the first and the last "
            "hour must be whole",
            f"begin and end the window at a full hour, or use {_possible_near(seconds, window)} "
            "(which runs once in each window)",
        )
    if _is_split_by_midnight(seconds, window):
        raise CronError(
            Code.WINDOW,
            f"every: {_duration(seconds)} cannot be repeated in the window {window.text} on "
            "some weekdays only",
            "a CronJob runs at the same hours of each of its weekdays; after midnight the window's "
            "runs are on the next day",
            "use every: 1d, which runs once in each window, leave out days, or end the window at "
            "00:00",
        )


def _possible_near(seconds: int, window: Window) -> str:
    """The intervals next to this one that the window has room for, and ``1d``."""
    length = window.length * _MINUTE
    possible = [
        each
        for each in INTERVALS
        if each < _DAY
        and length % each == 0
        and _is_rectangular(each, window)
        and not _is_split_by_midnight(each, window)
    ]
    shorter = max((each for each in possible if each < seconds), default=None)
    longer = min((each for each in possible if each > seconds), default=None)
    near = [_duration(each) for each in (shorter, longer) if each is not None]
    return " or ".join([*near, "1d"])


def _is_split_by_midnight(seconds: int, window: Window) -> bool:
    """Whether it has several runs on some weekdays only, and midnight between them."""
    is_several = window.length * _MINUTE > seconds
    return window.end > DAY_MINUTES and is_several and not window.is_daily


def _is_rectangular(seconds: int, window: Window) -> bool:
    """Whether all hours of the window that have a run have it at the same minutes."""
    starts, ends = window.start % _HOUR_MINUTES, window.end % _HOUR_MINUTES
    is_in_one_hour = window.start // _HOUR_MINUTES == (window.end - 1) // _HOUR_MINUTES
    return seconds >= _HOUR or is_in_one_hour or not (starts or ends)


def _problem(seconds: int) -> str:
    name, size = ("an hour", _HOUR) if seconds < _HOUR else ("a day", _DAY)
    if 0 < seconds < size and size % seconds:
        return f"does not divide {name} evenly"
    return "cannot be expressed as a cron schedule"


def _duration(seconds: int) -> str:
    if seconds > _HOUR and seconds % _HOUR and seconds % _MINUTE == 0:
        return f"{seconds // _HOUR}h{seconds % _HOUR // _MINUTE}m"
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds % size == 0 and (seconds != _DAY or unit == "h"):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
