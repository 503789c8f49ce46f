"""What one kustomization, Flux Kustomization or Argo CD Application changes, as a layer.

Sources: kustomize's ``api/types/kustomization.go``, Flux' ``kustomize.toolkit.fluxcd.io/v1``, Argo
CD's ``argoproj.io/v1alpha1``.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.diagnostics import Position, quote
from stashgen.inventory.kustomize.applications import (
    applications,
    directories_without_match,
    sources_of,
)
from stashgen.inventory.kustomize.patches import Patch, patches_of
from stashgen.inventory.objects import Object, is_template, list_at, map_at, text_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

KUSTOMIZATION_FILES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_INCLUDES = ("resources", "bases", "crds")
# What may change names, namespaces or labels in ways that are not followed.
_UNFOLLOWED = ("transformers", "replacements", "configurations")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Changes to the objects of the files and folders that it includes.

    Attributes:
        position: Of its document.
        subject: Its name in findings.
        folder: Of a kustomization; None for a Flux Kustomization or an Application.
        includes: Files and folders below the project.
        components: Folders of kustomize Components, whose changes apply to what it includes.
        recurses: Folders without a kustomization are included with all below them.
        is_deployed: Flux or Argo CD applies it: it is known to be in the cluster.
        namespace: Set on every object.
        default_namespace: Set on objects that have none.
        labels: Added to every object.
        template_labels: Added to claim templates.
        annotations: Added to every object.
        patches: Applied first.
        variables: Flux' substitutions, applied last; None if there are none.
        has_more_variables: ConfigMaps or Secrets in the cluster may set others.
        doubt: Why its result is not known, or nothing.
    """

    position: Position
    subject: str
    folder: PurePosixPath | None
    includes: tuple[PurePosixPath, ...] = ()
    components: tuple[PurePosixPath, ...] = ()
    recurses: bool = False
    is_deployed: bool = False
    namespace: str | None = None
    default_namespace: str | None = None
    prefix: str = ""
    suffix: str = ""
    labels: Mapping[str, str] | None = None
    template_labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    replicas: Mapping[str, Json] | None = None
    variables: Mapping[str, str] | None = None
    has_more_variables: bool = False
    doubt: str = ""


def is_kustomization(document: Document) -> bool:
    """Whether a document is kustomize's own; in a file of its name the kind may be omitted."""
    version, kind = document.data.get("apiVersion"), document.data.get("kind")
    if isinstance(version, str):
        return version.startswith("kustomize.config.k8s.io/")
    return document.path.name in KUSTOMIZATION_FILES and kind is None


def kustomization_layer(
    document: Document, files: Mapping[PurePosixPath, tuple[Document, ...]]
) -> Layer:
    """The layer of a ``kustomization.yaml``.

    Args:
        document: The kustomization.
        files: The inventory's documents by file, among them patches.
    """
    data, folder = document.data, document.path.parent
    unfollowed = next((field for field in _UNFOLLOWED if data.get(field)), "")
    labels, template_labels = _labels(data)
    return Layer(
        position=document.start,
        subject=str(document.path),
        folder=folder,
        includes=tuple(_paths(folder, (item for key in _INCLUDES for item in list_at(data, key)))),
        components=tuple(_paths(folder, list_at(data, "components"))),
        namespace=text_at(data, "namespace") or None,
        prefix=text_at(data, "namePrefix"),
        suffix=text_at(data, "nameSuffix"),
        labels=labels,
        template_labels=template_labels,
        annotations=_texts(map_at(data, "commonAnnotations")),
        patches=tuple(patches_of(data, document, folder, files)),
        replicas=_replicas(data),
        doubt=f"{document.path} has {unfollowed}, which are not followed" if unfollowed else "",
    )


def unreadable_layer(position: Position, files: tuple[PurePosixPath, ...]) -> Layer:
    """The layer of a kustomization that cannot be read: it may do anything to its files."""
    path = str(position.path)
    doubt = f"{path} cannot be read"
    return Layer(position, path, position.path.parent, includes=files, doubt=doubt)


def deployed_layers(item: Object, folders: frozenset[PurePosixPath]) -> Iterator[Layer]:
    """The layers of a Flux Kustomization, an Argo CD Application or ApplicationSet; else none.

    Args:
        item: The object.
        folders: The inventory's, to find the path that it names.
    """
    if item.kind == "Kustomization" and item.group == "kustomize.toolkit.fluxcd.io":
        yield _flux_layer(item, folders)
    for application in applications(item, folders):
        for source in sources_of(application):
            yield _argo_layer(application, source, folders)


def folder_of(
    path: str, folders: frozenset[PurePosixPath], *, is_own: bool
) -> PurePosixPath | None:
    """The folder that a path from the root of a Git repository names; None if it is not known.

    Args:
        path: As it is written.
        folders: The inventory's.
        is_own: The path is known to be one of this repository. The project may be in a folder of
            it, so that leading folders are missing; and the path may be the root.
    """
    parts = PurePosixPath(posixpath.normpath(path.lstrip("/"))).parts
    if not is_own:
        return next((one for one in (PurePosixPath(*parts),) if parts and one in folders), None)
    candidates = (PurePosixPath(*parts[start:]) for start in range(max(len(parts), 1)))
    return next((candidate for candidate in candidates if candidate in folders), None)


def builds_of(
    item: Object, folders: frozenset[PurePosixPath], output: PurePosixPath
) -> Iterator[str]:
    """The folders that a Flux Kustomization or an Application builds and the inventory lacks.

    Args:
        item: The object.
        folders: The inventory's.
        output: The folder that builds write: what applies a part of it stands for no volume.
    """
    if item.kind == "Kustomization" and item.group == "kustomize.toolkit.fluxcd.io":
        path = text_at(item.spec, "path") or "."
        is_own = _is_own_source(item)
        if folder_of(path, folders, is_own=is_own) is None and not _is_below(path, output):
            yield path
        for part in list_at(item.spec, "components"):
            if isinstance(part, str):
                joined = posixpath.join(path, part)
                if folder_of(joined, folders, is_own=is_own) is None:
                    yield part
    paths = [*directories_without_match(item, folders)]
    for application in applications(item, folders):
        paths += [text_at(source, "path") for source in sources_of(application)]
    for path in dict.fromkeys(paths):
        is_known = folder_of(path, folders, is_own=False) is not None
        if not is_known and not _is_below(path, output):
            yield path


def _is_below(path: str, folder: PurePosixPath) -> bool:
    return PurePosixPath(posixpath.normpath(path.lstrip("/"))).is_relative_to(folder)


def _is_own_source(item: Object) -> bool:
    """Whether Flux reads this repository for it: ``flux bootstrap`` calls that flux-system."""
    return text_at(map_at(item.spec, "sourceRef"), "name") == "flux-system"


def _flux_layer(item: Object, folders: frozenset[PurePosixPath]) -> Layer:
    spec = item.spec
    path, is_own = text_at(spec, "path") or ".", _is_own_source(item)
    folder = folder_of(path, folders, is_own=is_own)
    written = [part for part in list_at(spec, "components") if isinstance(part, str)]
    found = [folder_of(posixpath.join(path, part), folders, is_own=is_own) for part in written]
    missing = next((part for part, at in zip(written, found, strict=True) if at is None), None)
    build = map_at(spec, "postBuild")
    variables = {
        key: value if isinstance(value, str) else str(value)
        for key, value in map_at(build, "substitute").items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
    doubt = ""
    if missing is not None:
        doubt = f"its component {quote(missing)} is not in the inventory"
    return Layer(
        position=item.position,
        subject=item.subject(),
        folder=None,
        includes=(folder,) if folder is not None else (),
        components=tuple(at for at in found if at is not None),
        recurses=True,
        is_deployed=True,
        namespace=text_at(spec, "targetNamespace") or None,
        prefix=text_at(spec, "namePrefix"),
        suffix=text_at(spec, "nameSuffix"),
        labels=_texts(map_at(spec, "commonMetadata", "labels")),
        annotations=_texts(map_at(spec, "commonMetadata", "annotations")),
        patches=tuple(patches_of(spec, item.document, None, {}, (*item.path, "spec"))),
        variables=variables if build.get("substitute") else None,
        has_more_variables=bool(build.get("substituteFrom")),
        doubt=doubt,
    )


def _argo_layer(
    item: Object, source: Mapping[str, Json], folders: frozenset[PurePosixPath]
) -> Layer:
    kustomize = map_at(source, "kustomize")
    folder = folder_of(text_at(source, "path"), folders, is_own=False)
    return Layer(
        position=item.position,
        subject=item.subject(),
        folder=None,
        includes=(folder,) if folder is not None else (),
        recurses=map_at(source, "directory").get("recurse") is True,
        is_deployed=True,
        namespace=text_at(kustomize, "namespace") or None,
        default_namespace=text_at(map_at(item.spec, "destination"), "namespace") or None,
        prefix=text_at(kustomize, "namePrefix"),
        suffix=text_at(kustomize, "nameSuffix"),
        labels=_texts(map_at(kustomize, "commonLabels")),
        template_labels=_texts(map_at(kustomize, "commonLabels")),
        annotations=_texts(map_at(kustomize, "commonAnnotations")),
        patches=tuple(patches_of(kustomize, item.document, None, {}, item.path)),
        doubt="its kustomize.components are not followed" if kustomize.get("components") else "",
    )


def _paths(folder: PurePosixPath, entries: Iterable[Json]) -> Iterator[PurePosixPath]:
    """Local files and folders; a remote one is in nobody's inventory."""
    for entry in entries:
        if isinstance(entry, str) and entry and "://" not in entry and not is_template(entry):
            path = posixpath.normpath(posixpath.join(folder.as_posix(), entry))
            if not path.startswith(("..", "/")):
                yield PurePosixPath(path)


def _labels(data: Mapping[str, Json]) -> tuple[dict[str, str], dict[str, str]]:
    """The labels that every object gets, and those that claim templates get."""
    every = _texts(map_at(data, "commonLabels"))
    templates = dict(every)
    for entry in list_at(data, "labels"):
        if isinstance(entry, dict):
            pairs = _texts(map_at(entry, "pairs"))
            every |= pairs
            if entry.get("includeSelectors") is True or entry.get("includeTemplates") is True:
                templates |= pairs
    return every, templates


def _texts(node: Mapping[str, Json]) -> dict[str, str]:
    return {key: value for key, value in node.items() if isinstance(value, str)}


def _replicas(data: Mapping[str, Json]) -> dict[str, Json]:
    """The replica counts that a kustomization sets, by workload."""
    entries = (entry for entry in list_at(data, "replicas") if isinstance(entry, dict))
    return {text_at(entry, "name"): entry.get("count") for entry in entries}
