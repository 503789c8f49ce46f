"""The annotations of ``stashgen.dev`` on claims and namespaces."""

from collections.abc import Mapping

from stashgen.inventory.kustomize.outcome import filled
from stashgen.inventory.kustomize.placements import Placement
from stashgen.inventory.objects import Object, Path, map_at
from stashgen.model.inventory import Annotation, Annotations
from stashgen.model.source import Origin
from stashgen.yaml.nodes import Json

_OURS = "stashgen.dev/"


def annotations(
    item: Object, placement: Placement, data: Mapping[str, Json] | None = None, path: Path = ()
) -> Annotations:
    """Those of an object in the cluster, or of a claim template that it has.

    Args:
        item: The object.
        placement: How it gets into the cluster.
        data: The claim template.
        path: Where the object has it.
    """
    written = map_at(item.data if data is None else data, "metadata", "annotations")
    place = Origin(item.document, (*item.path, *path, "metadata", "annotations"))
    found = {
        key: Annotation(_text(value), place.at(key))
        for key, value in written.items()
        if key.startswith(_OURS)
    }
    for layer in placement.layers:
        # A kustomization does not annotate claim templates (kustomize, commonAnnotations).
        for key, text in layer.annotations.items() if data is None else ():
            if key.startswith(_OURS):
                found[key] = Annotation(text, Origin(item.document, item.path))
        found = {
            key: Annotation(filled(one.value, layer), one.origin) for key, one in found.items()
        }
    return found


def _text(value: Json) -> str:
    """An annotation's value; the API server takes only texts, and null as none."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""
