"""``stashgen inventory``: render the sources of inventories, and record what comes of them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stashgen.cli.commands import InventoryCommand
from stashgen.cli.messages import count, say, seen_from_here, show_findings
from stashgen.cli.project_folder import project_folder
from stashgen.diagnostics import (
    ExitCode,
    Finding,
    Position,
    Severity,
    ToolError,
    UsageError,
    has_errors,
    printable,
    quote,
)
from stashgen.load import load_project
from stashgen.load.files import Code as LoadCode
from stashgen.model.recorded import cluster_of, is_record
from stashgen.model.source import Authored, Origin
from stashgen.policy.project import Cluster, Project
from stashgen.recorder.file import read_file, replace_file
from stashgen.recorder.record import Record, differences, record_of
from stashgen.recorder.rendered import all_rendered, read_objects
from stashgen.recorder.sources import missing_paths, render, rendered_folders
from stashgen.validate import validate_project
from stashgen.yaml.documents import LARGEST_FILE_BYTES

_MOST_NAMES = 5
_FIX = "run stashgen inventory and commit the changes"


class Code(StrEnum):
    """How a record may differ from its sources; explained in docs/findings.md."""

    STALE_RECORD = "SG717"


@dataclass(frozen=True, slots=True)
class _Target:
    """A record to be made, and where the project says so."""

    cluster: Cluster
    index: int
    path: str
    origin: Origin

    @property
    def file(self) -> PurePosixPath:
        return PurePosixPath(self.path)


def inventory(command: InventoryCommand) -> int:
    """Write the records of a project, or with ``--check`` compare them with their sources.

    Nothing is written unless every record could be made.

    Raises:
        UsageError: there is no project, or nothing in it to record.
        ToolError: a program is missing or fails, or the system refuses a read or a write.
    """
    folder = project_folder(command.project)
    loaded = load_project(folder)
    findings = list(loaded.findings)
    authored = None
    if loaded.value is not None:
        project = validate_project(loaded.value)
        findings += project.findings
        authored = project.value
    if authored is None or has_errors(findings):
        return _refuse(findings, folder)
    targets = _targets(authored, command)
    absent: list[Finding] = []
    if not command.stdin:
        piped = [one for one in targets if not _has_sources(one)]
        targets = [one for one in targets if _has_sources(one)]
        absent += _not_piped(piped, folder, is_check=command.check)
    findings += (one for target in targets for one in _missing(target, folder))
    findings += (one for target in targets for one in _in_the_way(target, folder))
    if has_errors(findings):
        return _refuse(findings, folder)
    output = authored.value.spec.output
    made = [(one, _record(one, folder, output, is_piped=command.stdin)) for one in targets]
    if command.check:
        return _compare(made, folder, absent)
    for target, record in made:
        _write(target, record, folder)
    return ExitCode.OK


def _refuse(findings: Sequence[Finding], folder: Path) -> int:
    show_findings(seen_from_here(findings, folder))
    say("nothing was recorded")
    return ExitCode.FINDINGS


def _targets(authored: Authored[Project], command: InventoryCommand) -> list[_Target]:
    """The records that are asked for."""
    clusters = authored.value.spec.clusters
    names = {cluster.name for cluster in clusters}
    for name in command.clusters:
        if name not in names:
            raise UsageError(
                f"the project has no cluster {quote(name)}; it has {', '.join(sorted(names))}"
            )
    found = [
        _Target(cluster, index, source.recorded, authored.at("spec", "clusters", place))
        for place, cluster in enumerate(clusters)
        if not command.clusters or cluster.name in command.clusters
        for index, source in enumerate(cluster.inventory)
        if source.recorded is not None
    ]
    if not found:
        where = " or ".join(command.clusters) or "the project"
        raise UsageError(
            f"no inventory of {where} is recorded; stashgen.yaml names a record and its sources "
            "with recorded: and from:"
        )
    piped = [one for one in found if not _has_sources(one)]
    if command.stdin:
        if len(piped) != 1:
            raise UsageError(
                f"standard input can be one record, and {count(len(piped), 'record')} without "
                "from: could be meant; --cluster chooses"
            )
        return piped
    return found


def _has_sources(target: _Target) -> bool:
    return bool(target.cluster.inventory[target.index].from_)


def _not_piped(targets: Sequence[_Target], folder: Path, *, is_check: bool) -> Iterator[Finding]:
    """Say what becomes of records that are read from standard input, which is for another run."""
    for one in targets:
        command = f"stashgen inventory --cluster {one.cluster.name} -"
        if read_file(folder / one.path) is not None:
            say(f"{one.path}: left as it is; it is read from standard input ({command})")
        elif is_check:
            yield _stale(one, 1, "", "the record does not exist", _READ, f"pipe it to {command}")
        else:
            say(f"{one.path}: does not exist, and a build needs it; pipe it to {command}")


def _missing(target: _Target, folder: Path) -> Iterator[Finding]:
    for place, source in enumerate(target.cluster.inventory[target.index].from_):
        origin = target.origin.at("inventory", target.index, "from", place)
        yield from missing_paths(source, origin, folder)


def _in_the_way(target: _Target, folder: Path) -> Iterator[Finding]:
    """A file that is no record of this cluster is never replaced."""
    if not (folder / target.path).parent.resolve().is_relative_to(folder.resolve()):
        raise ToolError(f"{folder / target.path} leads out of the project")
    content = read_file(folder / target.path)
    if content is None or cluster_of(content) == target.cluster.id:
        return
    origin = target.origin.at("inventory", target.index, "recorded")
    whose = "the record of another cluster" if is_record(content) else "not a record"
    yield Finding(
        LoadCode.NO_RECORD,
        Severity.ERROR,
        origin.position,
        origin.subject,
        f"{quote(target.path)} is {whose}",
        "only a file whose first lines say that stashgen inventory wrote it for this cluster is "
        "replaced",
        "move the file away, or record the inventory elsewhere",
    )


def _record(target: _Target, folder: Path, output: str, *, is_piped: bool) -> Record:
    sources = target.cluster.inventory[target.index].from_
    if is_piped:
        items = read_objects(_standard_input(), "standard input")
        return record_of(target.cluster.id, [all_rendered(items, is_live=True)], output)
    rendered = [render(one, folder, output) for one in sources]
    return record_of(target.cluster.id, rendered, output, rendered_folders(sources))


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    content = sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        limit = LARGEST_FILE_BYTES // (1024 * 1024)
        raise ToolError(f"standard input has more than {limit} MB")
    return content


def _write(target: _Target, record: Record, folder: Path) -> None:
    path = folder / target.path
    is_new = read_file(path) != record.content
    if is_new:
        replace_file(path, record.content)
    kinds = ", ".join(f"{number} {kind}" for kind, number in record.objects.items())
    say(printable(f"{path}: {'written' if is_new else 'unchanged'} ({kinds or 'no objects'})"))
    if record.differing:
        names = ", ".join(record.differing[:_MOST_NAMES])
        rest = len(record.differing) - _MOST_NAMES
        more = f" and {rest} more" if rest > 0 else ""
        say(printable(f"  sources differ in {names}{more}: what the first one says is recorded"))


def _compare(
    made: Sequence[tuple[_Target, Record]], folder: Path, absent: Sequence[Finding]
) -> int:
    findings = [*absent]
    for target, record in made:
        content = read_file(folder / target.path)
        if content is None:
            findings.append(_stale(target, 1, "", "the record does not exist", _READ))
        elif content != record.content:
            found = differences(content, record.content)
            findings += (
                _stale(target, one.line, one.subject, f"the object {one.what}", _WHY)
                for one in found
            )
            if not found:
                findings.append(_stale(target, 1, "", "the record is not as it is written", _WHY))
        else:
            say(f"{folder / target.path}: up to date")
    show_findings(seen_from_here(findings, folder))
    return ExitCode.FINDINGS if findings else ExitCode.OK


_WHY = (
    "its sources changed since it was recorded, or the file was edited by hand; a build reads the "
    "record alone"
)


_READ = "the build reads it"


def _stale(
    target: _Target, line: int, subject: str, what: str, why: str, fix: str = _FIX
) -> Finding:
    at = Position(target.file, line)
    return Finding(Code.STALE_RECORD, Severity.ERROR, at, subject, what, why, fix)
