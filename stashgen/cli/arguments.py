"""Reads a command line."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never, get_args

from stashgen.cli.commands import (
    BuildCommand,
    CheckCommand,
    Command,
    CompletionCommand,
    ExplainCommand,
    Format,
    InitCommand,
    InventoryCommand,
    PlanCommand,
    PlanFormat,
    ReportCommand,
    ReportFormat,
    Requirement,
    RetentionReportCommand,
    ScenarioOptions,
    ScheduleReportCommand,
    SchemaCommand,
    Verb,
)
from stashgen.cli.installed import InstalledVerb
from stashgen.cli.parsers import INSTALL, parsers
from stashgen.diagnostics import ExitCode

OWN_VERBS = frozenset(get_args(Verb))


def parse(
    arguments: Sequence[str], others: Mapping[str, InstalledVerb] | None = None
) -> Command | int:
    """The command, or the exit code if argparse has printed help or an error already.

    Args:
        arguments: The command line without the program name.
        others: Verbs of other installed packages, for ``--help``.
    """
    by_verb = parsers(others or {})
    try:
        arguments = _without_help(arguments)
        verb = verb_of(arguments)
        if verb is not None and verb not in by_verb and not others:
            by_verb[None].error(
                f"invalid choice: {verb!r}; commands for clusters are installed by {INSTALL}"
            )
        given, unknown = by_verb[None].parse_known_args(arguments)
        if given.verb is None:
            by_verb[None].error("no command given; stashgen --help lists them")
        if unknown:
            # With the usage of the verb: that is where the mistake is.
            by_verb[given.verb].error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    return _command(given.verb, given)


def _command(verb: Verb, given: Namespace) -> Command:
    """What argparse has found, as the verb's own value."""
    project: Path | None = getattr(given, "project", None)
    match verb:
        case "build":
            return BuildCommand(
                project=project,
                output=given.output,
                stdout=given.stdout,
                fail_if_changed=given.fail_if_changed,
                require=tuple(Requirement(one) for one in given.require),
                format_=Format(given.format_),
            )
        case "check":
            require = tuple(Requirement(one) for one in given.require)
            return CheckCommand(project, require, Format(given.format_))
        case "explain":
            return ExplainCommand(given.topic, project)
        case "plan":
            return PlanCommand(
                project=project,
                states=tuple(given.states),
                format_=PlanFormat(given.format_),
                namespaces=tuple(given.namespaces),
                fail_on=tuple(effect for text in given.fail_on for effect in text.split(",")),
                detailed_exit_code=given.detailed_exit_code,
            )
        case "report":
            return _report(project, given)
        case "inventory":
            return InventoryCommand(
                project=project,
                clusters=tuple(given.clusters),
                check=given.check,
                stdin=given.stdin is not None,
            )
        case "init":
            return InitCommand(project, given.dry_run)
        case "schema":
            return SchemaCommand(given.kind, given.kubeconform)
        case "completion":
            return CompletionCommand(given.shell)
        case _:
            assert_never(verb)


def _report(project: Path | None, given: Namespace) -> Command:
    format_ = ReportFormat(given.format_)
    if given.report == "coverage":
        return ReportCommand(project, given.by, given.fail_under, format_)
    scenario = ScenarioOptions(
        given.days, given.start, tuple(given.outages), given.failures, given.seed
    )
    fail_on = tuple(name for text in given.fail_on for name in text.split(","))
    common = (project, scenario, given.by, given.volume, fail_on, format_)
    if given.report == "schedule":
        return ScheduleReportCommand(*common)
    return RetentionReportCommand(*common, given.change, given.growth, given.size, given.prices)


def verb_of(arguments: Sequence[str]) -> str | None:
    """The verb of a command line, which may come after ``--project DIR``."""
    rest = iter(arguments)
    for item in rest:
        if item == "--project":
            next(rest, None)
        elif not item.startswith("-"):
            return item
    return None


def _without_help(arguments: Sequence[str]) -> Sequence[str]:
    """``help`` and ``help VERB`` as argparse knows them."""
    if arguments[:1] == ["help"]:
        return [*arguments[1:2], "--help"]
    return arguments
