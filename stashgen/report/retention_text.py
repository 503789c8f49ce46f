"""``stashgen report retention`` for people: what needs attention first."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from stashgen.kubestash.quantities import format_size
from stashgen.report.columns import columns
from stashgen.report.over_time import Row, RowGroup
from stashgen.report.scenario_text import age_text, group_lines, scenario_line, volume_lines
from stashgen.report.stored import Stored
from stashgen.timeline.growth import Growth
from stashgen.timeline.history import Day
from stashgen.timeline.scenario import Scenario

_DAY = timedelta(days=1)


def retention_text(
    rows: Sequence[Row],
    groups: Sequence[RowGroup],
    sizes: Stored,
    storages: Sequence[tuple[str, Growth]],
    currency: str,
    scenario: Scenario,
) -> Iterator[str]:
    """The lines.

    Args:
        rows: The worst first.
        groups: What is counted by itself; may be empty.
        sizes: Of the volumes.
        storages: What is in each.
        currency: Of the prices.
        scenario: What was simulated.
    """
    yield scenario_line(scenario)
    yield from volume_lines(rows, ("OLDEST AT LEAST", "OBJECTIVES"))
    yield from group_lines(groups, "OLDEST AT LEAST")
    if not storages:
        return
    yield _assumptions(sizes, scenario)
    head = ("STORAGE", "FIRST DAY", "LAST DAY", "MOST", "UPLOADED", "COST")
    cells = (
        (
            name,
            *(format_size(round(one)) for one in (of.first, of.last, of.most, of.uploaded)),
            "-" if of.cost is None else f"{of.cost:,.2f} {currency}".rstrip(),
        )
        for name, of in storages
    )
    yield from (f"  {line}" for line in columns([head, *cells]))


def _assumptions(sizes: Stored, scenario: Scenario) -> str:
    parts = [
        f"{number} {what}"
        for number, what in (
            (sizes.recorded, "as their Repositories say"),
            (sizes.assumed, "as --size says"),
            (sizes.requested, "as large as their claims request"),
            (sizes.unknown, "of unknown size, not counted"),
        )
        if number
    ]
    rate = f"{100 * scenario.change:g} % change a day"
    if scenario.growth:
        rate += f", {100 * scenario.growth:g} % growth a year"
    return f"data in the storages ({rate}; volumes: {', '.join(parts)}):"


def day_lines(row: Row, scenario: Scenario) -> Iterator[str]:
    """Each day of one volume: its restore points by copy, and their ages when it ends."""
    for copy, timeline in row.timeline.copies:
        yield f"restore points of session {copy.session} in {copy.storage}:"
        cells = (
            _day(day, scenario, number, copy.later) for number, day in enumerate(timeline.days)
        )
        head = ("DAY", "POINTS", "NEWEST", "OLDEST")
        yield from (f"  {line}" for line in columns([head, *cells]))


def _day(day: Day, scenario: Scenario, number: int, later: timedelta) -> tuple[str, ...]:
    end = scenario.start + (number + 1) * _DAY
    ages = [
        "-" if moment is None else age_text(end - moment - later)
        for moment in (day.newest, day.oldest)
    ]
    return (str(scenario.day(number)), str(day.points), *ages)
