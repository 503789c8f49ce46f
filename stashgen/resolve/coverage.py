"""The truth about every volume: protected, excluded, unprotected or unknown."""

from collections.abc import Iterable, Iterator

from stashgen.diagnostics import Finding, Position, Severity
from stashgen.model.coverage import Coverage
from stashgen.model.inventory import Inventory, UnknownVolume, Volume, VolumeKey
from stashgen.model.source import PolicySet
from stashgen.policy.storage import Storage
from stashgen.resolve.findings import Code
from stashgen.resolve.near_miss import NearMiss, NearMisses
from stashgen.resolve.selection import Selection

_MOST_RELATED = 10


def coverage(policies: PolicySet, inventory: Inventory, selection: Selection) -> Coverage:
    """Count the volumes of the inventory."""
    unprotected = unprotected_volumes(policies, selection)
    selected = len(inventory.volumes) - len(selection.unselected)
    return Coverage(
        protected=selected,
        excluded=len(selection.unselected) - len(unprotected),
        unprotected=tuple(_shown(policies, volume.key) for volume in unprotected),
        unknown=len({_identity(one) for one in inventory.unknown}),
    )


def unprotected_findings(
    policies: PolicySet, inventory: Inventory, selection: Selection
) -> Iterator[Finding]:
    """Volumes that no policy selects, with the policy that comes closest.

    One finding for all volumes of a namespace that the same selector misses for the same reason.
    """
    groups: dict[tuple[str, str, str], tuple[NearMiss | None, list[Volume]]] = {}
    misses = NearMisses(policies, inventory)
    for volume in unprotected_volumes(policies, selection):
        miss = misses.of(volume)
        place = f"{miss.position} {miss.general}" if miss is not None else ""
        key = (volume.key.cluster_id, volume.key.namespace, place)
        groups.setdefault(key, (miss, []))[1].append(volume)
    for miss, volumes in groups.values():
        yield _finding(policies, miss, volumes)


def _finding(policies: PolicySet, miss: NearMiss | None, volumes: list[Volume]) -> Finding:
    first, *others = volumes
    names = ", ".join(_shown(policies, volume.key) for volume in volumes)
    related: list[Position] = [miss.position] if miss is not None else []
    related += [volume.position for volume in others[:_MOST_RELATED]]
    return Finding(
        code=Code.UNPROTECTED,
        severity=Severity.WARNING,
        position=first.position,
        subject=f"PersistentVolumeClaim/{first.key.name}",
        what=f"no policy protects {names}",
        why=f"{miss.text if len(volumes) == 1 else miss.general}; no other one comes closer"
        if miss is not None
        else "the project has no policy",
        fix="select it, or exclude it in the policy that would select it: then it counts as "
        "excluded",
        related=tuple(dict.fromkeys(related)),
    )


def unprotected_volumes(policies: PolicySet, selection: Selection) -> list[Volume]:
    """Volumes that no policy selects and that nobody leaves out on purpose, sorted by key."""
    on_purpose = {
        *selection.excluded,
        *selection.on_purpose,
        *(
            VolumeKey(entry.cluster, *entry.volume.split("/", 1))
            for entry in policies.project.value.spec.retired
            if entry.repository is None
        ),
    }
    stores = {*_stores(storage.value for storage in policies.storages.values())}
    return [
        volume
        for volume in selection.unselected
        if volume.key not in on_purpose
        and stores.isdisjoint({(volume.key.namespace, volume.key.name), (None, volume.key.name)})
    ]


def _stores(storages: Iterable[Storage]) -> Iterator[tuple[str | None, str]]:
    """The claims that hold backups, by namespace (None: any) and name."""
    for storage in storages:
        local = storage.spec.backend.local
        claim = local.persistent_volume_claim if local is not None else None
        if claim is not None:
            yield storage.spec.namespace, str(claim.get("claimName"))


def _shown(policies: PolicySet, key: VolumeKey) -> str:
    clusters = policies.project.value.spec.clusters
    name = f"{key.namespace}/{key.name}"
    if len(clusters) == 1:
        return name
    return f"{next(one.name for one in clusters if one.id == key.cluster_id)}/{name}"


def _identity(one: UnknownVolume) -> tuple[object, ...]:
    """What is the same volume: a name, or a place where no name can be read."""
    return (one.cluster_id, one.namespace, one.name) if one.name else (one.position,)
