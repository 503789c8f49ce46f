"""Parse the five fields of a schedule into sets of values, by robfig/cron's rules.

Stricter than robfig where robfig is lenient (``1,,2``, ``+5``, ``*/61``), so that every accepted
schedule means the same to every tool.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from stashgen.diagnostics import quote

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(?:(\*)|([0-9]+|[A-Za-z]+)(?:-([0-9]+|[A-Za-z]+))?)(?:/([0-9]+))?", re.ASCII)
_LONGEST_TEXT = 1024
_H_FIX = "in a policy write H, H/step, H(first-last) or H(first-last)/step"
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Code(StrEnum):
    """What this module may report about a schedule; each is explained in docs/findings.md."""

    SYNTAX = "SG401"
    NEVER_FIRES = "SG402"
    INTERVAL = "SG403"
    SKIPPED = "SG404"
    REPEATED = "SG405"
    WINDOW = "SG407"
    EACH_HOUR = "SG408"
    SPLIT_NIGHT = "SG412"
    EITHER_DAY = "SG413"


class CronError(ValueError):
    """A schedule that the cluster would reject or never run, with the texts of a finding."""

    def __init__(self, code: Code, message: str, why: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.why = why
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name in messages, its range, the names of its values."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, _MONTHS),
    Field("day of week", 0, 6, _WEEKDAYS),
)


class FieldSets(NamedTuple):
    """The sorted values of each field, and whether the two day fields are ``*``."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_day: bool
    any_weekday: bool


def parse_fields(text: str) -> FieldSets:
    """Parse five fields, or one of the seven names that the API server accepts.

    Raises:
        CronError: it is not a schedule, it never fires, or croniter reads it differently.
    """
    parts = _expand_macro(text).split()
    if len(parts) != len(FIELDS):
        raise _syntax(
            text,
            f"it has {len(parts)} fields, but a CronJob schedule has five: "
            "minute, hour, day of month, month, day of week",
            "remove the field for seconds or years" if len(parts) > len(FIELDS) else None,
        )
    minutes, hours, days, months, weekdays = (
        _field_values(text, field, part) for field, part in zip(FIELDS, parts, strict=True)
    )
    any_day, any_weekday = (
        any(_is_star(item) for item in part.split(",")) for part in (parts[2], parts[4])
    )
    if any_weekday and all(days[0] > _LONGEST_MONTHS[month - 1] for month in months):
        raise CronError(
            Code.NEVER_FIRES,
            f"schedule {quote(text)} never fires",
            "none of its months has that day; the CronJob would be accepted but never run",
            "use a day that exists; days 1 to 28 exist in every month",
        )
    sets = (minutes, hours, days, months, weekdays)
    others = _croniter_values(" ".join(parts)) or ((),) * len(FIELDS)
    for field, part, ours, theirs in zip(FIELDS, parts, sets, others, strict=True):
        if ours != theirs:
            raise _syntax(
                text,
                f"croniter and other tools read {quote(part)} in the {field.name} field as "
                f"{list(theirs) or 'an error'}",
                f"write {','.join(map(str, ours))}",
            )
    return FieldSets(*sets, any_day, any_weekday)


def _syntax(text: str, why: str, fix: str | None = None) -> CronError:
    return CronError(Code.SYNTAX, f"schedule {quote(text)} is not valid", why, fix)


def _expand_macro(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise _syntax(text, f"it is longer than {_LONGEST_TEXT} characters")
    if text.startswith(("TZ=", "CRON_TZ=")):
        why = "Kubernetes rejects a time zone inside the schedule"
        raise _syntax(text, why, "set timeZone of the policy, or of the cluster in stashgen.yaml")
    if not text.startswith("@"):
        return text
    if text in _MACROS:
        return _MACROS[text]
    if text.startswith("@every"):
        why = "@every counts from the controller's start, so run times shift with every restart"
        raise _syntax(text, why, 'use "every" or five fields')
    raise _syntax(text, f"the known names are {', '.join(_MACROS)}")


def _is_star(item: str) -> bool:
    # robfig: a step above one makes "*/2" a restriction for the rule of days and weekdays.
    base, _, step = item.partition("/")
    return base == "*" and step.lstrip("0") in {"", "1"}


def _field_values(text: str, field: Field, part: str) -> tuple[int, ...]:
    values: set[int] = set()
    for item in part.split(","):
        values.update(_item_values(text, field, item))
    return tuple(sorted(values))


def _item_values(text: str, field: Field, item: str) -> Iterable[int]:
    where = f"in the {field.name} field"
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _syntax(
            text,
            f"{quote(item)} {where} is not *, a value or a range a-b, each optionally with /step",
            _H_FIX if "H" in item else None,
        )
    star, first, last, step_text = match.groups()
    if star:
        low, high = field.low, field.high
    else:
        low = _value(text, field, first)
        high = _value(text, field, last) if last else field.high if step_text else low
    if low > high:
        why = f"the range {quote(item)} {where} ends before it starts"
        fix = f"write two ranges: {first}-{field.high},{field.low}-{last}"
        raise _syntax(text, why, fix)
    step = int(step_text[:5]) if step_text else 1
    if not 1 <= step <= field.size:
        raise _syntax(text, f"the step of {quote(item)} {where} is not between 1 and {field.size}")
    return range(low, high + 1, step)


def _value(text: str, field: Field, written: str) -> int:
    where = f"in the {field.name} field"
    if written.isdigit():
        value = int(written[:5])
        if field.low <= value <= field.high:
            return value
        fix = "write 0 for Sunday" if field.names == _WEEKDAYS and value == len(_WEEKDAYS) else None
        raise _syntax(text, f"{written} {where} is not between {field.low} and {field.high}", fix)
    if written.lower() in field.names:
        return field.low + field.names.index(written.lower())
    names = f"; the known names are {', '.join(field.names)}" if field.names else ""
    fix = _H_FIX if written == "H" else None
    raise _syntax(text, f"{quote(written)} {where} is not a valid value{names}", fix)


@lru_cache(maxsize=4096)
def _croniter_values(fields: str) -> tuple[tuple[int, ...], ...]:
    """The same sets from another parser; empty if it rejects the schedule."""
    # Imported here: it takes as long to import as the rest of a command's start-up.
    from croniter import croniter

    try:
        expanded, _ = croniter.expand(fields)
    except ValueError:
        return ()
    return tuple(
        tuple(range(field.low, field.high + 1))
        if "*" in values
        else tuple(sorted({value for value in values if isinstance(value, int)}))
        for field, values in zip(FIELDS, expanded, strict=True)
    )
