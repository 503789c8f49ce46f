"""What a repository is: its tools, its clusters, and what its volumes would meet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.inventory.objects import map_at, text_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_LEVEL = "pod-security.kubernetes.io/enforce"
_LEVELS_WITHOUT_ROOT = frozenset({"baseline", "restricted"})
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Pod"})
# Folders that hold one folder a cluster, in most repositories.
_CLUSTER_FOLDERS = ("clusters", "cluster", "environments", "envs")


@dataclass(frozen=True, slots=True)
class FluxSource:
    """The GitRepository that Flux reads this repository by."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Application:
    """How an Argo CD Application of this repository names it.

    Attributes:
        folder: Where Applications are written here.
    """

    folder: PurePosixPath
    namespace: str
    project: str
    repository: str
    revision: str
    server: str


@dataclass(frozen=True, slots=True)
class FoundCluster:
    """A cluster, and the folders or files with its manifests."""

    name: str
    manifests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A repository as ``init`` sees it.

    Attributes:
        tools: What applies or renders its manifests: Flux, Argo CD, kustomize, Helm.
        unassigned: Folders and files with manifests that may belong to any of several clusters.
        volumes: How many claims and claim templates are written out.
        is_root_forbidden: A namespace refuses the pods of a backup as root.
        user: Whom most workloads run as, where they say so.
    """

    tools: tuple[str, ...]
    clusters: tuple[FoundCluster, ...]
    unassigned: tuple[str, ...] = ()
    volumes: int = 0
    is_root_forbidden: bool = False
    user: int | None = None
    flux: FluxSource | None = None
    argo: Application | None = None


@dataclass(slots=True)
class _Seen:
    """What the documents say, collected in one round."""

    tools: set[str] = field(default_factory=set)
    flux_roots: dict[str, None] = field(default_factory=dict)
    flux: FluxSource | None = None
    applications: list[Application] = field(default_factory=list)
    volumes: int = 0
    is_root_forbidden: bool = False
    users: Counter[int] = field(default_factory=Counter)
    folders: dict[PurePosixPath, None] = field(default_factory=dict)


def survey(documents: Iterable[Document]) -> Survey:
    """Look at all documents of a repository, in the order of their paths."""
    seen = _Seen()
    for document in documents:
        kind, group = text_at(document.data, "kind"), text_at(document.data, "apiVersion")
        if kind and group:
            _add(seen, document, kind, group.partition("/")[0])
        elif document.path.name == "Chart.yaml":
            seen.tools.add("Helm")
    clusters, unassigned = _clusters(seen)
    user = next((user for user, _ in seen.users.most_common(1)), None)
    return Survey(
        tuple(sorted(seen.tools)),
        clusters,
        unassigned,
        seen.volumes,
        seen.is_root_forbidden,
        user,
        seen.flux,
        seen.applications[0] if seen.applications else None,
    )


def _add(seen: _Seen, document: Document, kind: str, group: str) -> None:
    data, path = document.data, document.path
    seen.folders[path] = None
    spec = map_at(data, "spec")
    match group, kind:
        case "kustomize.toolkit.fluxcd.io", "Kustomization":
            seen.tools.add("Flux")
            if text_at(map_at(data, "metadata"), "name") == "flux-system":
                seen.flux_roots[text_at(spec, "path")] = None
                source = map_at(spec, "sourceRef")
                namespace = text_at(map_at(data, "metadata"), "namespace") or "flux-system"
                seen.flux = seen.flux or FluxSource(text_at(source, "name"), namespace)
        case "helm.toolkit.fluxcd.io", _:
            seen.tools |= {"Flux", "Helm"}
        case "argoproj.io", "Application" | "ApplicationSet":
            seen.tools.add("Argo CD")
            seen.applications += _application(data, path)
        case "kustomize.config.k8s.io", _:
            seen.tools.add("kustomize")
        case "v1", "PersistentVolumeClaim":
            seen.volumes += 1
        case "v1", "Namespace":
            level = text_at(map_at(data, "metadata", "labels"), _LEVEL)
            seen.is_root_forbidden |= level in _LEVELS_WITHOUT_ROOT
        case _:
            pass
    if kind in _WORKLOADS:
        templates = spec.get("volumeClaimTemplates")
        seen.volumes += len(templates) if isinstance(templates, list) else 0
        pod = map_at(spec, "template", "spec")
        user = map_at(pod, "securityContext").get("runAsUser")
        if isinstance(user, int) and not isinstance(user, bool) and user > 0:
            seen.users[user] += 1


def _application(data: Mapping[str, Json], path: PurePosixPath) -> Iterator[Application]:
    """An Application that reads a folder of a Git repository."""
    spec = map_at(data, "spec")
    source = map_at(spec, "source")
    if text_at(source, "path") and text_at(source, "repoURL") and "chart" not in source:
        yield Application(
            path.parent,
            text_at(map_at(data, "metadata"), "namespace") or "argocd",
            text_at(spec, "project") or "default",
            text_at(source, "repoURL"),
            text_at(source, "targetRevision") or "HEAD",
            text_at(map_at(spec, "destination"), "server") or "https://kubernetes.default.svc",
        )


def _clusters(seen: _Seen) -> tuple[tuple[FoundCluster, ...], tuple[str, ...]]:
    """The clusters, and what may belong to any of them."""
    tops = dict.fromkeys(str(path.parts[0]) for path in seen.folders)
    roots = [PurePosixPath(path) for path in seen.flux_roots if path]
    roots = [root for root in roots if root.parts and ".." not in root.parts]
    if len(roots) <= 1:
        roots = next((found for name in _CLUSTER_FOLDERS if (found := _below(seen, name))), roots)
    if len(roots) <= 1:
        # All of it belongs to the only cluster.
        name = roots[0].name if roots else "main"
        return (FoundCluster(name, tuple(_narrow(top, roots, seen) for top in tops)),), ()
    names = Counter(root.name for root in roots)
    clusters = tuple(
        FoundCluster(root.name if names[root.name] == 1 else "-".join(root.parts), (str(root),))
        for root in roots
    )
    outside = [one for one in seen.folders if not any(one.is_relative_to(root) for root in roots)]
    of_clusters = {root.parts[0] for root in roots}
    # A top without a cluster as a whole; beside the clusters' own folders each entry.
    shared = (one.parts[: 2 if one.parts[0] in of_clusters else 1] for one in outside)
    return clusters, tuple(dict.fromkeys("/".join(parts) for parts in shared))


def _narrow(top: str, roots: list[PurePosixPath], seen: _Seen) -> str:
    """The cluster's own folder, where all that is at the top of it is in there."""
    paths = [path for path in seen.folders if path.parts[0] == top]
    found = (root for root in roots if all(path.is_relative_to(root) for path in paths))
    return str(next(found, top))


def _below(seen: _Seen, name: str) -> list[PurePosixPath]:
    """The folders in a folder of clusters."""
    folders = (path.parent for path in seen.folders if path.parts[0] == name)
    return [*dict.fromkeys(PurePosixPath(*one.parts[:2]) for one in folders if one.parts[1:])]
