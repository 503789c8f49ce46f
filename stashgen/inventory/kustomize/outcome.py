"""What a placement makes of one object: its name, namespace and labels in the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from stashgen.diagnostics import Position
from stashgen.inventory.kustomize.layers import Layer
from stashgen.inventory.kustomize.patches import Patch
from stashgen.inventory.kustomize.placements import Placement
from stashgen.inventory.kustomize.substitution import Variables, substitute
from stashgen.inventory.objects import Object, UnknownError, labels_of, map_at
from stashgen.yaml.nodes import Json


class Fate(Enum):
    """Whether an object gets into the cluster."""

    THERE = auto()
    DELETED = auto()


@dataclass(frozen=True, slots=True)
class Identity:
    """An object's name and namespace in the cluster, as far as they are known.

    Attributes:
        name: It may be a placeholder that nothing fills in.
        namespace: None if nothing sets it.
        original: The name as it is written, with variables filled in.
    """

    name: str
    namespace: str | None
    original: str


class DoubtError(UnknownError):
    """What a kustomization makes of an object is not known.

    Attributes:
        related: The kustomization, the patch.
    """

    def __init__(self, why: str, *related: Position) -> None:
        super().__init__(why)
        self.related = related


def identity(item: Object, placement: Placement, name: str | None = None) -> Identity:
    """The name and the namespace of an object, or of a claim that it mentions.

    Args:
        item: The object.
        placement: How it gets into the cluster.
        name: Of the claim that it mentions.
    """
    namespace = item.namespace
    written = item.name if name is None else name
    final = original = written
    for layer in placement.layers:
        namespace = layer.namespace or namespace or layer.default_namespace
        if item.kind != "Namespace":
            final = f"{layer.prefix}{final}{layer.suffix}"
        final, original = filled(final, layer), filled(original, layer)
        namespace = None if namespace is None else filled(namespace, layer)
    if item.kind == "Namespace":
        # kustomize's namespace transformer sets a Namespace's name, too.
        changed = next((one.namespace for one in reversed(placement.layers) if one.namespace), None)
        return Identity(changed or final, None, original)
    return Identity(final, namespace or placement.default_namespace, original)


def fate(item: Object, placement: Placement) -> Fate:
    """Whether a claim, a Namespace or a StatefulSet gets into the cluster as its identity says.

    Raises:
        DoubtError: that is not known.
    """
    if placement.doubt:
        raise DoubtError(placement.doubt, *placement.related)
    for layer, patch in patches(item, placement):
        if patch.deletes and patch.name is not None:
            return Fate.DELETED
        changes = patch.changes_templates if item.kind == "StatefulSet" else patch.changes
        if changes:
            raise DoubtError(f"a patch of {layer.subject} may change it", patch.position)
    return Fate.THERE


def patches(item: Object, placement: Placement) -> Iterator[tuple[Layer, Patch]]:
    """The patches that may touch an object, each with its layer."""
    names, namespaces = {item.name}, {item.namespace}
    for index, layer in enumerate(placement.layers):
        for patch in layer.patches:
            if patch.is_for(item.kind, names, namespaces):
                yield layer, patch
        now = identity(item, Placement(placement.layers[: index + 1]))
        names.add(now.name)
        namespaces.add(now.namespace)


def labels(item: Object, placement: Placement, data: Json = None) -> dict[str, str]:
    """The labels of an object in the cluster, or of a claim template that it has.

    Args:
        item: The object.
        placement: How it gets into the cluster.
        data: The claim template.

    Raises:
        UnknownError: they are no labels, or have placeholders.
    """
    metadata = map_at(item.data if data is None else _map(data), "metadata")
    written = metadata.get("labels")
    found: dict[str, Json] = dict(written) if isinstance(written, dict) else {}
    for layer in placement.layers:
        added = layer.labels if data is None else layer.template_labels
        found |= added or {}
        found = {
            key: filled(value, layer) if isinstance(value, str) else value
            for key, value in found.items()
        }
    is_map = written is None or isinstance(written, dict)
    return labels_of({"labels": found} if is_map else metadata)


def filled(text: str, layer: Layer) -> str:
    """The text with Flux' variables filled in, as far as they are known."""
    if layer.variables is None:
        return text
    return substitute(text, Variables(layer.variables, has_more=layer.has_more_variables))


def _map(node: Json) -> dict[str, Json]:
    return node if isinstance(node, dict) else {}
