"""``stashgen report schedule`` and ``retention``: from flags to a simulation and its report."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from stashgen.cli.commands import (
    ReportFormat,
    RetentionReportCommand,
    ScenarioOptions,
    ScheduleReportCommand,
)
from stashgen.cli.compiling import Decided, today
from stashgen.cli.messages import count, say
from stashgen.cli.prices import Prices, read_prices
from stashgen.cli.report_parsers import calendar_day
from stashgen.cron import BLOCK_MINUTES
from stashgen.diagnostics import ExitCode, UsageError, printable, quote
from stashgen.inventory.repository_sizes import repository_sizes
from stashgen.kubestash.quantities import quantity
from stashgen.policy.duration import parse_duration
from stashgen.report.coverage import VolumeCoverage, volume_coverage
from stashgen.report.over_time import Row, groups, retention_rows, schedule_rows
from stashgen.report.over_time_json import retention_json, schedule_json
from stashgen.report.retention_text import day_lines, retention_text
from stashgen.report.schedule_text import schedule_text
from stashgen.report.stored import Stored, stored
from stashgen.timeline.growth import growth
from stashgen.timeline.load import change_days, loads
from stashgen.timeline.scenario import Outage, Scenario

Grouping = Callable[[VolumeCoverage], str]
_PERCENT = 100
_MOST_BYTES = 10**18
_SCHEDULE, _RETENTION = ("rpo", "minCopies"), ("keepFor",)
_NOTHING = Stored((), 0, 0, 0, 0)


def report_schedule(
    command: ScheduleReportCommand, decided: Decided, name: Grouping | None
) -> ExitCode:
    """Print it; the project has no errors.

    Raises:
        UsageError: an option does not fit the project.
    """
    _require(command.fail_on, _SCHEDULE)
    volumes = _volumes(decided, command.volume)
    scenario = _scenario(command.scenario, volumes)
    rows = schedule_rows(volumes, scenario)
    grouped = groups(rows, name, max) if name is not None else ()
    protections = [row.protection for row in rows]
    found = loads(protections, scenario), change_days(protections, scenario)
    if command.format_ is ReportFormat.JSON:
        sys.stdout.write(schedule_json(rows, grouped, *found, scenario))
    else:
        _print(schedule_text(rows, grouped, *found, scenario))
    return _judged(rows, command.fail_on)


def report_retention(
    command: RetentionReportCommand, decided: Decided, name: Grouping | None
) -> ExitCode:
    """Print it; the project has no errors.

    Raises:
        UsageError: an option does not fit the project.
        ToolError: the prices cannot be read.
    """
    _require(command.fail_on, _RETENTION)
    if command.change is None:
        _refuse_without_change(command)
    size = None if command.size is None else _size(command.size)
    prices = Prices("", {}) if command.prices is None else read_prices(command.prices)
    volumes = _volumes(decided, command.volume)
    scenario = replace(
        _scenario(command.scenario, volumes),
        change=(command.change or 0) / _PERCENT,
        growth=command.growth / _PERCENT,
    )
    rows = retention_rows(volumes, scenario)
    grouped = groups(rows, name, min) if name is not None else ()
    sizes = _NOTHING
    if command.change is not None and decided.source is not None:
        sizes = stored(rows, repository_sizes(decided.source), size)
    storages = growth(sizes.copies, prices.storages)
    said = (rows, grouped, sizes, storages, prices.currency, scenario)
    if command.format_ is ReportFormat.JSON:
        sys.stdout.write(retention_json(*said))
    else:
        _print(retention_text(*said))
        if command.volume is not None:
            for row in rows:
                _print(day_lines(row, scenario))
    return _judged(rows, command.fail_on)


def _refuse_without_change(command: RetentionReportCommand) -> None:
    given = {
        "--growth": command.growth or None,
        "--size": command.size,
        "--prices": command.prices,
    }
    for flag, value in given.items():
        if value is not None:
            raise UsageError(f"{flag} needs --change: how much of a volume changes in a day")


def _size(text: str) -> int:
    try:
        value = quantity(text)
    except ValueError:
        value = Decimal(0)
    if not 1 <= value <= _MOST_BYTES:
        raise UsageError(f"--size {quote(text)} is not a size such as 20Gi")
    return int(value)


def _require(given: Sequence[str], known: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UsageError(
            f"--fail-on {quote(unknown[0])} is no objective of this report; choose from "
            f"{', '.join(known)}"
        )


def _volumes(decided: Decided, volume: str | None) -> list[VolumeCoverage]:
    """Those that policies select."""
    decisions = decided.decisions
    if decisions is None:
        return []
    found = volume_coverage(decisions.resolved, decisions.inventory)
    selected = [one for one in found if one.protection is not None]
    if volume is None:
        return selected
    chosen = [one for one in selected if volume in _names(one)]
    if not chosen:
        raise UsageError(f"--volume {quote(volume)}: no policy selects a volume of this name")
    return chosen


def _names(one: VolumeCoverage) -> Iterator[str]:
    yield f"{one.namespace}/{one.name}"
    yield f"{one.cluster}/{one.namespace}/{one.name}"


def _scenario(options: ScenarioOptions, volumes: Sequence[VolumeCoverage]) -> Scenario:
    start = datetime.combine(options.start or today(), time(), UTC)
    storages = sorted(
        {
            copy.storage.name
            for one in volumes
            if one.protection is not None
            for session in one.protection.sessions
            for copy in session.copies
        }
    )
    return Scenario(
        start=start,
        days=options.days,
        outages=tuple(_outage(text, start, options.days, storages) for text in options.outages),
        failures=options.failures / _PERCENT,
        seed=options.seed,
    )


def _outage(text: str, start: datetime, days: int, storages: Sequence[str]) -> Outage:
    storage, _, rest = text.partition("=")
    lasting, at, day = rest.partition("@")
    if storage not in storages:
        known = f"; there are {', '.join(storages)}" if storages else ""
        raise UsageError(f"--outage {quote(text)}: no copy goes to storage {quote(storage)}{known}")
    middle = start + timedelta(days=days // 2)
    try:
        duration = timedelta(seconds=parse_duration(lasting))
        begin = datetime.combine(calendar_day(day), time(), UTC) if at else middle
        end = begin + duration
    except OverflowError:
        raise UsageError(f"--outage {quote(text)}: it is longer than the calendar") from None
    except ValueError as error:
        raise UsageError(f"--outage {quote(text)}: {error}") from None
    if duration % timedelta(minutes=BLOCK_MINUTES):
        raise UsageError(f"--outage {quote(text)}: it must last a multiple of {BLOCK_MINUTES}m")
    if end <= start:
        raise UsageError(
            f"--outage {quote(text)}: it is over before the first day, {start:%Y-%m-%d}; choose a "
            "later day, or an earlier --start"
        )
    if begin >= start + timedelta(days=days):
        raise UsageError(
            f"--outage {quote(text)}: it begins after the last day; choose an earlier day, or more "
            "--days"
        )
    return Outage(storage, begin, end)


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(printable(line))


def _judged(rows: Sequence[Row], objectives: Sequence[str]) -> ExitCode:
    """Whether the named objectives hold; says which do not."""
    code = ExitCode.OK
    for name in dict.fromkeys(objectives):
        missed = sum(name in row.missed for row in rows)
        if missed:
            say(f"--fail-on {name}: not met at every moment by {count(missed, 'volume')}")
            code = ExitCode.FINDINGS
    return code
