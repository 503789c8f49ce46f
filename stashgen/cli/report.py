"""``stashgen report``: what a project comes to over all its volumes; writes nothing."""

import sys
from collections.abc import Callable
from pathlib import Path

from stashgen.cli.commands import (
    ReportCommand,
    ReportFormat,
    RetentionReportCommand,
    ScheduleReportCommand,
)
from stashgen.cli.compiling import decide_project
from stashgen.cli.messages import below, say, seen_from_here, show_findings
from stashgen.cli.progress import Progress
from stashgen.cli.project_folder import project_folder
from stashgen.diagnostics import ExitCode, UsageError, has_errors, printable, quote
from stashgen.pipeline import Decisions
from stashgen.report.coverage import Group, VolumeCoverage, group, total, volume_coverage
from stashgen.report.coverage_json import coverage_json
from stashgen.report.coverage_text import coverage_text, percent_text

_LABEL = "label:"
_NO_POLICY = "(no policy)"
_NO_LABEL = "(no label)"
_UNKNOWN = "(unknown)"


def report(command: ReportCommand | ScheduleReportCommand | RetentionReportCommand) -> int:
    """Print a report; with errors in the project, these instead.

    Raises:
        UsageError: there is no project, nothing to group by of that name, an option that does not
            fit, or no standard output.
        ToolError: a file cannot be read.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    name = _grouping(command.by) if command.by is not None else None
    project = project_folder(command.project)
    with Progress(sys.stderr) as progress:
        progress.stage("reading the project")
        decided = decide_project(project)
    if decided.decisions is None or has_errors(decided.findings):
        show_findings(seen_from_here(decided.findings, project))
        return ExitCode.FINDINGS
    if isinstance(command, ReportCommand):
        return _coverage(command, decided.decisions, project, name)
    # The simulation takes time to load, which the coverage does not need.
    from stashgen.cli.over_time import report_retention, report_schedule

    if isinstance(command, ScheduleReportCommand):
        return report_schedule(command, decided, name)
    return report_retention(command, decided, name)


def _coverage(
    command: ReportCommand,
    decisions: Decisions,
    project: Path,
    name: Callable[[VolumeCoverage], str] | None,
) -> ExitCode:
    volumes = volume_coverage(decisions.resolved, decisions.inventory)
    groups = group(volumes, name) if name is not None else ()
    whole = total(volumes)
    if command.format_ is ReportFormat.JSON:
        sys.stdout.write(coverage_json(volumes, groups, whole))
    else:
        lines = coverage_text(volumes, groups, whole, lambda at: str(below(project, at)))
        for line in lines:
            print(printable(line))
    return _judged(groups or (whole,), command.fail_under)


def _grouping(by: str) -> Callable[[VolumeCoverage], str]:
    if by == "cluster":
        return lambda one: one.cluster or _UNKNOWN
    if by == "namespace":
        return lambda one: f"{one.cluster}/{one.namespace}" if one.namespace else _UNKNOWN
    if by == "policy":
        return lambda one: _NO_POLICY if one.protection is None else one.protection.policy
    if by.startswith(_LABEL) and len(by) > len(_LABEL):
        key = by.removeprefix(_LABEL)
        return lambda one: (one.labels or {}).get(key, _NO_LABEL)
    raise UsageError(f"--by {quote(by)}: choose cluster, namespace, policy or label:KEY")


def _judged(groups: tuple[Group, ...], percent: float | None) -> ExitCode:
    """Whether each group is covered enough; says which is not."""
    low = [one for one in groups if percent is not None and one.is_below(percent)]
    for one in low:
        where = f" in {quote(one.name)}" if one.name else ""
        say(f"--fail-under {percent:g}: {percent_text(one)} of the volumes{where} are protected")
    return ExitCode.FINDINGS if low else ExitCode.OK
