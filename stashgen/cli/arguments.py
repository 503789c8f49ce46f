"""The command line and its ``--help``."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args

from stashgen import __version__
from stashgen.diagnostics import ExitCode

Verb = Literal["build", "check", "explain"]
Topic = Literal["secrets"]
OWN_VERBS = frozenset(get_args(Verb))

_EPILOG = """exit codes: 0 success, 1 findings, 2 usage or environment error, 3 internal error
(a bug in stashgen), 130 interrupted"""


class Requirement(StrEnum):
    """What a build may be required to leave nothing of."""

    PROTECTED = "protected"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed command line.

    Attributes:
        project: The folder with ``stashgen.yaml``, as given; None where it is to be found.
        output: Replaces the project's own output folder.
        stdout: Print the objects instead of writing files.
        topic: What to explain.
        require: Exit with 1 if a volume is not protected, or not known.
    """

    verb: Verb
    project: Path | None
    output: Path | None = None
    stdout: bool = False
    topic: Topic | None = None
    require: tuple[Requirement, ...] = ()


def parse(arguments: Sequence[str], others: Mapping[str, str] | None = None) -> Command | int:
    """The command, or the exit code if argparse has printed help or an error already.

    Args:
        arguments: The command line without the program name.
        others: Verbs of other installed packages, with their summaries, for ``--help``.
    """
    parsers = _parsers(others or {})
    try:
        given, unknown = parsers[None].parse_known_args(_without_help(arguments))
        if given.verb is None:
            parsers[None].error("no command given; stashgen --help lists them")
        if unknown:
            # With the usage of the verb: that is where the mistake is.
            parsers[given.verb].error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    return Command(
        verb=given.verb,
        project=getattr(given, "project", None),
        output=getattr(given, "output", None),
        stdout=getattr(given, "stdout", False),
        topic=getattr(given, "topic", None),
        require=tuple(Requirement(one) for one in getattr(given, "require", ())),
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


def _parsers(others: Mapping[str, str]) -> dict[str | None, argparse.ArgumentParser]:
    """By verb; under None the whole command line's."""
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--project",
        metavar="DIR",
        type=Path,
        default=argparse.SUPPRESS,
        help="folder with stashgen.yaml (default: the nearest one, from here upwards)",
    )
    shared.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print a traceback if stashgen itself fails",
    )
    covered = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    covered.add_argument(
        "--require",
        action="append",
        default=[],
        choices=[*Requirement],
        help="exit with code 1 if a volume of the inventory is unprotected (protected) or unknown "
        "(known); may be given twice",
    )
    parser = argparse.ArgumentParser(
        prog="stashgen",
        description="Compile backup policies into Kubernetes objects that are committed to Git.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stashgen {__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    build = verbs.add_parser(
        "build",
        parents=[shared, covered],
        allow_abbrev=False,
        help="write the output folder",
        description="Compile the project and write its output folder. Nothing is written if any "
        "finding is an error.",
    )
    where = build.add_mutually_exclusive_group()
    where.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="write to DIR instead of the project's output folder",
    )
    where.add_argument(
        "--stdout", action="store_true", help="print the objects instead of writing files"
    )
    verbs.add_parser(
        "check",
        parents=[shared, covered],
        allow_abbrev=False,
        help="compare the output folder with a fresh build",
        description="Compile the project and compare the result with the output folder. Every "
        "file that a build would add, change or delete is a finding. Nothing is written.",
    )
    explain = verbs.add_parser(
        "explain",
        parents=[shared],
        allow_abbrev=False,
        help="say what the project comes to",
        description="secrets: every Secret that must exist, by cluster and namespace, with its "
        "keys, the pods that mount it, and what brings it. Nothing is written.",
    )
    explain.add_argument("topic", choices=get_args(Topic))
    for name, summary in others.items():
        verbs.add_parser(name, help=f"{summary} (in a cluster)")
    by_verb: dict[str | None, argparse.ArgumentParser] = {None: parser}
    by_verb.update(verbs.choices)
    return by_verb
