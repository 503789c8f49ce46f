"""Read and compile a project, for both ``build`` and ``check``."""

import sys
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path, PurePosixPath

from stashgen import pipeline
from stashgen.cli.messages import seen_from_here
from stashgen.cli.progress import Progress
from stashgen.diagnostics import Finding, has_errors
from stashgen.load import load
from stashgen.model.coverage import Coverage
from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree
from stashgen.model.source import Source
from stashgen.output.tree import Output, read_output
from stashgen.pipeline import Compilation
from stashgen.policy.project import DEFAULT_OUTPUT
from stashgen.validate.paths import inside
from stashgen.yaml.nodes import Json


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled project.

    Attributes:
        files: By path below the output folder; empty if a finding is an error.
        output: The folder they belong to, as it is now; None without a valid project.
        findings: With paths relative to where the command runs.
        inputs: The real paths of all files that were read; empty without another output folder.
        coverage: Of the inventories; None if a finding is an error.
    """

    files: FileTree
    output: Output | None
    findings: tuple[Finding, ...]
    inputs: frozenset[Path] = frozenset()
    coverage: Coverage | None = None

    @property
    def ok(self) -> bool:
        """Whether the files may be written."""
        return not has_errors(self.findings)


@dataclass(frozen=True, slots=True)
class CompiledObjects:
    """A compiled project before it is serialized.

    Attributes:
        objects: None if a finding is an error.
        source: What was read; None without a project.
        findings: With paths relative to where the command runs.
    """

    objects: pipeline.Objects | None
    source: Source | None
    findings: tuple[Finding, ...]


def compile_project(project: Path, other_output: Path | None = None) -> Compiled:
    """Read and compile the project in a folder.

    Args:
        project: The folder with ``stashgen.yaml``.
        other_output: Written instead of the project's own output folder. Nothing that either
            of the two protects may be lost.

    Raises:
        UsageError: there is no project.
        ToolError: a file cannot be read.
    """
    with Progress(sys.stderr) as progress:
        progress.stage("reading the project")
        loaded = load(project)
        source = loaded.value
        if source is None:
            return Compiled({}, None, seen_from_here(loaded.findings, project))
        inputs = _inputs(project, source) if other_output is not None else frozenset()
        outputs = _outputs(project, source, other_output)
        before = [_previous(output, project) for output in outputs]
        progress.stage("compiling")
        compiled = pipeline.compile(source, before, today(), complete=loaded.ok)
    findings = seen_from_here((*loaded.findings, *compiled.findings), project)
    made = Compilation({}) if has_errors(findings) else compiled.value
    output = outputs[-1] if outputs else None
    return Compiled(made.files, output, findings, inputs, made.coverage)


def compile_objects(project: Path) -> CompiledObjects:
    """The same without the files, as if ``build`` were to write them.

    Raises:
        UsageError: there is no project.
        ToolError: a file cannot be read.
    """
    with Progress(sys.stderr) as progress:
        progress.stage("reading the project")
        loaded = load(project)
        source = loaded.value
        if source is None:
            return CompiledObjects(None, None, seen_from_here(loaded.findings, project))
        before = [_previous(output, project) for output in _outputs(project, source)]
        progress.stage("compiling")
        compiled = pipeline.objects(source, before, today(), complete=loaded.ok)
    findings = seen_from_here((*loaded.findings, *compiled.findings), project)
    return CompiledObjects(compiled.value, source, findings)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a project decides, before anything is rendered.

    Attributes:
        decisions: None if they cannot be known.
        output: The output folder as it is.
        findings: With paths relative to the project.
        source: What was read; None without a project.
    """

    decisions: pipeline.Decisions | None
    output: FileTree
    findings: tuple[Finding, ...]
    source: Source | None = None


def decide_project(project: Path, tolerated: Set[str] = frozenset()) -> Decided:
    """Read a project and decide; what is decided despite an error leaves out what it is about.

    Args:
        project: The folder with ``stashgen.yaml``.
        tolerated: Codes of findings that are warnings here.

    Raises:
        UsageError: there is no project.
        ToolError: a file cannot be read.
    """
    loaded = load(project)
    source = loaded.value
    if source is None:
        return Decided(None, {}, loaded.findings)
    before = [_previous(output, project) for output in _outputs(project, source)]
    decided = pipeline.decisions(source, before, today(), complete=loaded.ok, tolerated=tolerated)
    files = before[0].files if before else {}
    return Decided(decided.value, files, (*loaded.findings, *decided.findings), source)


def today() -> date:
    """In UTC; what the last days of retired histories and of exclusions are compared with."""
    return datetime.now(UTC).date()


def _outputs(project: Path, source: Source, other: Path | None = None) -> list[Output]:
    """The output folders as they are now; none until the project's name and folder are valid."""
    name = _text(source, "metadata", "name")
    own = _text(source, "spec", "output") or DEFAULT_OUTPUT
    # Validation reports an invalid value; until then no other folder may be read by mistake.
    if name is None or inside(own) is not None:
        return []
    folders = [project / own, *([other] if other is not None else [])]
    return [read_output(folder, name) for folder in folders]


def _previous(output: Output, project: Path) -> Previous:
    """The output, its root shown as in findings: relative to the project if inside it."""
    root = output.root
    shown = root.relative_to(project) if root.is_relative_to(project) else root.absolute()
    return Previous(PurePosixPath(shown.as_posix()), output.generated)


def _inputs(project: Path, source: Source) -> frozenset[Path]:
    documents = (source.project, *source.policies, *chain(*source.manifests.values()))
    return frozenset((project / one.position().path).resolve() for one in documents)


def _text(source: Source, block: str, field: str) -> str | None:
    node: Json = source.project.data.get(block)
    value = node.get(field) if isinstance(node, dict) else None
    return value if isinstance(value, str) else None
