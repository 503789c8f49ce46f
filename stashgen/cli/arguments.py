"""The command line as a value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from stashgen.cli.installed import InstalledVerb
from stashgen.cli.parsers import (
    INSTALL,
    Format,
    PlanFormat,
    ReportFormat,
    Requirement,
    Shell,
    Verb,
    parsers,
)
from stashgen.diagnostics import ExitCode

OWN_VERBS = frozenset(get_args(Verb))


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed command line.

    Attributes:
        project: The folder with ``stashgen.yaml``, as given; None where it is to be found.
        output: Replaces the project's own output folder.
        stdout: Print the objects instead of writing files.
        fail_if_changed: Exit with 1 if a build changed a file.
        topic: What to explain.
        require: Exit with 1 if a volume is not protected, or not known.
        kind: The kind whose schema is printed; None for all.
        kubeconform: Where to write schemas for kubeconform.
        format_: How findings are written.
        dry_run: Show what would be written.
        shell: Whose completion script is printed.
        clusters: Names of the clusters to record; empty for all.
        check: Compare the records with their sources and write nothing.
        stdin: Record what standard input has.
        states: What is compared.
        plan_format: How a plan is written.
        namespaces: To which a plan is limited; empty for all.
        fail_on: Effects of a plan with which it exits with 1.
        detailed_exit_code: Exit with 4 if anything changes.
        by: What volumes are counted by.
        fail_under: Exit with 1 if a smaller percentage is protected.
        report_format: How a report is written.
    """

    verb: Verb
    project: Path | None
    output: Path | None = None
    stdout: bool = False
    fail_if_changed: bool = False
    topic: str | None = None
    require: tuple[Requirement, ...] = ()
    kind: str | None = None
    kubeconform: Path | None = None
    format_: Format = Format.TEXT
    dry_run: bool = False
    shell: Shell | None = None
    clusters: tuple[str, ...] = ()
    check: bool = False
    stdin: bool = False
    states: tuple[str, ...] = ()
    plan_format: PlanFormat = PlanFormat.TEXT
    namespaces: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    detailed_exit_code: bool = False
    by: str | None = None
    fail_under: float | None = None
    report_format: ReportFormat = ReportFormat.TEXT


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
    return Command(
        verb=given.verb,
        project=getattr(given, "project", None),
        output=getattr(given, "output", None),
        stdout=getattr(given, "stdout", False),
        fail_if_changed=getattr(given, "fail_if_changed", False),
        topic=getattr(given, "topic", None),
        require=tuple(Requirement(one) for one in getattr(given, "require", ())),
        kind=getattr(given, "kind", None),
        kubeconform=getattr(given, "kubeconform", None),
        format_=Format(getattr(given, "format_", Format.TEXT)),
        dry_run=getattr(given, "dry_run", False),
        shell=getattr(given, "shell", None),
        clusters=tuple(getattr(given, "clusters", ())),
        check=getattr(given, "check", False),
        stdin=getattr(given, "stdin", None) is not None,
        states=tuple(getattr(given, "states", ())),
        plan_format=PlanFormat(getattr(given, "plan_format", PlanFormat.TEXT)),
        namespaces=tuple(getattr(given, "namespaces", ())),
        fail_on=tuple(
            effect for text in getattr(given, "fail_on", ()) for effect in text.split(",")
        ),
        detailed_exit_code=getattr(given, "detailed_exit_code", False),
        by=getattr(given, "by", None),
        fail_under=getattr(given, "fail_under", None),
        report_format=ReportFormat(getattr(given, "report_format", ReportFormat.TEXT)),
    )


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
