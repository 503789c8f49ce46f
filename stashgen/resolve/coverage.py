"""The truth about every volume: protected, paused, excluded, unprotected or unknown."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.model.coverage import Coverage, LeftOut
from stashgen.model.inventory import Inventory, Volume, VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.source import PolicySet
from stashgen.resolve.achieved import why_nothing_runs
from stashgen.resolve.findings import Code
from stashgen.resolve.near_miss import NearMiss, NearMisses
from stashgen.resolve.selection import Selection

_MOST_RELATED = 10


class Uncovered:
    """The volumes without a backup: left out on purpose, or missed by every policy.

    Attributes:
        excluded: Why each of them is left out.
        missed: The others, sorted by key.
    """

    def __init__(self, policies: PolicySet, inventory: Inventory, selection: Selection) -> None:
        self._policies = policies
        self._inventory = inventory
        self._selected = len(selection.selected)
        self._unknown = len({one.identity for one in inventory.unknown})
        on_purpose = {**_retired(policies), **selection.excluded, **selection.on_purpose}
        stores = dict(_stores(policies))
        self.excluded: dict[VolumeKey, LeftOut] = {}
        missed = []
        for volume in selection.unselected:
            key = volume.key
            why = (
                on_purpose.get(key)
                or stores.get((key.namespace, key.name))
                or stores.get((None, key.name))
            )
            if why is None:
                missed.append(volume)
            else:
                self.excluded[key] = why
        self.missed = tuple(missed)

    @cached_property
    def _near_misses(self) -> tuple[tuple[Volume, NearMiss | None], ...]:
        """The missed volumes, each with the policy that comes closest."""
        misses = NearMisses(self._policies, self._inventory)
        return tuple((volume, misses.of(volume)) for volume in self.missed)

    def coverage(self, protections: Iterable[Protection]) -> Coverage:
        """The number of volumes in each state, from how the selected ones are protected."""
        resting = sorted(one.volume.key for one in protections if why_nothing_runs(one) is not None)
        return Coverage(
            protected=self._selected - len(resting),
            excluded=len(self.excluded),
            unprotected=tuple(_shown(self._policies, volume.key) for volume in self.missed),
            unknown=self._unknown,
            paused=tuple(_shown(self._policies, key) for key in resting),
        )

    def unprotected(self) -> dict[VolumeKey, LeftOut]:
        """Why no policy selects each of the volumes that are missed."""
        found = {}
        for volume, miss in self._near_misses:
            found[volume.key] = (
                LeftOut("the project has no policy", volume.position)
                if miss is None
                else LeftOut(miss.text, miss.position)
            )
        return found

    def findings(self) -> Iterator[Finding]:
        """Volumes that no policy selects, with the policy that comes closest.

        One finding for all volumes of a namespace that a selector misses for the same reason.
        """
        groups: dict[tuple[str, str, str], tuple[NearMiss | None, list[Volume]]] = {}
        for volume, miss in self._near_misses:
            place = f"{miss.position} {miss.general}" if miss is not None else ""
            key = (volume.key.cluster_id, volume.key.namespace, place)
            groups.setdefault(key, (miss, []))[1].append(volume)
        for miss, volumes in groups.values():
            yield _finding(self._policies, miss, volumes)


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


def _retired(policies: PolicySet) -> Mapping[VolumeKey, LeftOut]:
    project = policies.project
    return {
        VolumeKey(entry.cluster, *entry.volume.split("/", 1)): LeftOut(
            f"it is retired: {entry.reason}", project.at("spec", "retired", number).position
        )
        for number, entry in enumerate(project.value.spec.retired)
        if entry.repository is None
    }


def _stores(policies: PolicySet) -> Iterator[tuple[tuple[str | None, str], LeftOut]]:
    """The claims that hold backups, by namespace (None: any) and name."""
    for storage in policies.storages.values():
        spec = storage.value.spec
        local = spec.backend.local
        claim = local.persistent_volume_claim if local is not None else None
        if claim is not None:
            why = f"it holds the backups of storage {quote(storage.value.metadata.name)}"
            position = storage.at("spec", "backend").position
            yield (spec.namespace, str(claim.get("claimName"))), LeftOut(why, position)


def _shown(policies: PolicySet, key: VolumeKey) -> str:
    clusters = policies.project.value.spec.clusters
    name = f"{key.namespace}/{key.name}"
    if len(clusters) == 1:
        return name
    return f"{next(one.name for one in clusters if one.id == key.cluster_id)}/{name}"
