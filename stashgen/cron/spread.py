"""Spread jobs over time: ``H`` and ``every`` become fixed fields, chosen by a hash.

The seed identifies the volume and its session, so a job moves with neither the number nor the order
of other volumes. One number is drawn from the seed and each field takes an independent
digit of it (mixed radix), so jobs that share a minute do not share their hour.
"""

import re

from stashgen.cron.digits import Digits
from stashgen.cron.fields import FIELDS, Code, CronError, Field, parse_fields
from stashgen.diagnostics import quote

_SHORT_FORMS = {
    "hourly": "H * * * *",
    "daily": "H H * * *",
    "weekly": "H H * * H",
    "monthly": "H H H * *",
}
_HASHED = re.compile(r"H(?:\(([0-9]{1,2})-([0-9]{1,2})\))?(?:/([0-9]{1,2}))?", re.ASCII)
_RANGE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})(?:/([0-9]{1,2}))?", re.ASCII)
_HOURS = FIELDS[1]
# A field that names no hours or days of its own.
_FREE = re.compile(r"[*H](/[0-9]{1,2})?", re.ASCII)
# Every month has 28 days; H never chooses a later one.
_HASHED_DAYS = 28


def spread(schedule: str, seed: str) -> str:
    """Replace every ``H`` of a schedule with values that depend on the seed alone.

    ``H`` is one value of the field, ``H(0-5)`` one within the range, ``H/15`` every 15 from a first
    value below 15, ``H(0-29)/10`` both; ``hourly``, ``daily``, ``weekly`` and ``monthly`` are short
    for ``H * * * *``, ``H H * * *``, ``H H * * H`` and ``H H H * *``. A range of hours may pass
    midnight, which cron itself does not know: ``22-5`` becomes ``22-23,0-5``. A schedule with
    neither is returned as it is, after it has been checked.

    Raises:
        CronError: the result is not a valid schedule, or an ``H`` has an impossible range or step.
    """
    text = _SHORT_FORMS.get(schedule, schedule)
    parts = text.split()
    if len(parts) != len(FIELDS):
        parse_fields(text)
        return text
    digits = Digits(seed)
    resolved = [
        ",".join(_resolve(schedule, field, item, digits) for item in part.split(","))
        for field, part in zip(FIELDS, parts, strict=True)
    ]
    result = text if resolved == parts else " ".join(resolved)
    parse_fields(result)
    return result


def is_confined(schedule: str) -> bool:
    """Whether a valid schedule names hours, days or months in which it runs, as a window does."""
    parts = _SHORT_FORMS.get(schedule, schedule).split()
    if len(parts) != len(FIELDS):
        return schedule != "@hourly"
    return not all(_FREE.fullmatch(part) for part in parts[1:])


def _resolve(schedule: str, field: Field, item: str, digits: Digits) -> str:
    match = _HASHED.fullmatch(item)
    if match is None:
        return _past_midnight(item) if field is _HOURS else item
    first, last, step = (None if group is None else int(group) for group in match.groups())
    low = field.low if first is None else first
    high = field.high if last is None else last
    if first is None and field.name == "day of month":
        high = _HASHED_DAYS
    width = high - low + 1
    if field is _HOURS and low > high:
        width += field.size
    is_outside = max(low, high) > field.high or low < field.low
    if is_outside or width < 1 or step == 0 or (step or 1) > width:
        raise CronError(
            Code.SYNTAX,
            f"schedule {quote(schedule)} is not valid",
            f"{quote(item)} does not fit the {field.name} field, {field.low} to {field.high}",
            "write H(first-last)/step with first before last (hours may pass midnight) and a step "
            "that fits the range",
        )
    if step is None:
        return str(field.low + (low - field.low + digits.next(width)) % field.size)
    start = low + digits.next(step)
    if low > high:
        return _listed(start, low + width - 1, step)
    return _stepped(start, high, step)


def _stepped(first: int, high: int, step: int) -> str:
    """Values from ``first`` in steps; one value alone where the next would be beyond the range."""
    return f"{first}-{high}/{step}" if first + step <= high else str(first)


def _past_midnight(item: str) -> str:
    """A range of hours that ends on the next day, as cron writes it; anything else as it is."""
    match = _RANGE.fullmatch(item)
    if match is None:
        return item
    first, last, step = (int(group or 1) for group in match.groups())
    if not last < first <= _HOURS.high or not 1 <= step <= _HOURS.size:
        return item
    if step == 1:
        return f"{_between(first, _HOURS.high)},{_between(0, last)}"
    return _listed(first, last + _HOURS.size, step)


def _between(first: int, last: int) -> str:
    return f"{first}-{last}" if first < last else str(first)


def _listed(first: int, last: int, step: int) -> str:
    """Hours in steps, those from 24 on the next day's."""
    return ",".join(str(hour % _HOURS.size) for hour in range(first, last + 1, step))
