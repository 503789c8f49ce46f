"""What a repository is: its tools, its clusters, and what its volumes would meet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.inventory.helm_values import values_mentions
from stashgen.inventory.objects import list_at, map_at, text_at
from stashgen.scaffold.clusters import FoundCluster, clusters_of
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_LEVEL = "pod-security.kubernetes.io/enforce"
_LEVELS_WITHOUT_ROOT = frozenset({"baseline", "restricted"})
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Pod"})
_OWN_FLUX = "flux-system"
# Charts that install Argo CD, or make its Applications.
_ARGO_CHARTS = frozenset({"argo-cd", "argocd-apps"})


@dataclass(frozen=True, slots=True)
class FluxSource:
    """The GitRepository that Flux reads this repository by."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Application:
    """How an Argo CD Application of this repository names it.

    Attributes:
        path: Where it is written.
        destination: The cluster: its ``server`` or its ``name``.
    """

    path: PurePosixPath
    namespace: str
    project: str
    repository: str
    revision: str
    destination: Mapping[str, Json]


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
    applications: tuple[Application, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What the documents say, collected in one round."""

    tools: set[str] = field(default_factory=set)
    flux_roots: dict[PurePosixPath, None] = field(default_factory=dict)
    flux: FluxSource | None = None
    sources: Counter[FluxSource] = field(default_factory=Counter)
    applications: list[Application] = field(default_factory=list)
    volumes: int = 0
    is_root_forbidden: bool = False
    users: Counter[int] = field(default_factory=Counter)
    documents: list[Document] = field(default_factory=list)
    paths: dict[PurePosixPath, None] = field(default_factory=dict)


def survey(documents: Iterable[Document]) -> Survey:
    """Look at all documents of a repository, in the order of their paths."""
    seen = _Seen()
    for document in documents:
        kind, group = text_at(document.data, "kind"), text_at(document.data, "apiVersion")
        if kind and group:
            _add(seen, document, kind, group.partition("/")[0])
        elif document.path.name == "Chart.yaml":
            _add_chart(seen, document)
        elif not any(values_mentions(document.data, "")):
            # Another tool's file.
            continue
        seen.documents.append(document)
        seen.paths[document.path] = None
    clusters, unassigned = clusters_of(seen.documents, seen.paths, seen.flux_roots)
    user = next((user for user, _ in seen.users.most_common(1)), None)
    usual = next((source for source, _ in seen.sources.most_common(1)), None)
    return Survey(
        tuple(sorted(seen.tools)),
        clusters,
        unassigned,
        seen.volumes,
        seen.is_root_forbidden,
        user,
        seen.flux or usual,
        tuple(seen.applications),
    )


def _add(seen: _Seen, document: Document, kind: str, group: str) -> None:
    data, path = document.data, document.path
    spec = map_at(data, "spec")
    match group, kind:
        case "kustomize.toolkit.fluxcd.io", "Kustomization":
            seen.tools.add("Flux")
            _add_kustomization(seen, data, spec)
        case "fluxcd.controlplane.io", "FluxInstance":
            seen.tools.add("Flux")
            namespace = text_at(map_at(data, "metadata"), "namespace")
            _add_sync(seen, map_at(spec, "sync"), namespace or _OWN_FLUX)
        case "helm.toolkit.fluxcd.io", _:
            seen.tools |= {"Flux", "Helm"}
            # The chart of a FluxInstance.
            _add_sync(seen, map_at(spec, "values", "instance", "sync"), _OWN_FLUX)
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


def _add_chart(seen: _Seen, document: Document) -> None:
    seen.tools.add("Helm")
    for part in list_at(document.data, "dependencies"):
        if isinstance(part, dict) and text_at(part, "name") in _ARGO_CHARTS:
            seen.tools.add("Argo CD")


def _add_kustomization(seen: _Seen, data: Mapping[str, Json], spec: Mapping[str, Json]) -> None:
    """A Kustomization of Flux: that of ``flux bootstrap`` says which folder is the cluster's."""
    metadata, source = map_at(data, "metadata"), map_at(spec, "sourceRef")
    namespace = text_at(source, "namespace") or text_at(metadata, "namespace") or _OWN_FLUX
    if text_at(source, "kind") == "GitRepository" and text_at(source, "name"):
        found = FluxSource(text_at(source, "name"), namespace)
        seen.sources[found] += 1
        if text_at(metadata, "name") == _OWN_FLUX:
            seen.flux = seen.flux or found
            _add_root(seen, spec)


def _add_sync(seen: _Seen, sync: Mapping[str, Json], namespace: str) -> None:
    """What flux-operator's FluxInstance applies."""
    if text_at(sync, "kind") == "GitRepository" and text_at(sync, "path"):
        name = text_at(sync, "name") or namespace
        seen.flux = seen.flux or FluxSource(name, namespace)
        _add_root(seen, sync)


def _add_root(seen: _Seen, spec: Mapping[str, Json]) -> None:
    path = PurePosixPath(text_at(spec, "path").lstrip("/"))
    if path.parts and ".." not in path.parts:
        seen.flux_roots[path] = None


def _application(data: Mapping[str, Json], path: PurePosixPath) -> Iterator[Application]:
    """An Application that reads a folder of a Git repository."""
    spec = map_at(data, "spec")
    source = map_at(spec, "source")
    if text_at(source, "path") and text_at(source, "repoURL") and "chart" not in source:
        written = map_at(spec, "destination")
        destination = {key: written[key] for key in ("server", "name") if text_at(written, key)}
        yield Application(
            path,
            text_at(map_at(data, "metadata"), "namespace") or "argocd",
            text_at(spec, "project") or "default",
            text_at(source, "repoURL"),
            text_at(source, "targetRevision") or "HEAD",
            destination or {"server": "https://kubernetes.default.svc"},
        )
