"""What the backups of a volume have to achieve, and what its sessions' schedules allow.

A session promises what its schedule allows: the longest gap between two ticks, by the cluster's own
cron rules, plus the time that a run may take. A volume's objectives are what its policy demands;
they are annotations of the BackupConfiguration, and whoever judges a backup asks here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stashgen.api.labels import KEEP_FOR_ANNOTATION, MIN_COPIES_ANNOTATION, RPO_ANNOTATION
from stashgen.cron import CronError, Schedule, without_offset
from stashgen.kubestash.quantities import format_duration, parse_duration

_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a session's schedule allows.

    Attributes:
        interval: The longest gap between two runs, if each takes its whole time: the ticks in it
            start none.
        allowance: How long a run may take.
    """

    interval: timedelta
    allowance: timedelta

    @property
    def recovery_point(self) -> timedelta:
        """The maximum age of a copy's newest good snapshot."""
        return self.interval + self.allowance


def promise(schedule: str, time_zone: str, timeout: str | None, year: int) -> Promise | None:
    """What a session promises; None if its schedule is invalid or never fires.

    Args:
        schedule: Five fields or a name such as ``@daily``.
        time_zone: An IANA name, in which the schedule ticks.
        timeout: A Go duration. Without a valid one, a run may take until the next tick.
        year: The year in which the gaps are measured, since clock changes differ between years.
    """
    try:
        allowance = parse_duration(timeout) if timeout else None
    except ValueError:
        allowance = None
    gap = _longest_gap(without_offset(schedule), time_zone, year, allowance or timedelta())
    return None if gap is None else Promise(gap, gap if allowance is None else allowance)


# The same few schedules at each scrape and for each volume; the answer changes once a year.
@lru_cache(maxsize=10_000)
def _longest_gap(schedule: str, time_zone: str, year: int, busy: timedelta) -> timedelta | None:
    try:
        zone = ZoneInfo(time_zone)
        start = datetime(year, 1, 1, tzinfo=zone)
        gap = Schedule.parse(schedule).longest_gap(zone, start, busy=busy)
    except (CronError, ZoneInfoNotFoundError, ValueError):
        return None
    return gap or None


@dataclass(frozen=True, slots=True)
class Objectives:
    """What a policy demands of the backups of each volume; None where it demands nothing.

    Attributes:
        rpo: The maximum age of the newest good snapshot, in one storage at least.
        keep_for: At every instant a good snapshot at least this old exists, once the backups have
            run for so long.
        min_copies: In how many storages the newest good snapshot is recent enough: no older than
            ``rpo``, or without one than its session promises.
    """

    rpo: timedelta | None = None
    keep_for: timedelta | None = None
    min_copies: int | None = None

    def allowed(self, promised: Promise) -> timedelta:
        """The maximum age of a copy's newest good snapshot.

        The volume's ``rpo`` where the session is made for it; a rarer one, such as a weekly copy to
        another region, has what its schedule promises.
        """
        return max(promised.recovery_point, self.rpo or timedelta())

    def recent_enough(self, promised: Promise) -> timedelta:
        """Up to which age a copy's newest good snapshot counts for the volume."""
        return promised.recovery_point if self.rpo is None else self.rpo


def storages_in_time(
    objectives: Objectives, promises: Iterable[tuple[str, Promise]]
) -> frozenset[str]:
    """The storages with a session that promises a recent enough snapshot.

    Args:
        objectives: What is demanded.
        promises: The storage and the promise of each copy.
    """
    return frozenset(
        storage
        for storage, promised in promises
        if promised.recovery_point <= objectives.recent_enough(promised)
    )


def to_annotations(objectives: Objectives) -> dict[str, str]:
    """Objectives as annotations of a BackupConfiguration, durations as Go writes them."""
    found: dict[str, str] = {}
    if objectives.rpo is not None:
        found[RPO_ANNOTATION] = format_duration(objectives.rpo)
    if objectives.keep_for is not None:
        found[KEEP_FOR_ANNOTATION] = format_duration(objectives.keep_for)
    if objectives.min_copies is not None:
        found[MIN_COPIES_ANNOTATION] = str(objectives.min_copies)
    return found


def from_annotations(annotations: Mapping[str, str]) -> Objectives:
    """The objectives that annotations say.

    Raises:
        ValueError: one of them cannot be read; the message names it.
    """
    return Objectives(
        rpo=_duration(annotations, RPO_ANNOTATION),
        keep_for=_duration(annotations, KEEP_FOR_ANNOTATION),
        min_copies=_count(annotations, MIN_COPIES_ANNOTATION),
    )


def _duration(annotations: Mapping[str, str], name: str) -> timedelta | None:
    text = annotations.get(name)
    if text is None:
        return None
    try:
        value = parse_duration(text)
    except ValueError as error:
        msg = f"annotation {name}: {error}"
        raise ValueError(msg) from None
    if not value:
        msg = f"annotation {name}: {text!r} is not longer than zero"
        raise ValueError(msg)
    return value


def _count(annotations: Mapping[str, str], name: str) -> int | None:
    text = annotations.get(name)
    if text is None:
        return None
    if _COUNT.fullmatch(text) is None:
        msg = f"annotation {name}: {text!r} is not a number of copies"
        raise ValueError(msg)
    return int(text)
