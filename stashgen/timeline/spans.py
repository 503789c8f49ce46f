"""When something does not hold: spans of time from age and its limit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` until before ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """A backup: as old as its tick, there from the end of its run on."""

    tick: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest backup from one moment to the next; None before there is one."""

    span: Span
    tick: datetime | None

    @property
    def age(self) -> timedelta | None:
        """At the end of the span, when it is oldest."""
        return None if self.tick is None else self.span.end - self.tick


def newest(backups: Iterable[Finished], horizon: Span) -> tuple[Newest, ...]:
    """Which backup is the newest at each moment of a horizon."""
    found: list[Newest] = []
    tick: datetime | None = None
    begin = horizon.start
    for one in sorted(backups, key=lambda one: (one.end, one.tick)):
        if tick is not None and one.tick <= tick:
            continue
        if horizon.start < one.end < horizon.end:
            found.append(Newest(Span(begin, one.end), tick))
            begin = one.end
        if one.end < horizon.end:
            tick = one.tick
    return (*found, Newest(Span(begin, horizon.end), tick))


def too_old(newest_ones: Iterable[Newest], limit: timedelta) -> Iterator[Span]:
    """When even the newest backup is older than a limit."""
    for one in newest_ones:
        start = one.span.start if one.tick is None else max(one.span.start, one.tick + limit)
        if start < one.span.end:
            yield Span(start, one.span.end)


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch as one."""
    found: list[Span] = []
    for one in sorted(spans, key=lambda one: (one.start, one.end)):
        if found and one.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return tuple(found)


def at_least(groups: Iterable[Sequence[Span]], number: int) -> tuple[Span, ...]:
    """When spans of at least so many groups lie over each other; those of a group never do."""
    events = [
        event for spans in groups for one in spans for event in ((one.start, 1), (one.end, -1))
    ]
    found: list[Span] = []
    depth, begin = 0, None
    for moment, step in sorted(events):
        depth += step
        if depth >= number and begin is None:
            begin = moment
        elif depth < number and begin is not None:
            found.append(Span(begin, moment))
            begin = None
    return united(one for one in found if one.start < one.end)
