"""The command line of the cluster verbs and its ``--help``."""

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
    "status": "show what is late, failed or unprotected, and why",
    "snapshots": "list restore points, newest first",
    "trigger": "start a backup now",
    "restore": "write a RestoreRequest for Git, or restore now",
    "logs": "print the log of a volume's newest pod",
}
# Kubernetes, "Object Names and IDs", DNS subdomain names.
_NAME_PATTERN = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 253
_NAME = "name of a BackupConfiguration, of a backed-up volume or of a Repository"
_STATUS = """Show everything that needs attention on one screen; with NAME, one volume in detail.
The exit code is 1 if anything is late, failed, not ready or unprotected."""
_RESTORE = """Write a RestoreRequest for Git: a restore that happens once, even if synced again.
With --now, create a RestoreSession instead."""
_EPILOG = """exit codes: 0 success, 1 something needs attention, 2 usage error or no access to the
cluster, 3 internal error (a bug in stashgen), 130 interrupted"""

Parser = argparse.ArgumentParser


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespace; empty values are left to the kubeconfig."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    all_namespaces: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed command line.

    Attributes:
        name: A BackupConfiguration's, a claim's or a Repository's name.
        as_json: Write JSON.
        is_full: List every entry.
        session: One of the BackupConfiguration's sessions.
        wait, timeout: Whether to wait for the end, and for how long.
        repository, snapshot, as_of, target: Which restore point to restore into which claim.
        file: Where to write the manifest.
        now: Create a RestoreSession instead of writing a manifest.
        not_after: How long a RestoreRequest may still start.
        only_if_empty, wait_for_snapshot: Settings of a RestoreRequest.
        reason: Why the volume is restored, for the record.
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
    """The command, or the exit code if argparse has printed help or an error already."""
    parser = parsers(program)[None]
    try:
        given = vars(parser.parse_args(arguments))
        if given["verb"] is None:
            parser.error(f"no command given; {program} --help lists them")
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


def parsers(program: str) -> dict[str | None, argparse.ArgumentParser]:
    """By verb; under None the whole command line's."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Inspect, start and restore backups in a cluster, with your own permissions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")

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
        help="list every entry, however many there are",
    )
    snapshots = add("snapshots", "List restore points, newest first.", _everywhere(), _output())
    snapshots.add_argument("name", metavar="NAME", nargs="?", default="", help=_NAME)
    trigger = add("trigger", "Create a BackupSession, as the CronJob does.", _waiting())
    trigger.add_argument("name", metavar="NAME", help=_NAME)
    trigger.add_argument("--session", metavar="NAME", help="required if there are several sessions")
    restore = add("restore", _RESTORE, _waiting())
    restore.add_argument("name", metavar="NAME", help=_NAME)
    _which(restore)
    _how(restore)
    logs = add("logs", "Print the log of the newest pod of a volume's backups and restores.")
    logs.add_argument("name", metavar="NAME", help=_NAME)
    found: dict[str | None, Parser] = {None: parser}
    return found | verbs.choices


def _which(restore: Parser) -> None:
    chosen = restore.add_mutually_exclusive_group()
    chosen.add_argument(
        "--snapshot",
        metavar="NAME",
        default="latest",
        help="restore point to use (default: the newest good one, recorded by name)",
    )
    chosen.add_argument(
        "--as-of",
        type=_time,
        metavar="TIME",
        help="use the newest good restore point taken by TIME, such as 2026-03-01T02:00Z",
    )
    restore.add_argument(
        "--repository", metavar="NAME", default="", help="use only this Repository's restore points"
    )
    restore.add_argument(
        "--to",
        dest="target",
        type=_claim,
        metavar="CLAIM",
        default=argparse.SUPPRESS,  # an empty value is an unset shell variable
        help="restore into another PersistentVolumeClaim of the namespace",
    )


def _how(restore: Parser) -> None:
    restore.add_argument(
        "--now", action="store_true", help="create a RestoreSession instead of writing a manifest"
    )
    restore.add_argument(
        "-f", "--file", type=Path, metavar="FILE", help="write the manifest to a new file"
    )
    restore.add_argument(
        "--not-after",
        type=_later,
        metavar="DURATION",
        help="how long from now the restore may still start (default: 24h)",
    )
    restore.add_argument(
        "--only-if-empty", action="store_true", help="refuse a volume that contains files"
    )
    restore.add_argument(
        "--wait-for-snapshot",
        action="store_true",
        help="if no restore point matches yet, wait for one until --not-after",
    )
    restore.add_argument(
        "--reason", metavar="TEXT", default="", help="why the volume is restored, for the record"
    )


def _shared() -> Parser:
    shared = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--kubeconfig",
        metavar="FILE",
        default="",
        help="default: $KUBECONFIG or ~/.kube/config",
    )
    shared.add_argument(
        "--context", metavar="NAME", default="", help="default: the kubeconfig's current context"
    )
    shared.add_argument(
        "-n", "--namespace", metavar="NAME", default="", help="default: the context's namespace"
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
    parent.add_argument("-A", "--all-namespaces", action="store_true", help="use all namespaces")
    return parent


def _output() -> Parser:
    parent = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parent.add_argument(
        "-o",
        "--output",
        choices=["json"],
        metavar="json",
        help="machine-readable output",
    )
    return parent


def _waiting() -> Parser:
    parent = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parent.add_argument(
        "--wait", action="store_true", help="wait for the end; exit with 1 unless it succeeds"
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
        msg = f"{text!r} is zero: nothing could start"
        raise argparse.ArgumentTypeError(msg)
    return found


def _claim(text: str) -> str:
    if len(text) > _LONGEST_NAME or _NAME_PATTERN.fullmatch(text) is None:
        msg = f"{text!r} is not a claim name: use letters a-z, digits, '-' and '.'"
        raise argparse.ArgumentTypeError(msg)
    return text


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a time such as 2026-03-01T02:00Z"
        raise argparse.ArgumentTypeError(msg) from error
    if found.tzinfo is None:
        msg = f"{text!r} has no time zone; append Z for UTC"
        raise argparse.ArgumentTypeError(msg)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        msg = f"{text!r} is out of range"
        raise argparse.ArgumentTypeError(msg) from error
