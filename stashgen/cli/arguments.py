"""What can be written on the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stashgen import __version__
from stashgen.diagnostics import ExitCode

Verb = Literal["build", "check"]
OWN_VERBS = frozenset(get_args(Verb))

_EPILOG = """exit codes: 0 all is well, 1 there are findings, 2 wrong usage or environment,
3 a bug of stashgen, 130 interrupted"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that was understood.

    Attributes:
        project: The folder with ``stashgen.yaml``, as written.
        output: In place of the project's own output folder.
        stdout: Print the objects instead of writing files.
    """

    verb: Verb
    project: Path
    output: Path | None = None
    stdout: bool = False


def parse(arguments: Sequence[str], others: Mapping[str, str] | None = None) -> Command | int:
    """The command, or the exit code where argparse has said all there is to say.

    Args:
        arguments: What follows the program's name.
        others: Verbs that are installed beside ours, with a summary, for the help.
    """
    try:
        given = _parser(others or {}).parse_args(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    return Command(
        verb=given.verb,
        project=given.project,
        output=getattr(given, "output", None),
        stdout=getattr(given, "stdout", False),
    )


def _parser(others: Mapping[str, str]) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--project",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="the folder with stashgen.yaml; the current one unless said",
    )
    shared.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show where in the program a bug of stashgen happened",
    )
    parser = argparse.ArgumentParser(
        prog="stashgen",
        description="Compile backup policies into Kubernetes objects that are committed to git.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stashgen {__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    build = verbs.add_parser(
        "build",
        parents=[shared],
        allow_abbrev=False,
        help="write the output folder",
        description="Compile the project and write its output folder; with any error finding "
        "nothing is written.",
    )
    where = build.add_mutually_exclusive_group()
    where.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="write there instead of the project's output folder",
    )
    where.add_argument(
        "--stdout", action="store_true", help="print the objects instead of writing files"
    )
    verbs.add_parser(
        "check",
        parents=[shared],
        allow_abbrev=False,
        help="compare the output folder with a fresh build",
        description="Compile the project and compare; every file that a build would add, change "
        "or delete is a finding. Nothing is written.",
    )
    for name, summary in others.items():
        verbs.add_parser(name, help=f"in a cluster: {summary}")
    return parser
