"""``stashgen report schedule`` for people: what needs attention first."""

from collections.abc import Iterator, Sequence

from stashgen.report.columns import columns
from stashgen.report.over_time import Row, RowGroup
from stashgen.report.scenario_text import (
    MOST_ROWS,
    group_lines,
    moment_text,
    scenario_line,
    volume_lines,
)
from stashgen.timeline.load import ChangeDay, StorageLoad
from stashgen.timeline.scenario import Scenario

_DAY_HOURS = 24
_WEEK_DAYS = 7


def schedule_text(
    rows: Sequence[Row],
    groups: Sequence[RowGroup],
    loads: Sequence[StorageLoad],
    changes: Sequence[ChangeDay],
    scenario: Scenario,
) -> Iterator[str]:
    """The lines.

    Args:
        rows: The worst first.
        groups: What is counted by itself; may be empty.
        loads: The busiest first.
        changes: Of clocks, in order.
        scenario: What was simulated.
    """
    yield scenario_line(scenario)
    yield from volume_lines(rows, ("NEWEST BACKUP UP TO", "OBJECTIVES"))
    yield from group_lines(groups, "NEWEST BACKUP UP TO")
    yield from _loads(loads, scenario)
    for one in changes:
        effects = [
            f"{number} {what}"
            for number, what in ((one.skipped, "left out"), (one.repeated, "repeated"))
            if number
        ]
        yield (
            f"clock change {moment_text(one.at)} in {one.time_zone}: runs {', '.join(effects)}, of "
            f"{one.sessions} sessions of volumes"
        )


def _loads(loads: Sequence[StorageLoad], scenario: Scenario) -> Iterator[str]:
    if not loads:
        return
    yield "copies that begin in a storage:"
    head = ("STORAGE", "A DAY", "IN THE BUSIEST MINUTE", "IN THE BUSIEST HOUR")
    cells = (
        (
            one.storage,
            f"{one.starts / scenario.days:.1f}",
            f"{one.peak} ({moment_text(one.peak_at)})",
            f"{one.busiest} ({moment_text(one.busiest_at)})",
        )
        for one in loads[:MOST_ROWS]
    )
    yield from (f"  {line}" for line in columns([head, *cells]))
    if len(loads) > MOST_ROWS:
        yield f"  and {len(loads) - MOST_ROWS} more storages, none of them busier"
    yield "in each hour of the day (UTC), on average:"
    for half in (range(_DAY_HOURS // 2), range(_DAY_HOURS // 2, _DAY_HOURS)):
        hours = ("STORAGE", *(f"{hour:02}" for hour in half))
        rows = ((one.storage, *_by_hour(one, half, scenario)) for one in loads[:MOST_ROWS])
        yield from (f"  {line}" for line in columns([hours, *rows]))


def _by_hour(one: StorageLoad, hours: range, scenario: Scenario) -> Iterator[str]:
    # Less than a week has no such hour of the other days.
    days = min(_WEEK_DAYS, scenario.days)
    for hour in hours:
        mean = sum(one.heat[hour::_DAY_HOURS]) / days
        yield f"{mean:.0f}" if mean >= 1 or not mean else f"{mean:.1f}"
