"""What ``build`` and ``check`` have in common: read and compile a project."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from stashgen import pipeline
from stashgen.cli.report import seen_from_here
from stashgen.diagnostics import Finding, has_errors
from stashgen.load import load
from stashgen.marks import Json
from stashgen.model import FileTree, Source
from stashgen.policy.project import DEFAULT_OUTPUT


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled project.

    Attributes:
        files: By path below the output folder; empty if a finding is an error.
        output: The project's own output folder.
        inputs: Where what was read really is.
        findings: With paths as seen from where the command runs.
    """

    files: FileTree
    output: Path
    findings: tuple[Finding, ...]
    inputs: frozenset[Path] = frozenset()

    @property
    def ok(self) -> bool:
        """Whether there is something to write."""
        return not has_errors(self.findings)


def compile_project(project: Path) -> Compiled:
    """Read and compile the project in a folder.

    Raises:
        UsageError: there is no project.
        ToolError: a file cannot be read.
    """
    loaded = load(project)
    source = loaded.value
    if source is None:
        return Compiled({}, project / DEFAULT_OUTPUT, seen_from_here(loaded.findings, project))
    compiled = pipeline.compile(source, complete=loaded.ok)
    findings = seen_from_here((*loaded.findings, *compiled.findings), project)
    files = {} if has_errors(findings) else compiled.value
    return Compiled(files, project / _output(source), findings, _inputs(project, source))


def _inputs(project: Path, source: Source) -> frozenset[Path]:
    documents = (source.project, *source.policies, *chain(*source.manifests.values()))
    return frozenset((project / one.position().path).resolve() for one in documents)


def _output(source: Source) -> str:
    spec: Json = source.project.data.get("spec")
    output = spec.get("output") if isinstance(spec, dict) else None
    return output if isinstance(output, str) else DEFAULT_OUTPUT
