"""What can be written on the command line of the cluster-side verbs."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from stashgen import __version__
from stashgen.diagnostics import ExitCode
from stashgen.kubestash.quantities import parse_duration

Verb = Literal["status", "snapshots", "trigger", "restore", "logs"]
SUMMARIES: Mapping[Verb, str] = {
    "status": "what is late, failed or unprotected, and why",
    "snapshots": "restore points, newest first",
    "trigger": "start a backup now",
    "restore": "write a restore into git, or restore now",
    "logs": "what the newest pod of a volume wrote",
}
# Kubernetes, "Object Names and IDs", DNS subdomain names.
_NAME_PATTERN = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 253
_NAME = "a BackupConfiguration, a volume that is backed up, or a Repository"
_STATUS = """Everything that needs somebody, on one screen; with NAME all about one volume.
Exit code 1 where something is late, failed, not ready or unprotected."""
_RESTORE = """Write a RestoreRequest for git: a restore that happens once, whatever is synced again.
With --now create a RestoreSession instead."""
_EPILOG = """exit codes: 0 all is well, 1 something needs somebody, 2 wrong usage, or the cluster
cannot be asked, 3 a bug of stashgen, 130 interrupted"""

Parser = argparse.ArgumentParser


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespace; empty where the kubeconfig decides."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    all_namespaces: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that was understood.

    Attributes:
        name: A BackupConfiguration's, a claim's or a Repository's name.
        as_json: The product is JSON.
        is_full: A line for everything.
        session: Of the BackupConfiguration.
        wait, timeout: Follow to the end, for so long.
        repository, snapshot, as_of, target: Which restore point into which claim.
        file: Where the manifest is written to.
        now: Create a RestoreSession instead of writing a manifest.
        not_after: For how long a restore in git may still start.
        only_if_empty, wait_for_snapshot: Of a restore in git.
        reason: Why it is restored, for the history.
    """

    verb: Verb
    where: Where
    name: str = ""
    as_json: bool = False
    is_full: bool = False
    session: str | None = None
    wait: bool = False
    timeout: timedelta = timedelta(hours=24)
    repository: str = ""
    snapshot: str = "latest"
    as_of: datetime | None = None
    target: str = ""
    file: Path | None = None
    now: bool = False
    not_after: timedelta | None = None
    only_if_empty: bool = False
    wait_for_snapshot: bool = False
    reason: str = ""


def parse(arguments: Sequence[str], program: str) -> Command | int:
    """The command, or the exit code where argparse has said all there is to say."""
    try:
        given = vars(_parser(program).parse_args(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    where = Where(
        given.pop("kubeconfig"),
        given.pop("context"),
        given.pop("namespace"),
        given.pop("all_namespaces", False),
    )
    given.pop("debug", None)
    as_json = given.pop("output", None) == "json"
    return Command(where=where, as_json=as_json, **given)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Look after the backups in a cluster, with your own rights.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def add(verb: Verb, description: str, *parents: argparse.ArgumentParser) -> Parser:
        return verbs.add_parser(
            verb,
            parents=[_shared(), *parents],
            help=SUMMARIES[verb],
            description=description,
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    status = add("status", _STATUS, _everywhere(), _output())
    status.add_argument("name", metavar="NAME", nargs="?", default="", help=_NAME)
    status.add_argument(
        "--full",
        dest="is_full",
        action="store_true",
        help="a line for everything, however many there are",
    )
    snapshots = add("snapshots", "Restore points, newest first.", _everywhere(), _output())
    snapshots.add_argument("name", metavar="NAME", nargs="?", default="", help=_NAME)
    trigger = add("trigger", "Create a BackupSession, as the CronJob does.", _waiting())
    trigger.add_argument("name", metavar="NAME", help=_NAME)
    trigger.add_argument("--session", metavar="NAME", help="where there is more than one")
    restore = add("restore", _RESTORE, _waiting())
    restore.add_argument("name", metavar="NAME", help=_NAME)
    _which(restore)
    _how(restore)
    logs = add("logs", "What the newest pod of a volume's backups and restores wrote.")
    logs.add_argument("name", metavar="NAME", help=_NAME)
    return parser


def _which(restore: Parser) -> None:
    chosen = restore.add_mutually_exclusive_group()
    chosen.add_argument(
        "--snapshot",
        metavar="NAME",
        default="latest",
        help="unless said, the newest good one; it is written down by name",
    )
    chosen.add_argument(
        "--as-of",
        type=_time,
        metavar="TIME",
        help="the newest good one that was taken by then, such as 2026-03-01T02:00Z",
    )
    restore.add_argument("--repository", metavar="NAME", default="", help="of this one only")
    restore.add_argument(
        "--to",
        dest="target",
        type=_claim,
        metavar="CLAIM",
        default=argparse.SUPPRESS,  # an empty one is a variable that is not set
        help="another PersistentVolumeClaim of the namespace",
    )


def _how(restore: Parser) -> None:
    restore.add_argument(
        "--now", action="store_true", help="create a RestoreSession instead of writing a manifest"
    )
    restore.add_argument(
        "-f", "--file", type=Path, metavar="FILE", help="write the manifest there; it must be new"
    )
    restore.add_argument(
        "--not-after",
        type=_later,
        metavar="DURATION",
        help="for how long from now the restore may still start (default: 24h)",
    )
    restore.add_argument(
        "--only-if-empty", action="store_true", help="refuse a volume that has files"
    )
    restore.add_argument(
        "--wait-for-snapshot",
        action="store_true",
        help="where no restore point matches yet, wait for one until then",
    )
    restore.add_argument(
        "--reason", metavar="TEXT", default="", help="why, for whoever reads the history"
    )


def _shared() -> Parser:
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--kubeconfig",
        metavar="FILE",
        default="",
        help="unless said, $KUBECONFIG or ~/.kube/config",
    )
    shared.add_argument("--context", metavar="NAME", default="", help="of the kubeconfig")
    shared.add_argument(
        "-n", "--namespace", metavar="NAME", default="", help="unless said, the context's"
    )
    shared.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print a traceback if stashgen itself fails",
    )
    return shared


def _everywhere() -> Parser:
    parent = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parent.add_argument("-A", "--all-namespaces", action="store_true", help="look at all of them")
    return parent


def _output() -> Parser:
    parent = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parent.add_argument(
        "-o",
        "--output",
        choices=["json"],
        metavar="json",
        help="for machines",
    )
    return parent


def _waiting() -> Parser:
    parent = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parent.add_argument(
        "--wait", action="store_true", help="follow it to its end; exit code 1 if that is not good"
    )
    parent.add_argument(
        "--timeout",
        type=_duration,
        default=timedelta(hours=24),
        metavar="DURATION",
        help="how long to wait, such as 30m (default: 24h)",
    )
    return parent


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _later(text: str) -> timedelta:
    found = _duration(text)
    if not found:
        msg = f"{text!r} from now is now: nothing could start"
        raise argparse.ArgumentTypeError(msg)
    return found


def _claim(text: str) -> str:
    if len(text) > _LONGEST_NAME or _NAME_PATTERN.fullmatch(text) is None:
        msg = f"{text!r} is not a claim's name: letters a-z, digits, '-' and '.'"
        raise argparse.ArgumentTypeError(msg)
    return text


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a time like 2026-03-01T02:00Z"
        raise argparse.ArgumentTypeError(msg) from error
    if found.tzinfo is None:
        msg = f"{text!r} needs a time zone, such as Z at its end"
        raise argparse.ArgumentTypeError(msg)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} is out of range"
        raise argparse.ArgumentTypeError(msg) from error
