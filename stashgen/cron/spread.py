"""Spread jobs over time: ``H`` and ``every`` become fixed fields, chosen by a hash.

The seed identifies the volume and its session, so a job moves with neither the number nor the order
of other volumes. One number is drawn from the seed and each field takes an independent
digit of it (mixed radix), so jobs that share a minute do not share their hour.
"""

import hashlib
import re

from stashgen.cron.fields import FIELDS, Code, CronError, Field, parse_fields
from stashgen.diagnostics import quote

_SHORT_FORMS = {
    "hourly": "H * * * *",
    "daily": "H H * * *",
    "weekly": "H H * * H",
    "monthly": "H H H * *",
}
_HASHED = re.compile(r"H(?:\(([0-9]{1,2})-([0-9]{1,2})\))?(?:/([0-9]{1,2}))?", re.ASCII)
# Every month has 28 days; H never chooses a later one.
_HASHED_DAYS = 28

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY


class _Digits:
    """Independent digits of one hash."""

    def __init__(self, seed: str) -> None:
        self._rest = int.from_bytes(hashlib.sha256(seed.encode()).digest())

    def next(self, base: int) -> int:
        self._rest, digit = divmod(self._rest, base)
        return digit


def spread(schedule: str, seed: str) -> str:
    """Replace every ``H`` of a schedule with values that depend on the seed alone.

    ``H`` is one value of the field, ``H(0-5)`` one within the range, ``H/15`` every 15 from a first
    value below 15, ``H(0-29)/10`` both; ``hourly``, ``daily``, ``weekly`` and ``monthly`` are short
    for ``H * * * *``, ``H H * * *``, ``H H * * H`` and ``H H H * *``. A schedule without ``H`` is
    returned as it is, after it has been checked.

    Raises:
        CronError: the result is not a valid schedule, or an ``H`` has an impossible range or step.
    """
    text = _SHORT_FORMS.get(schedule, schedule)
    parts = text.split()
    if len(parts) != len(FIELDS) or "H" not in text:
        parse_fields(text)
        return text
    digits = _Digits(seed)
    result = " ".join(
        ",".join(_resolve(schedule, field, item, digits) for item in part.split(","))
        for field, part in zip(FIELDS, parts, strict=True)
    )
    parse_fields(result)
    return result


def _resolve(schedule: str, field: Field, item: str, digits: _Digits) -> str:
    match = _HASHED.fullmatch(item)
    if match is None:
        return item
    first, last, step = (None if group is None else int(group) for group in match.groups())
    low = field.low if first is None else first
    high = field.high if last is None else last
    if first is None and field.name == "day of month":
        high = _HASHED_DAYS
    width = high - low + 1
    if low < field.low or high > field.high or width < 1 or step == 0 or (step or 1) > width:
        raise CronError(
            Code.SYNTAX,
            f"schedule {quote(schedule)} is not valid",
            f"{quote(item)} does not fit the {field.name} field, {field.low} to {field.high}",
            "write H(first-last)/step with first before last and a step that fits the range",
        )
    if step is None:
        return str(low + digits.next(width))
    return _stepped(low + digits.next(step), high, step)


def _stepped(first: int, high: int, step: int) -> str:
    """Values from ``first`` in steps; one value alone where the next would be beyond the range."""
    return f"{first}-{high}/{step}" if first + step <= high else str(first)


def every_to_cron(every_seconds: int, offset_seed: str) -> str:
    """The schedule that runs once in each interval, at an offset within [0, every).

    Only intervals that a cron field can repeat without a jump at midnight or at the full hour are
    possible: divisors of an hour in minutes, divisors of a day in hours, and seven days.

    Raises:
        CronError: any other interval; the fix names the next shorter and longer ones.
    """
    digits = _Digits(offset_seed)
    if every_seconds >= _MINUTE and _HOUR % every_seconds == 0 and every_seconds % _MINUTE == 0:
        step = every_seconds // _MINUTE
        first = digits.next(step)
        return f"{_repeat(first, FIELDS[0], step)} * * * *"
    minute = digits.next(60)
    if every_seconds >= _HOUR and _DAY % every_seconds == 0 and every_seconds % _HOUR == 0:
        step = every_seconds // _HOUR
        return f"{minute} {_repeat(digits.next(step), FIELDS[1], step)} * * *"
    if every_seconds == _WEEK:
        return f"{minute} {digits.next(24)} * * {digits.next(7)}"
    shorter = max((each for each in _INTERVALS if each < every_seconds), default=None)
    longer = min((each for each in _INTERVALS if each > every_seconds), default=None)
    near = " or ".join(_duration(each) for each in (shorter, longer) if each is not None)
    raise CronError(
        Code.INTERVAL,
        f"every: {_duration(every_seconds)} {_problem(every_seconds)}",
        "cron repeats minutes within an hour and hours within a day: only their divisors, and 7d, "
        "give equal intervals",
        f"use {near}",
    )


def _problem(seconds: int) -> str:
    name, size = ("an hour", _HOUR) if seconds < _HOUR else ("a day", _DAY)
    if 0 < seconds < size and size % seconds:
        return f"does not divide {name} evenly"
    return "cannot be expressed as a cron schedule"


_INTERVALS = (
    *(minutes * _MINUTE for minutes in range(1, 61) if 60 % minutes == 0),
    *(hours * _HOUR for hours in range(2, 25) if 24 % hours == 0),
    _WEEK,
)


def _repeat(first: int, field: Field, step: int) -> str:
    if step == 1:
        return "*"
    return f"*/{step}" if first == 0 and step < field.size else _stepped(first, field.high, step)


def _duration(seconds: int) -> str:
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds % size == 0 and (seconds != _DAY or unit == "h"):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
