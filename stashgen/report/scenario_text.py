"""What the reports over time say in common: the scenario, and the volumes in groups."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from stashgen.policy.duration import format_written
from stashgen.report.columns import columns
from stashgen.report.coverage_text import volume_name
from stashgen.report.over_time import Row, RowGroup, alike, first_missed, total
from stashgen.resolve.achieved import NO_BACKUP_RUNS
from stashgen.timeline.scenario import Scenario

MOST_ROWS = 20
_DAYS = 3


def scenario_line(scenario: Scenario) -> str:
    """``400 days from 2026-12-01 UTC; s3-eu away for 3d from 2027-06-19``."""
    parts = [f"{scenario.days} days from {scenario.start:%Y-%m-%d} UTC"]
    parts += [
        f"{one.storage} away for {age_text(one.end - one.start)} from {one.start:%Y-%m-%d}"
        for one in scenario.outages
    ]
    if scenario.failures:
        parts.append(
            f"{100 * scenario.failures:g} % of the runs fail (seed {scenario.seed}, the same runs "
            "of volumes with the same schedule)"
        )
    return "; ".join(parts)


def volume_lines(rows: Sequence[Row], heads: tuple[str, str]) -> Iterator[str]:
    """Those that miss an objective, and then the others; the worst of each.

    Args:
        rows: The worst first.
        heads: What the value of a row is called, and the objective of the policy.
    """
    several = len({row.volume.cluster for row in rows}) > 1
    missed = [row for row in rows if row.missed]
    met = [row for row in rows if row.demanded and not row.missed]
    others = [row for row in rows if not row.demanded and not row.missed]
    if missed:
        yield f"objectives not met at every moment: {len(missed)} of {len(rows)} volumes"
        head = ("VOLUME", "POLICY", *heads, "NOT MET FOR", "FROM")
        yield from _table(missed, head, several=several)
    if met:
        yield f"objectives met at every moment: {len(met)} of {len(rows)} volumes"
        yield from _table(met, ("VOLUME", "POLICY", *heads), several=several)
    if others:
        yield f"without such an objective: {len(others)} of {len(rows)} volumes"
        yield from _table(others, ("VOLUME", "POLICY", heads[0]), several=several)


def _table(rows: Sequence[Row], head: tuple[str, ...], *, several: bool) -> Iterator[str]:
    found = alike(rows)
    cells = (_cells(row, number, several=several) for row, number in found[:MOST_ROWS])
    table = [head, *(row[: len(head)] for row in cells)]
    yield from (f"  {line}" for line in columns(table))
    rest = sum(number for _, number in found[MOST_ROWS:])
    if rest:
        yield f"  and {rest} more volumes, none of them worse (--format json has all)"


def _cells(row: Row, number: int, *, several: bool) -> tuple[str, ...]:
    name = volume_name(row.volume, with_cluster=several)
    more = f" and {number - 1} more" if number > 1 else ""
    first = first_missed(row)
    return (
        name + more,
        row.protection.policy,
        NO_BACKUP_RUNS if row.worst is None else worst_text(row.worst.value, row.worst.at),
        ", ".join(
            f"{name} {age_text(value) if isinstance(value, timedelta) else value}"
            for name, value in row.demanded.items()
        ),
        ", ".join(f"{name} {age_text(total(spans))}" for name, spans in row.missed.items()),
        "" if first is None else moment_text(first),
    )


def group_lines(groups: Iterable[RowGroup], value: str) -> Iterator[str]:
    """The groups as a table.

    Args:
        groups: May be empty.
        value: What the worst value is called.
    """
    found = [*groups]
    if found:
        head = ("", "VOLUMES", "NOT MET", value)
        cells = (
            (
                one.name,
                str(one.volumes),
                str(one.missed),
                NO_BACKUP_RUNS if one.worst is None else age_text(one.worst),
            )
            for one in found
        )
        yield from columns([head, *cells])


def age_text(value: timedelta) -> str:
    """``4h30m``; from three days on in whole days and hours."""
    seconds = int(value.total_seconds())
    return format_written(seconds - seconds % 3600 if value.days >= _DAYS else seconds)


def moment_text(moment: datetime) -> str:
    """``2027-03-28 02:00``, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}"


def worst_text(value: timedelta, at: datetime) -> str:
    """``5h (2027-03-28 02:00)``."""
    return f"{age_text(value)} ({moment_text(at)})"
