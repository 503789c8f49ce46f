"""Rules for schedules, durations, days and time zones."""

import re
import zoneinfo
from datetime import date

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import CronError, every_to_cron, parse_window, spread
from stashgen.cron.window import parse_days
from stashgen.diagnostics import quote
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.upkeep import LONGEST, SHORTEST
from stashgen.policy.duration import parse_duration
from stashgen.validate.values import Problem
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LONGEST_OBJECTIVE = 50 * 366 * 86_400
_NOT_EVERYWHERE = ("posix/", "right/", "localtime", "posixrules")


def day(value: Json) -> Problem | None:
    """A day of the calendar (RFC 3339, full-date)."""
    if not isinstance(value, str):
        return None
    try:
        date.fromisoformat(value)
    except ValueError:
        pass
    else:
        if _DAY.fullmatch(value):
            return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a date",
        "it is compared with today's date in UTC",
        'write a date such as "2030-12-31"',
    )


def duration(value: Json) -> Problem | None:
    """How long: ``1h30m``."""
    try:
        if isinstance(value, str):
            parse_duration(value)
    except ValueError as error:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is not a duration",
            str(error),
            'use whole numbers with d, h, m and s, for example "1h30m"',
        )
    return None


def objective(value: Json) -> Problem | None:
    """A time that an objective names."""
    problem = duration(value)
    if problem is None and isinstance(value, str) and parse_duration(value) > _LONGEST_OBJECTIVE:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is longer than 50 years",
            "it could not be proved in a reasonable time",
            'use a shorter time, for example "90d"',
        )
    return problem


def upkeep_interval(value: Json) -> Problem | None:
    """How often a whole repository is worked on."""
    problem = duration(value)
    if problem is not None or not isinstance(value, str):
        return problem
    if SHORTEST.total_seconds() <= parse_duration(value) <= LONGEST.total_seconds():
        return None
    return Problem(
        Code.DURATION,
        f"{quote(value)} is not between 1h and 366d",
        "no backup can start while a whole repository is worked on, and what is checked less than "
        "once a year is not checked in time",
        'use an interval such as "7d" for checks or "1d" for prunes',
    )


def every(value: Json) -> Problem | None:
    """An interval that cron can repeat."""
    problem = duration(value)
    if problem is not None or not isinstance(value, str):
        return problem
    try:
        every_to_cron(parse_duration(value), "")
    except CronError as error:
        return _of_cron(error)
    return None


def schedule(value: Json) -> Problem | None:
    """A schedule, with ``H`` where it is spread."""
    try:
        if isinstance(value, str):
            spread(value, "")
    except CronError as error:
        return _of_cron(error)
    return None


def between(value: Json) -> Problem | None:
    """A part of the day, in which a session runs."""
    try:
        if isinstance(value, str):
            parse_window(value)
    except ValueError as error:
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a window",
            str(error),
            'write two times of day, such as "22:00-05:00", which passes midnight',
        )
    return None


def weekday(value: Json) -> Problem | None:
    """A day of the week, or a range of them."""
    try:
        if isinstance(value, str):
            parse_days([value])
    except ValueError as error:
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a day of the week",
            str(error),
            "write days such as mon, or mon-fri",
        )
    return None


def _of_cron(error: CronError) -> Problem:
    fix = error.fix or 'write five fields, for example "0 2 * * *"'
    return Problem(error.code, error.message, error.why, fix)


def period(value: Json) -> Problem | None:
    """How old a snapshot may get: KubeStash's ``maxRetentionPeriod``."""
    try:
        if isinstance(value, str):
            retention_period(RetentionPolicySpec(max_retention_period=value))
    except ValueError as error:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is not a period",
            str(error),
            'use whole numbers with y, mo, w, d, h and m, for example "2mo"',
        )
    return None


def time_zone(value: Json) -> Problem | None:
    """A zone of the IANA database; a CronJob takes no other.

    Go's copy of it has no ``posix/`` and no ``right/`` (with leap seconds); ``localtime`` and
    ``posixrules`` are what somebody has chosen for one machine.
    """
    try:
        is_known = isinstance(value, str) and bool(zoneinfo.ZoneInfo(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        is_known = False
    if isinstance(value, str) and (not is_known or value.startswith(_NOT_EVERYWHERE)):
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a time zone",
            "schedules need a zone of the IANA database (Kubernetes, CronJob timeZone)",
            'use a name such as "Europe/Berlin" or "Etc/UTC"',
        )
    return None
