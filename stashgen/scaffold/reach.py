"""Which files each cluster applies, by its Flux Kustomizations, Applications and kustomizations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.inventory.kustomize.layers import (
    deployed_layers,
    is_kustomization,
    kustomization_layer,
)
from stashgen.inventory.objects import objects_of
from stashgen.yaml.documents import Document


@dataclass(slots=True)
class Repository:
    """The manifests of a repository, and what its objects apply and include.

    Attributes:
        paths: The files with manifests or charts.
        kustomized: The folders with a kustomization.
        leads_to: The files and folders that the objects of a file apply or include.
    """

    paths: frozenset[PurePosixPath]
    _below: dict[PurePosixPath, list[PurePosixPath]] = field(default_factory=dict)
    kustomized: set[PurePosixPath] = field(default_factory=set)
    leads_to: dict[PurePosixPath, list[PurePosixPath]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.paths:
            for folder in path.parents:
                self._below.setdefault(folder, []).append(path)

    def reached_from(self, root: PurePosixPath) -> frozenset[PurePosixPath]:
        """The files below a folder, or the file itself, and all that they apply."""
        reached = {root} & self.paths | {*self._below.get(root, ())}
        pending = [*reached]
        while pending:
            for target in self.leads_to.get(pending.pop(), ()):
                new = set(self._files_of(target)) - reached
                reached |= new
                pending += new
        return frozenset(reached)

    def _files_of(self, target: PurePosixPath) -> Iterator[PurePosixPath]:
        """A file, or what is built of a folder: below it all that no other kustomization has."""
        yield from {target} & self.paths
        for path in self._below.get(target, ()):
            between = (one for one in path.parents if one != target and one.is_relative_to(target))
            if self.kustomized.isdisjoint(between):
                yield path


def repository_of(documents: Iterable[Document], paths: Iterable[PurePosixPath]) -> Repository:
    """Follow what documents apply and include.

    Args:
        documents: All of a repository.
        paths: The files with manifests or charts.
    """
    files: dict[PurePosixPath, tuple[Document, ...]] = {}
    for document in documents:
        files[document.path] = (*files.get(document.path, ()), document)
    found = Repository(frozenset(paths))
    folders = frozenset(parent for path in found.paths for parent in path.parents)
    for path, read in files.items():
        for document in read:
            found.leads_to.setdefault(path, []).extend(_targets(document, files, folders))
            if is_kustomization(document):
                found.kustomized.add(path.parent)
    return found


def _targets(
    document: Document,
    files: Mapping[PurePosixPath, tuple[Document, ...]],
    folders: frozenset[PurePosixPath],
) -> Iterator[PurePosixPath]:
    if is_kustomization(document):
        layer = kustomization_layer(document, files)
        yield from (*layer.includes, *layer.components)
        yield from (patch.file for patch in layer.patches if patch.file is not None)
        return
    for item in objects_of(document):
        for layer in deployed_layers(item, folders):
            yield from (*layer.includes, *layer.components)


def covering(wanted: frozenset[PurePosixPath], every: Iterable[PurePosixPath]) -> list[str]:
    """The fewest folders and files that have all wanted files and no other; never all of it.

    Args:
        wanted: Files.
        every: All files, sorted.
    """
    return [str(path) for path in _covering(PurePosixPath(), wanted, [*every])]


def _covering(
    folder: PurePosixPath, wanted: frozenset[PurePosixPath], every: list[PurePosixPath]
) -> Iterator[PurePosixPath]:
    depth = len(folder.parts)
    entries: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in every:
        entries.setdefault(PurePosixPath(*path.parts[: depth + 1]), []).append(path)
    for entry, below in entries.items():
        if wanted.issuperset(below):
            yield entry
        elif not wanted.isdisjoint(below):
            yield from _covering(entry, wanted, below)
