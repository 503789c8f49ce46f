"""The clusters of a repository, and which folders and files are whose."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from stashgen.inventory.kustomize.layers import KUSTOMIZATION_FILES
from stashgen.inventory.objects import objects_of
from stashgen.scaffold.reach import covering, repository_of
from stashgen.yaml.documents import Document

# Folders that hold one folder or file a cluster, in most repositories.
_CLUSTER_FOLDERS = ("clusters", "cluster", "environments", "envs")
_Root = PurePosixPath


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """A cluster, and the folders or files with its manifests.

    Attributes:
        root: The folder that Flux applies, or the cluster's own; None if it has none.
    """

    name: str
    manifests: tuple[str, ...]
    root: _Root | None = None


def clusters_of(
    documents: Iterable[Document], paths: Iterable[PurePosixPath], flux_roots: Iterable[_Root]
) -> tuple[tuple[FoundCluster, ...], tuple[str, ...]]:
    """The clusters, and the folders and files that may belong to any of them.

    Args:
        documents: All with manifests.
        paths: Their files, and those of charts, sorted.
        flux_roots: The folders that Flux applies, as far as they are known.
    """
    every, documents = [*paths], [*documents]
    roots = [root for root in flux_roots if any(path.is_relative_to(root) for path in every)]
    if len(roots) <= 1:
        found = (_in_folder(documents, every, name) for name in _CLUSTER_FOLDERS)
        roots = next((one for one in found if one), roots)
    if len(roots) <= 1:
        # All of it belongs to the only cluster.
        root = roots[0] if roots else None
        name = "main" if root is None or root.name in _CLUSTER_FOLDERS else _name(root)
        tops = dict.fromkeys(path.parts[0] for path in every)
        manifests = tuple(_narrow(top, roots, every) for top in tops)
        return (FoundCluster(name, manifests, root),), ()
    repository = repository_of(documents, every)
    of_roots = {root: repository.reached_from(root) for root in roots}
    names = Counter(_name(root) for root in roots)
    clusters = tuple(
        FoundCluster(
            _name(root) if names[_name(root)] == 1 else _name(root, *root.parts[:-1]),
            tuple(covering(reached, every)),
            root if root not in repository.paths else None,
        )
        for root, reached in of_roots.items()
    )
    outside = frozenset(every).difference(*of_roots.values())
    return clusters, tuple(covering(outside, every))


def _name(root: _Root, *folders: str) -> str:
    """What a cluster is called by its folder or file, and the folders that this is in."""
    return "-".join((*folders, root.name.removesuffix(".yaml").removesuffix(".yml")))


def _narrow(top: str, roots: list[_Root], every: list[PurePosixPath]) -> str:
    """The cluster's own folder, where all that is at the top of it is in there."""
    paths = [path for path in every if path.parts[0] == top]
    found = (root for root in roots if all(path.is_relative_to(root) for path in paths))
    return str(next(found, top))


def _in_folder(documents: list[Document], every: list[PurePosixPath], name: str) -> list[_Root]:
    """The clusters in a folder of clusters: its folders, and its files if they are clusters."""
    inside = [path for path in every if path.parts[0] == name and len(path.parts) > 1]
    folders = dict.fromkeys(PurePosixPath(*path.parts[:2]) for path in inside if path.parts[2:])
    files = [path for path in inside if not path.parts[2:] and path.name not in KUSTOMIZATION_FILES]
    return [*folders, *files] if _are_apart(documents, [*folders], files) else [*folders]


def _are_apart(documents: list[Document], folders: list[_Root], files: list[_Root]) -> bool:
    """Whether a file has an object that another entry has, too: they are not of one cluster."""
    owners: dict[tuple[str, str, str, str], set[_Root]] = {}
    entries = frozenset((*folders, *files))
    for document in documents:
        owner = PurePosixPath(*document.path.parts[:2])
        if owner in entries:
            for item in objects_of(document):
                key = item.group, item.kind, item.namespace or "", item.name
                owners.setdefault(key, set()).add(owner)
    shared = (found for key, found in owners.items() if key[-1] and len(found) > 1)
    return any(not found.isdisjoint(files) for found in shared)
