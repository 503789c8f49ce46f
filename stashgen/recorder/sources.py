"""The sources of a record, rendered by the programs that they need."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.load.files import Code
from stashgen.model.source import Origin
from stashgen.policy.project import RecordSource
from stashgen.recorder import helm, kustomize
from stashgen.recorder.flux import Flux
from stashgen.recorder.programs import run_program
from stashgen.recorder.rendered import Rendered, all_rendered, read_objects
from stashgen.recorder.repository import repository_of


def render(source: RecordSource, project: Path, output: str) -> tuple[Rendered, ...]:
    """The objects of a source.

    Args:
        source: What to render.
        project: The folder with ``stashgen.yaml``.
        output: The project's output folder.

    Raises:
        ToolError: a program is missing or fails, or what it prints cannot be read.
    """
    if source.kustomize is not None:
        printed = kustomize.build(source.kustomize, project)
        return all_rendered(read_objects(printed, f"kustomize build {source.kustomize}"))
    if source.flux is not None:
        repository = repository_of(project)
        folder = (project / source.flux).resolve().relative_to(repository.root)
        flux = Flux(repository, (project / output).resolve())
        return flux.render(PurePosixPath(folder.as_posix()))
    if source.helm is not None:
        one = source.helm
        printed = helm.template(one.chart, one.release, one.namespace, one.values, project)
        return all_rendered(read_objects(printed, f"helm template {one.chart}"), one.namespace)
    command = source.command or ()
    printed = run_program(command, project)
    return all_rendered(read_objects(printed, " ".join(command)), is_live=True)


def missing_paths(source: RecordSource, origin: Origin, project: Path) -> Iterator[Finding]:
    """What a source names and the project does not have.

    Args:
        source: The source.
        origin: Where it is written.
        project: The folder with ``stashgen.yaml``.
    """
    for keys, path, is_folder in _paths(source):
        real, root = (project / path).resolve(), project.resolve()
        is_there = real.is_dir() if is_folder else real.exists()
        if is_there and real.is_relative_to(root):
            continue
        at = origin.at(*keys)
        yield Finding(
            Code.NOTHING_FOUND,
            Severity.ERROR,
            at.position,
            at.subject,
            f"there is no {'folder' if is_folder else 'file or folder'} {quote(path)} in the "
            "project",
            "a mistyped path would leave volumes without a backup",
            "correct the path, or remove it",
        )


def rendered_folders(sources: Iterable[RecordSource]) -> frozenset[PurePosixPath]:
    """The project's folders whose objects the sources of one record render."""
    charts = (one.helm.chart for one in sources if one.helm is not None)
    folders = (one.kustomize for one in sources if one.kustomize is not None)
    return frozenset(map(PurePosixPath, (*folders, *charts)))


def _paths(source: RecordSource) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    """Where each path is written, and whether it has to be a folder."""
    if source.kustomize is not None:
        yield ("kustomize",), source.kustomize, True
    if source.flux is not None:
        yield ("flux",), source.flux, True
    if source.helm is not None:
        yield ("helm", "chart"), source.helm.chart, False
        for index, path in enumerate(source.helm.values):
            yield ("helm", "values", index), path, False
