"""``stashgen init``: the first files of a project, from what the repository is."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from stashgen.cli.commands import InitCommand
from stashgen.cli.compiling import compile_project
from stashgen.cli.messages import count, say, show_coverage, show_findings
from stashgen.cli.progress import Progress
from stashgen.diagnostics import ExitCode, UsageError, has_errors, printable
from stashgen.load import PROJECT_FILE
from stashgen.load.patterns import Finder
from stashgen.policy.schema import schema_of_all
from stashgen.recorder.file import create_file
from stashgen.scaffold.files import POLICY_FILES, Plan, plan
from stashgen.scaffold.survey import survey
from stashgen.yaml.documents import LARGEST_FILE_BYTES, Document, read_documents

_SUFFIXES = frozenset({".yaml", ".yml"})


def init(command: InitCommand) -> int:
    """Write the files that are not there yet, say what was not decided, and what a build says.

    Raises:
        UsageError: the folder is a project already, or is none.
        ToolError: the system refuses a read or a write.
    """
    root = command.project or Path()
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder")
    if (root / PROJECT_FILE).exists():
        raise UsageError(f"{root / PROJECT_FILE} exists: this is a project already")
    with Progress(sys.stderr) as progress:
        progress.stage(f"looking at {root.absolute()}")
        found = survey(_documents(root))
    schema = json.dumps(schema_of_all(), indent=2, ensure_ascii=False) + "\n"
    existing = frozenset(path.name for path in root.iterdir() if not _is_left_over(path))
    planned = plan(found, root.absolute().name, existing, schema)
    tools = ", ".join(found.tools) or "plain manifests"
    clusters = ", ".join(cluster.name for cluster in found.clusters)
    say(
        printable(
            f"found: {tools}; {count(len(found.clusters), 'cluster')} ({clusters}); "
            f"{count(found.volumes, 'claim')} written out"
        )
    )
    if command.dry_run:
        return _show(planned)
    for path, text in planned.files.items():
        is_new = create_file(root / path, text.encode())
        say(printable(f"{'wrote' if is_new else 'kept '} {root / path}"))
    _tell(planned)
    return _first_build(root)


def _documents(root: Path) -> Iterator[Document]:
    """Everything readable in the repository's visible YAML files."""
    for path, real in Finder(Path(root).resolve()).files("*").items():
        if path.suffix in _SUFFIXES and real.stat().st_size <= LARGEST_FILE_BYTES:
            yield from read_documents(real.read_bytes(), path, dirty=True).value


def _is_left_over(folder: Path) -> bool:
    """What an interrupted init wrote: the next one goes on there."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= POLICY_FILES


def _show(planned: Plan) -> ExitCode:
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    for path, text in planned.files.items():
        if path.suffix != ".json":
            print(f"# {path}\n{text}")
    _tell(planned)
    say("nothing was written")
    return ExitCode.OK


def _tell(planned: Plan) -> None:
    say("to decide:")
    for text in planned.decisions:
        say(printable(f"- {text}"))


def _first_build(root: Path) -> ExitCode:
    """What a build says of it; the output itself is for people to write."""
    compiled = compile_project(root)
    show_findings(compiled.findings)
    show_coverage(compiled.coverage, ())
    if has_errors(compiled.findings):
        say("a build fails until these are solved")
        return ExitCode.FINDINGS
    say("next: stashgen build")
    return ExitCode.OK
