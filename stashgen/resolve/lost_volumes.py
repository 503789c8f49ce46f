"""Why a volume that was protected no longer is, and how to fix it."""

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.model.coverage import LeftOut
from stashgen.model.history import History
from stashgen.model.inventory import Inventory, UnknownVolume, Volume, VolumeKey
from stashgen.model.source import PolicySet
from stashgen.resolve.history_findings import Code, entry_text, shown
from stashgen.resolve.near_miss import NearMisses

_MOST_RELATED = 3
# With more new claims in a namespace, many have similar names and comparing them takes long.
_MOST_COMPARED = 50


class LostVolumes:
    """Findings about volumes that would be lost; shared lookups are built once."""

    def __init__(
        self,
        policies: PolicySet,
        inventory: Inventory,
        histories: tuple[History, ...],
        on_purpose: Mapping[VolumeKey, LeftOut],
    ) -> None:
        self._on_purpose = on_purpose
        self._misses = NearMisses(policies, inventory)
        self._project = policies.project
        self._clusters = {cluster.id for cluster in policies.project.value.spec.clusters}
        self._inventory = inventory
        self._volumes = {volume.key: volume for volume in inventory.volumes}
        self._new_by_name: dict[str, Volume] = {}
        self._new_by_namespace: dict[tuple[str, str], dict[str, Volume]] = {}
        known = {history.volume for history in histories}
        for volume in inventory.volumes if histories else ():
            key = volume.key
            if key not in known:
                self._new_by_name.setdefault(key.name, volume)
                beside = self._new_by_namespace.setdefault((key.cluster_id, key.namespace), {})
                beside[key.name] = volume

    def finding(self, history: History) -> Finding:
        """The finding about the volume of a history that nothing writes to any longer."""
        key = history.volume
        why, fix, related = self._reason(key)
        return Finding(
            Code.LOST,
            Severity.ERROR,
            history.position,
            "",
            f"volume {shown(key)} of cluster {quote(key.cluster_id)} was backed up but would no "
            "longer be",
            why,
            f"{fix}, or add to spec.retired of the project: {entry_text(key)}",
            related,
        )

    def _reason(self, key: VolumeKey) -> tuple[str, str, tuple[Position, ...]]:
        """Why a volume is not protected, what to fix, and where to look."""
        if key.cluster_id not in self._clusters:
            return (
                f"the project no longer has a cluster with id {quote(key.cluster_id)}",
                "restore the cluster",
                (self._project.at("spec", "clusters").position,),
            )
        volume = self._volumes.get(key)
        if volume is not None and key in self._on_purpose:
            excluded = self._on_purpose[key]
            places = (excluded.position, volume.position)
            return excluded.reason, "remove what excludes it", places
        if volume is not None:
            miss = self._misses.of(volume)
            if miss is None:
                return "the project no longer has a policy", "restore it", (volume.position,)
            return (
                f"no policy selects it: {miss.text}",
                "correct the policy or the labels",
                (miss.position, volume.position),
            )
        named = [one.position for one in self._inventory.unknown if _may_be(one, key)]
        if named:
            return (
                "the inventory still speaks of this claim, but no longer defines it",
                "add the claim's rendered manifest to the inventory",
                tuple(named[:_MOST_RELATED]),
            )
        unread = [one.position for one in self._inventory.unknown if _may_hold(one, key)]
        if unread:
            number = "an object" if len(unread) == 1 else f"{len(unread)} objects"
            why = (
                f"the inventory no longer has this claim; it may be in {number} that cannot be read"
            )
            return why, "make the manifests readable", tuple(unread[:_MOST_RELATED])
        similar = self._similar(key)
        return (
            "the inventory no longer has this claim"
            + (f" (it has {shown(similar.key)})" if similar is not None else "")
            + "; a deleted claim cannot be told from a missing manifest",
            "restore the claim's manifest in the inventory",
            (similar.position,) if similar is not None else (),
        )

    def _similar(self, key: VolumeKey) -> Volume | None:
        """A claim without a history that may be this one, moved or renamed by a typo."""
        moved = self._new_by_name.get(key.name)
        if moved is not None:
            return moved
        beside = self._new_by_namespace.get((key.cluster_id, key.namespace), {})
        if len(beside) > _MOST_COMPARED:
            return None
        close = difflib.get_close_matches(key.name, beside, n=1)
        return beside[close[0]] if close else None


def _may_be(unknown: UnknownVolume, key: VolumeKey) -> bool:
    """Whether something unknown goes by a volume's name."""
    is_here = unknown.cluster_id == key.cluster_id and unknown.namespace in {"", key.namespace}
    return is_here and bool(unknown.name) and fnmatchcase(key.name, unknown.name)


def _may_hold(unknown: UnknownVolume, key: VolumeKey) -> bool:
    """Whether something unknown may be any volume: nothing, or no name, can be read of it."""
    is_here = unknown.cluster_id in {"", key.cluster_id}
    return is_here and (not unknown.name or "${" in unknown.name or "{{" in unknown.name)
