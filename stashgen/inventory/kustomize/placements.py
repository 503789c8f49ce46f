"""Which kustomizations a file is built by, and so what becomes of the objects in it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from stashgen.diagnostics import Position
from stashgen.inventory.kustomize.layers import (
    KUSTOMIZATION_FILES,
    Layer,
    deployed_layers,
    is_kustomization,
    kustomization_layer,
    unreadable_layer,
)
from stashgen.inventory.objects import objects_of
from stashgen.yaml.documents import Document

# A file that is reached in more ways, or through more kustomizations, is not followed.
_MOST_WAYS = 32
_MOST_LAYERS = 40


@dataclass(frozen=True, slots=True)
class Placement:
    """One way in which a file gets into the cluster.

    Attributes:
        layers: What changes its objects, the innermost first.
        doubt: Why what comes of them is not known, or nothing.
        default_namespace: Of objects that have none after all layers.
        related: Where the doubt comes from.
    """

    layers: tuple[Layer, ...] = ()
    doubt: str = ""
    related: tuple[Position, ...] = ()
    default_namespace: str | None = None

    @property
    def is_deployed(self) -> bool:
        """Flux or Argo CD applies it."""
        return any(layer.is_deployed for layer in self.layers)


AS_WRITTEN = Placement()


def _unreadable(
    positions: Iterable[Position], files: Iterable[PurePosixPath]
) -> dict[PurePosixPath, Layer]:
    """Kustomizations that cannot be read, by their folders: nothing in them is as written."""
    layers = {}
    for position in positions:
        if position.path.name in KUSTOMIZATION_FILES:
            folder = position.path.parent
            beside = tuple(path for path in files if path.parent == folder)
            layers[folder] = unreadable_layer(position, beside)
    return layers


def certain(found: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """The ways in which objects of a file get into the cluster: what is deployed is certain."""
    return tuple(one for one in found if one.is_deployed) or found


class Placements:
    """The kustomizations of one cluster's inventory.

    Attributes:
        patches: Files that hold patches, by the layer that applies them.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        namespaces: Mapping[PurePosixPath, str],
        records: frozenset[PurePosixPath] = frozenset(),
        unreadable: Iterable[Position] = (),
    ) -> None:
        """Follow them.

        Args:
            documents: Of the inventory's files.
            namespaces: Of objects that name none, by file.
            records: Files whose objects are rendered: nothing applies to them, and what they apply
                is not followed.
            unreadable: What could not be read: a kustomization among it may change its folder.
        """
        self._records = records
        files: dict[PurePosixPath, tuple[Document, ...]] = {}
        for document in documents:
            if document.path in records:
                continue
            files[document.path] = (*files.get(document.path, ()), document)
        self._folders = frozenset(parent for path in files for parent in path.parents)
        self._own: dict[PurePosixPath, Layer] = {}
        self._parents: dict[PurePosixPath, list[Layer]] = {}
        self.patches: dict[PurePosixPath, Layer] = {}
        self._namespaces = namespaces
        self._known: dict[PurePosixPath, tuple[Placement, ...]] = {}
        deployed: list[tuple[Document, Layer]] = []
        for document in (one for found in files.values() for one in found):
            if is_kustomization(document):
                layer = kustomization_layer(document, files)
                self._own.setdefault(document.path.parent, layer)
                for patch in layer.patches:
                    if patch.file is not None:
                        self.patches.setdefault(patch.file, layer)
            else:
                for item in objects_of(document):
                    deployed += ((document, one) for one in deployed_layers(item, self._folders))
        self._own |= _unreadable(unreadable, files)
        for layer in self._own.values():
            self._add(layer)
        for document, layer in deployed:
            if not self._is_left_out(document.path):
                self._add(layer)

    def folders_for(self, path: PurePosixPath) -> frozenset[PurePosixPath]:
        """The folders that an object of a file may apply: every one with a file below it.

        None for a record: what its objects applied was rendered and is in it.
        """
        return frozenset() if path in self._records else self._folders

    def of(self, path: PurePosixPath) -> tuple[Placement, ...]:
        """The ways in which a file gets into the cluster; at least one."""
        if path not in self._known:
            namespace = self._namespaces.get(path)
            if path in self._records:
                self._known[path] = (Placement(default_namespace=namespace),)
                return self._known[path]
            self._known[path] = tuple(
                replace(one, default_namespace=namespace) for one in self._places(path)
            )
        return self._known[path]

    def _add(self, layer: Layer) -> None:
        for path in (*layer.includes, *layer.components):
            self._parents.setdefault(path, []).append(layer)

    def _is_left_out(self, path: PurePosixPath) -> bool:
        """Whether the nearest kustomization above a Flux or Argo CD object does not list it.

        That is how people switch an application off.
        """
        if path in self._parents:
            return False
        for folder in path.parents:
            if folder in self._parents:
                return False
            if folder in self._own:
                return True
        return False

    def _places(self, path: PurePosixPath) -> tuple[Placement, ...]:
        patching = self.patches.get(path)
        if patching is not None:
            return tuple(Placement(layers) for layers in self._outwards(patching, ()))
        parents = self._parents.get(path, [])
        if not parents:
            own = self._own.get(path.parent)
            if own is not None:
                doubt = f"{own.subject} beside it does not list {path.name}"
                return (Placement((), doubt, (own.position,)),)
            parents = self._deployed_above(path)
        ways = [layers for parent in parents for layers in self._outwards(parent, ())]
        if len(ways) > _MOST_WAYS:
            return (Placement((), "more kustomizations build it than are followed"),)
        return tuple(self._with_components(way) for way in ways) or (AS_WRITTEN,)

    def _deployed_above(self, path: PurePosixPath) -> list[Layer]:
        """The Flux or Argo CD objects whose folder, without a kustomization, has the file."""
        for folder in path.parents:
            if folder in self._own:
                return []
            found = [
                layer
                for layer in self._parents.get(folder, ())
                if layer.is_deployed and (layer.recurses or folder == path.parent)
            ]
            if found:
                return found
        return []

    def _outwards(self, layer: Layer, inner: tuple[Layer, ...]) -> Iterator[tuple[Layer, ...]]:
        """Every way from a layer to one that nothing includes; cut off where there are many."""
        ways = [(*inner, layer)]
        found = 0
        while ways and found <= _MOST_WAYS:
            way = ways.pop()
            folder = way[-1].folder
            parents = self._parents.get(folder, []) if folder is not None else []
            parents = [parent for parent in parents if parent not in way]
            if not parents or len(way) > _MOST_LAYERS:
                found += 1
                yield way
            ways += [(*way, parent) for parent in reversed(parents[: _MOST_WAYS + 1])]

    def _with_components(self, way: tuple[Layer, ...]) -> Placement:
        """A way with the Components that its layers apply, and its first doubt."""
        layers: list[Layer] = []
        for layer in way:
            for folder in layer.components:
                component = self._own.get(folder)
                if component is not None and component not in (*layers, *way):
                    layers.append(component)
            layers.append(layer)
        doubtful = next((layer for layer in layers if layer.doubt), None)
        if len(way) > _MOST_LAYERS:
            return Placement((), "more kustomizations build it than are followed")
        if doubtful is None:
            return Placement(tuple(layers))
        return Placement(tuple(layers), doubtful.doubt, (doubtful.position,))
