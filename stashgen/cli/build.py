"""``stashgen build``: compile and write."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from stashgen.cli.commands import BuildCommand, Format
from stashgen.cli.compiling import compile_project
from stashgen.cli.messages import count, say, show_coverage
from stashgen.cli.progress import Progress
from stashgen.cli.project_folder import project_folder
from stashgen.cli.reporting import Reporting
from stashgen.diagnostics import ExitCode, UsageError, has_errors
from stashgen.model.manifest import FileTree
from stashgen.output.tree import Output, WriteReport, write_tree

_NOT_AN_OBJECT = "kustomization.yaml"


def build(command: BuildCommand) -> int:
    """Write the project's output; nothing is written if any finding is an error.

    What ``--require`` asks for decides the exit code only: what can be protected is written.

    Raises:
        UsageError: there is no project, no standard output to print to, or two things to print
            there.
        ToolError: the system refuses a read or a write.
    """
    if command.stdout and command.fail_if_changed:
        raise UsageError("--stdout writes no files: it cannot be with --fail-if-changed")
    if command.stdout and command.format_ is not Format.TEXT:
        raise UsageError(f"--stdout and --format {command.format_} both use standard output")
    reporting = Reporting(command.verb, command.format_)
    compiled = compile_project(project_folder(command.project), command.output)
    reporting.add(compiled.findings)
    output = compiled.output
    if not compiled.ok or output is None:
        say("nothing was written")
        reporting.end()
        return ExitCode.FINDINGS
    if command.stdout:
        if sys.stdout is None:
            raise UsageError("standard output is closed")
        sys.stdout.buffer.writelines(_stream(compiled.files))
        # A reader that went away is noticed before anything is said.
        sys.stdout.flush()
        code = ExitCode.OK
    else:
        if command.output is not None:
            _refuse_inputs(command.output, compiled.inputs)
        code = _write(output, compiled.files, reporting, fail_if_changed=command.fail_if_changed)
    is_covered = show_coverage(compiled.coverage, command.require)
    reporting.end(compiled.coverage)
    return code if is_covered else ExitCode.FINDINGS


def _write(
    output: Output, files: FileTree, reporting: Reporting, *, fail_if_changed: bool
) -> ExitCode:
    with Progress(sys.stderr) as progress:
        progress.stage(f"writing {output.root}")
        written = write_tree(output, files)
    reporting.add(written.findings)
    if has_errors(written.findings):
        say("nothing was written")
        return ExitCode.FINDINGS
    say(f"{output.root}: {_summary(written.value)}")
    is_changed = written.value.written or written.value.deleted
    return ExitCode.FINDINGS if fail_if_changed and is_changed else ExitCode.OK


def _refuse_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """A build owns all generated files below its output: it must not read or delete its inputs."""
    real = output.resolve()
    below = sorted(path for path in inputs if path.is_relative_to(real))
    if below:
        raise UsageError(
            f"{output} cannot be the output folder: the build reads {below[0]} and would delete "
            "other generated files there; choose a folder that contains no project files"
        )


def _summary(report: WriteReport) -> str:
    parts = [
        f"{count(len(report.written), 'file')} written",
        f"{len(report.deleted)} deleted",
        f"{report.unchanged} unchanged",
    ]
    if report.leftovers:
        leftovers = count(len(report.leftovers), "leftover file")
        parts.append(f"{leftovers} of an interrupted build removed")
    return ", ".join(parts)


def _stream(files: FileTree) -> Iterator[bytes]:
    """All objects as one stream, as ``kubectl apply -f -`` expects it."""
    for path in sorted(files):
        if path.name != _NOT_AN_OBJECT:
            yield b"---\n" + files[path]
