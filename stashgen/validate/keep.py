"""Rules for a copy's ``keep``: what its fields mean together.

The counts are restic's (manual, "Removing snapshots according to a policy"): together they keep
what any of them keeps. ``maxAge`` is KubeStash's ``maxRetentionPeriod``, a ceiling above all of
them; it is not named after restic's ``--keep-within``, which only ever keeps more.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from zoneinfo import ZoneInfo

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec
from stashgen.cron import CronError, Schedule, Window, every_to_cron, parse_window, spread
from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.retention import retention_period
from stashgen.policy.duration import parse_duration
from stashgen.validate.walk import SETTINGS, Code, Keys, each, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

MAX_AGE = "maxAge"

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# The lengths and suffixes of KubeStash's periods.
_UNITS = {
    "hourly": (_HOUR, "h"),
    "daily": (_DAY, "d"),
    "weekly": (7 * _DAY, "w"),
    "monthly": (30 * _DAY, "mo"),
    "yearly": (365 * _DAY, "y"),
}
# Eight years of one every quarter of an hour: greater counts are not meant as numbers.
_LARGEST_COUNT = 300_000
_YEAR = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = _YEAR[1] - _YEAR[0]

_Reach = Callable[[int], timedelta]


def is_within(name: str) -> bool:
    """Whether a field is named after restic's ``--keep-within`` or one of its variants."""
    return name.lower().replace("-", "").removeprefix("keep").startswith("within")


def keep_findings(document: Document) -> Iterator[Finding]:
    """A ``keep`` that keeps nothing, and counts that ``maxAge`` makes pointless."""
    for keys, session in (
        one for path in SETTINGS for one in each(document, f"{path}.sessions[*]")
    ):
        if isinstance(session, dict):
            for place, keep in _keeps(keys, session):
                yield from _nothing_kept(document, place, keep)
                yield from _out_of_reach(document, place, keep, session)


def inherited_keep_findings(
    document: Document, keys: Keys, session: Mapping[str, Json], timing: Mapping[str, Json]
) -> Iterator[Finding]:
    """Counts of a session that become pointless where another document sets when it runs.

    Args:
        document: The one with the copies.
        keys: Of its session.
        session: As it is written there.
        timing: The session of the same name that sets when it runs.
    """
    for place, keep in _keeps(keys, session):
        own = {found.position for found in _out_of_reach(document, place, keep, session)}
        for found in _out_of_reach(document, place, keep, timing):
            if found.position not in own:
                yield found


def _keeps(keys: Keys, session: Mapping[str, Json]) -> Iterator[tuple[Keys, Mapping[str, Json]]]:
    """The ``keep`` blocks of the session at ``keys``, and where they are."""
    copies = session.get("copies")
    for index, copy in enumerate(copies if isinstance(copies, list) else ()):
        keep = copy.get("keep") if isinstance(copy, dict) else None
        if isinstance(keep, dict):
            yield (*keys, "copies", index, "keep"), keep


def _nothing_kept(document: Document, keys: Keys, keep: Mapping[str, Json]) -> Iterator[Finding]:
    if any(keep.get(name) for name in (*COUNTS, MAX_AGE)) or any(map(is_within, keep)):
        return
    yield error(
        Code.NOTHING_KEPT,
        document,
        keys,
        what="keep does not say what to keep",
        why="without a count or a period it would keep every snapshot, or only the last",
        fix=f"set at least one of {', '.join((*COUNTS, MAX_AGE))}",
    )


def _out_of_reach(
    document: Document, keys: Keys, keep: Mapping[str, Json], session: Mapping[str, Json]
) -> Iterator[Finding]:
    written = keep.get(MAX_AGE)
    oldest = _period(written)
    if oldest is None:
        return
    ticks = _ticks_of(session)
    for name in COUNTS:
        count = keep.get(name)
        if not isinstance(count, int) or isinstance(count, bool) or count <= 1:
            continue
        reach = _reach(name, ticks)
        back = reach(min(count, _LARGEST_COUNT))
        if back < oldest:
            continue
        fits = _largest_that_fits(reach, oldest, count)
        yield error(
            Code.COUNT_PAST_MAX_AGE,
            document,
            (*keys, name),
            what=f"{name} {count} reaches {_shown(back)} back, past {MAX_AGE} {quote(written)}",
            why=f"{MAX_AGE} removes everything that is older, even if a count keeps it: at most "
            f"{fits} of {count} would ever be kept",
            fix=f"{_raise(name, count, reach)}lower {name} to {fits}, or remove {MAX_AGE}",
            related=(document.key_position(*keys, MAX_AGE),),
        )


def _period(written: Json) -> timedelta | None:
    """How old a snapshot may get; None without a valid period, which is reported elsewhere."""
    try:
        text = written if isinstance(written, str) else None
        return retention_period(RetentionPolicySpec(max_retention_period=text))
    except ValueError:
        return None


def _ticks_of(session: Mapping[str, Json]) -> tuple[datetime, ...]:
    """A year of a session's ticks; empty without a valid schedule, which is reported elsewhere."""
    every, schedule = session.get("every"), session.get("schedule")
    try:
        if isinstance(every, str):
            return _year_of(every_to_cron(parse_duration(every), "", _window_of(session)))
        if isinstance(schedule, str):
            return _year_of(spread(schedule, ""))
    except (CronError, ValueError):
        pass
    return ()


def _window_of(session: Mapping[str, Json]) -> Window:
    between, days = session.get("between"), session.get("days")
    return parse_window(
        between if isinstance(between, str) else None,
        [str(day) for day in days] if isinstance(days, list) else None,
    )


@lru_cache(maxsize=100)
def _year_of(schedule: str) -> tuple[datetime, ...]:
    return tuple(Schedule.parse(schedule).ticks(*_YEAR, ZoneInfo("UTC")))


def _reach(name: str, ticks: tuple[datetime, ...]) -> _Reach:
    """How old the oldest of ``count`` restore points is at least, when the newest is made.

    One for each hour, day and so on; but no more often than the session runs.
    """
    unit = _UNITS[name][0] if name in _UNITS else timedelta()

    def reach(count: int) -> timedelta:
        return max((count - 1) * unit, _shortest_span(ticks, count))

    return reach


def _shortest_span(ticks: tuple[datetime, ...], count: int) -> timedelta:
    """The shortest time in which a schedule ticks so many times; zero without ticks."""
    if count > len(ticks):
        return _SPAN * ((count - 1) / len(ticks)) if ticks else timedelta()
    return min(last - first for first, last in zip(ticks, ticks[count - 1 :], strict=False))


def _largest_that_fits(reach: _Reach, oldest: timedelta, count: int) -> int:
    """The largest count below ``count`` that does not reach ``oldest``; 1 always fits."""
    low, high = 1, min(count, _LARGEST_COUNT)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reach(middle) >= oldest else (middle, high)
    return low


def _raise(name: str, count: int, reach: _Reach) -> str:
    """The advice on a period in which so many restore points have room; empty beyond reason."""
    if count >= _LARGEST_COUNT:
        return ""
    unit, suffix = _UNITS.get(name, (timedelta(), ""))
    needed = reach(count + 1)
    if needed <= count * unit:
        period = f"{count}{suffix}"
    elif needed % _DAY == timedelta():
        period = f"{needed // _DAY}d"
    else:
        period = f"{ceil(needed / _HOUR)}h"
    return f"set {MAX_AGE} to at least {quote(period)}, "


def _shown(time: timedelta) -> str:
    number, unit = (time // _DAY, "day") if time >= 2 * _DAY else (time // _HOUR, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"
