"""The volumes that a claim or a StatefulSet stands for."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from stashgen.diagnostics import quote
from stashgen.inventory.annotations import annotations
from stashgen.inventory.kustomize.outcome import identity, labels, patches
from stashgen.inventory.kustomize.placements import Placement
from stashgen.inventory.objects import (
    Object,
    UnknownError,
    checked,
    is_template,
    list_at,
    map_at,
    text_at,
)
from stashgen.kubestash.quantities import quantity
from stashgen.model.inventory import Volume, VolumeKey
from stashgen.yaml.nodes import Json

# A StatefulSet with more claims is a mistake, or an attempt to exhaust the memory.
_MOST_REPLICAS = 1000


def claim_volume(cluster_id: str, item: Object, placement: Placement) -> Volume:
    """The volume of a PersistentVolumeClaim.

    Raises:
        UnknownError: its identity is not known.
    """
    if not isinstance(item.data.get("metadata"), dict):
        raise UnknownError("it has no metadata")
    found = identity(item, placement)
    name = checked(found.name or None, "name")
    texts = labels(item, placement)
    key = VolumeKey(cluster_id, checked(found.namespace, "namespace"), name)
    volume = _volume(key, texts, item.spec, item)
    volume = replace(volume, annotations=annotations(item, placement))
    if any(patch.changes_storage for _, patch in patches(item, placement)):
        return replace(volume, storage_class=None, size_bytes=None)
    return volume


def stateful_set_volumes(cluster_id: str, item: Object, placement: Placement) -> Iterator[Volume]:
    """The volumes of a StatefulSet's claim templates: one for each replica.

    Named and labelled as by Kubernetes' StatefulSet controller
    (``pkg/controller/statefulset/stateful_set_utils.go``, ``getPersistentVolumeClaims``).

    Raises:
        UnknownError: names, namespace or the number of replicas are not known.
    """
    templates = list_at(item.spec, "volumeClaimTemplates")
    if not templates:
        return
    found = identity(item, placement)
    name = checked(found.name or None, "name")
    namespace = checked(found.namespace, "namespace")
    numbers = ordinals(item, placement, name)
    selector = _selector(item)
    for index, template in enumerate(templates):
        if not isinstance(template, dict):
            raise UnknownError("a claim template is not a map")
        prefix = checked(text_at(map_at(template, "metadata"), "name") or None, "name")
        texts = labels(item, placement, template) | selector
        place = ("spec", "volumeClaimTemplates", index)
        written = annotations(item, placement, template, place)
        for ordinal in numbers:
            claim = checked(f"{prefix}-{name}-{ordinal}", "name")
            key = VolumeKey(cluster_id, namespace, claim)
            one = _volume(key, texts, map_at(template, "spec"), item, place)
            yield replace(one, annotations=written)


def _volume(
    key: VolumeKey,
    texts: Mapping[str, str],
    spec: Mapping[str, Json],
    item: Object,
    place: tuple[str | int, ...] = (),
) -> Volume:
    modes = list_at(spec, "accessModes")
    return Volume(
        key=key,
        labels=texts,
        access_modes=tuple(mode for mode in modes if isinstance(mode, str)),
        position=item.position_of(*place) if place else item.position,
        block=spec.get("volumeMode") == "Block",
        storage_class=_storage_class(spec),
        size_bytes=_size(spec),
    )


def _storage_class(spec: Mapping[str, Json]) -> str | None:
    """The class that the claim says; ``""``, a volume that somebody made, is no default."""
    name = spec.get("storageClassName")
    return name if isinstance(name, str) and not is_template(name) else None


def _size(spec: Mapping[str, Json]) -> int | None:
    requested = map_at(spec, "resources", "requests").get("storage")
    try:
        return int(quantity(str(requested)))
    except ValueError:
        return None


def ordinals(item: Object, placement: Placement, name: str) -> range:
    """The numbers of a StatefulSet's replicas.

    Args:
        item: The StatefulSet.
        placement: How it gets into the cluster.
        name: Its name there.

    Raises:
        UnknownError: they are not known.
    """
    replicas: Json = item.spec.get("replicas")
    for layer in placement.layers:
        counts = layer.replicas or {}
        replicas = counts.get(item.name, counts.get(name, replicas))
    number = _count("replicas", replicas, 1)
    start = _count("ordinals.start", map_at(item.spec, "ordinals").get("start"), 0)
    if number > _MOST_REPLICAS:
        raise UnknownError(f"it has more than {_MOST_REPLICAS} replicas")
    return range(start, start + number)


def _count(field: str, value: Json, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnknownError(f"its spec.{field} {quote(value)} is not a number of replicas")
    return value


def _selector(item: Object) -> dict[str, str]:
    wanted = map_at(item.spec, "selector", "matchLabels")
    return {key: value for key, value in wanted.items() if isinstance(value, str)}
