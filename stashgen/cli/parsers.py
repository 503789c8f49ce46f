"""What the command line understands, and its ``--help``."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from stashgen import __version__
from stashgen.cli.commands import Format, PlanFormat, Requirement, Shell, Verb
from stashgen.cli.installed import InstalledVerb
from stashgen.cli.report_parsers import add_reports

Parser = argparse.ArgumentParser
# Those of stashgen.policy.schema, which takes too long to import for every command.
KINDS = ("Project", "Storage", "BackupPolicy", "Guardrail")
# Those of stashgen.plan.plan.Effect, which takes too long to import for every command.
EFFECTS = ("destroy", "replace", "rpo-worse", "unprotected")

# What brings the verbs of the controller's distribution, and the kubectl plugin.
INSTALL = "uv tool install 'stashgen[cluster]'"
_EPILOG = """exit codes: 0 success, 1 findings, 2 usage or environment error, 3 internal error
(a bug in stashgen), 130 interrupted; plan --detailed-exitcode: 4 if something changes"""


def parsers(others: Mapping[str, InstalledVerb]) -> dict[str | None, Parser]:
    """By verb; under None the whole command line's.

    Args:
        others: Verbs of other installed packages.
    """
    parser = Parser(
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

    def add(verb: Verb, summary: str, description: str, *parents: Parser) -> Parser:
        return verbs.add_parser(
            verb,
            parents=[_debug(), *parents],
            allow_abbrev=False,
            help=summary,
            description=description,
        )

    build = add(
        "build",
        "write the output folder",
        "Compile the project and write its output folder. Nothing is written if any finding is an "
        "error.",
        _project(),
        _covered(),
    )
    _where(build)
    add(
        "check",
        "compare the output folder with a fresh build",
        "Compile the project and compare the result with the output folder. Every file that a "
        "build would add, change or delete is a finding. Nothing is written.",
        _project(),
        _covered(),
    )
    explain = add(
        "explain",
        "say what was decided, and which line decided it",
        "What was decided for a volume (namespace/name), a policy or a file, each value with the "
        "line that decided it. secrets: every Secret that must exist, by cluster and namespace, "
        "with its keys, the pods that mount it, and what brings it. Nothing is written.",
        _project(),
    )
    explain.add_argument("topic", metavar="VOLUME|POLICY|FILE|secrets")
    _plan(
        add(
            "plan",
            "say what a change means before it is merged",
            "Compare two states of the project: volumes that gain or lose their protection, "
            "objectives before and after, new histories, restore points that go, each with the "
            "line that is the reason; and the objects that differ. Nothing is written.",
            _project(),
        )
    )
    add_reports(
        add(
            "report",
            "say what is protected, how well, and for how long",
            "Summarize how the volumes of all inventories are protected. Nothing is written.",
        ),
        _debug(),
        _project(),
    )
    _inventory(
        add(
            "inventory",
            "render and record what is in a cluster, with kustomize, helm or kubectl",
            "Render the sources of every recorded inventory (from: in stashgen.yaml) and write the "
            "records, which build and check read. Only this command runs kustomize, helm and the "
            "commands that stashgen.yaml names.",
            _project(),
        )
    )
    init = add(
        "init",
        "write the first files of a project",
        "Look at a repository, write stashgen.yaml with a policy, a storage and what applies the "
        "output, and list what remains to be decided. What exists is never overwritten.",
    )
    init.add_argument(
        "--project", metavar="DIR", type=Path, help="the repository (default: current folder)"
    )
    init.add_argument(
        "--dry-run", action="store_true", help="print the files instead of writing them"
    )
    _schema(
        add(
            "schema",
            "print JSON Schemas for editors and kubeconform",
            "Print the JSON Schema of the documents that people write, for an editor. It says the "
            "shape only; check knows the rest.",
        )
    )
    completion = add(
        "completion",
        "print a completion script for a shell",
        "Print a script that completes commands and options.",
    )
    completion.add_argument("shell", choices=get_args(Shell), help="the shell that will run it")
    for name, other in others.items():
        verbs.add_parser(
            name, parents=[other.parser()], add_help=False, help=f"{other.summary} (in a cluster)"
        )
    found: dict[str | None, Parser] = {None: parser}
    return found | verbs.choices


def _debug() -> Parser:
    shared = Parser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print a traceback if stashgen itself fails",
    )
    return shared


def _project() -> Parser:
    shared = Parser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--project",
        metavar="DIR",
        type=Path,
        default=argparse.SUPPRESS,
        help="folder with stashgen.yaml (default: the nearest one, from here upwards)",
    )
    return shared


def _covered() -> Parser:
    covered = Parser(add_help=False, allow_abbrev=False)
    covered.add_argument(
        "--require",
        action="append",
        default=[],
        choices=[one.value for one in Requirement],
        help="exit with code 1 if a volume of the inventory is unprotected or paused (protected), "
        "or unknown (known); may be given twice",
    )
    covered.add_argument(
        "--format",
        dest="format_",
        choices=[one.value for one in Format],
        default=Format.TEXT.value,
        help="how findings are written: text on standard error (default), or a document on "
        "standard output for the program of that name (junit: Jenkins and others)",
    )
    return covered


def _where(build: Parser) -> None:
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
    build.add_argument(
        "--fail-if-changed",
        action="store_true",
        help="exit with code 1 if a file was written or deleted, for pre-commit",
    )


def _plan(plan: Parser) -> None:
    plan.add_argument(
        "states",
        metavar="STATE",
        nargs="*",
        help="two folders (before and after); or, in a git repository, BEFORE..AFTER, "
        "BEFORE...AFTER (since their merge base), or one revision, compared with the working tree "
        "(default: HEAD)",
    )
    plan.add_argument(
        "--format",
        dest="format_",
        choices=[one.value for one in PlanFormat],
        default=PlanFormat.TEXT.value,
        help="text (default), markdown for a comment of at most 65,536 characters, or json",
    )
    plan.add_argument(
        "--for-namespace",
        metavar="NAME",
        dest="namespaces",
        action="append",
        default=[],
        help="only what happens in this namespace; may be given several times",
    )
    plan.add_argument(
        "--fail-on",
        metavar="EFFECT[,EFFECT]",
        action="append",
        default=[],
        help=f"exit with code 1 if the plan has one of these effects: {', '.join(EFFECTS)}",
    )
    plan.add_argument(
        "--detailed-exitcode",
        dest="detailed_exit_code",
        action="store_true",
        help="exit with code 4 if anything changes",
    )


def _inventory(inventory: Parser) -> None:
    inventory.add_argument(
        "--cluster",
        metavar="NAME",
        dest="clusters",
        action="append",
        default=[],
        help="record only this cluster; may be given several times",
    )
    inventory.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and exit with code 1 if a record differs from its sources",
    )
    inventory.add_argument(
        "stdin",
        metavar="-",
        nargs="?",
        choices=["-"],
        help="record the manifests on standard input, for a record without from:",
    )


def _schema(schema: Parser) -> None:
    which = schema.add_mutually_exclusive_group()
    which.add_argument("--kind", choices=KINDS, help="of one kind only (default: all in one)")
    which.add_argument(
        "--kubeconform",
        metavar="DIR",
        type=Path,
        help="write one schema per kind below DIR instead, including those of all rendered kinds",
    )
