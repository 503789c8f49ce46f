"""Every volume of every inventory: protected, paused, excluded, unprotected or unknown, and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stashgen.diagnostics import Position
from stashgen.model.inventory import Inventory, UnknownVolume, VolumeKey
from stashgen.model.resolved import Protection, Resolved
from stashgen.resolve.achieved import why_nothing_runs


class State(StrEnum):
    """What becomes of a volume; the worst first."""

    UNPROTECTED = "unprotected"
    UNKNOWN = "unknown"
    PAUSED = "paused"  # a policy selects it, and none of its backups runs
    EXCLUDED = "excluded"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class VolumeCoverage:
    """One volume.

    Attributes:
        cluster: Its name; empty if a file cannot be read and may be of any.
        namespace, name: Empty where they are not known.
        position: Where the volume is written.
        reason: Why it is not protected, and where that is written; None if it is.
        protection: How a policy backs it up, or would if it ran; None if no policy selects it.
        labels: Of its namespace, over those of its cluster.
    """

    cluster: str
    namespace: str
    name: str
    state: State
    position: Position
    reason: tuple[str, Position] | None = None
    protection: Protection | None = None
    labels: Mapping[str, str] | None = None


def volume_coverage(resolved: Resolved, inventory: Inventory) -> tuple[VolumeCoverage, ...]:
    """The volumes, sorted by state, the worst first, and then by name."""
    found = [*_known(resolved, inventory), *_unknown(resolved, inventory.unknown)]
    order = [*State]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                order.index(one.state),
                (one.cluster, one.namespace, one.name, str(one.position)),
            ),
        )
    )


def _known(resolved: Resolved, inventory: Inventory) -> Iterator[VolumeCoverage]:
    clusters = {one.id: one for one in resolved.project.spec.clusters}
    protections = {one.volume.key: one for one in resolved.protections}
    for volume in inventory.volumes:
        key = volume.key
        state, reason = _state(resolved, protections, key)
        of_namespace = inventory.namespace_labels.get((key.cluster_id, key.namespace), {})
        yield VolumeCoverage(
            cluster=clusters[key.cluster_id].name,
            namespace=key.namespace,
            name=key.name,
            state=state,
            position=volume.position,
            reason=reason,
            protection=protections.get(key),
            labels={**(clusters[key.cluster_id].labels or {}), **of_namespace},
        )


def _state(
    resolved: Resolved, protections: Mapping[VolumeKey, Protection], key: VolumeKey
) -> tuple[State, tuple[str, Position] | None]:
    if key in protections:
        resting = why_nothing_runs(protections[key])
        if resting is not None:
            return State.PAUSED, (resting.reason, resting.position)
        return State.PROTECTED, None
    excluded = resolved.excluded.get(key)
    if excluded is not None:
        return State.EXCLUDED, (excluded.reason, excluded.position)
    missed = resolved.unprotected[key]
    return State.UNPROTECTED, (missed.reason, missed.position)


def _unknown(resolved: Resolved, unknown: Iterable[UnknownVolume]) -> Iterator[VolumeCoverage]:
    """Each once, however many places speak of it."""
    clusters = {one.id: one.name for one in resolved.project.spec.clusters}
    labels = {one.id: one.labels for one in resolved.project.spec.clusters}
    for one in {one.identity: one for one in reversed([*unknown])}.values():
        yield VolumeCoverage(
            cluster=clusters.get(one.cluster_id, ""),
            namespace=one.namespace,
            name=one.name,
            state=State.UNKNOWN,
            position=one.position,
            labels=labels.get(one.cluster_id),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The volumes that have something in common, counted.

    Attributes:
        name: Of what they have in common; empty for all volumes.
        counts: By state.
    """

    name: str
    counts: Mapping[State, int]

    @property
    def percent(self) -> float | None:
        """The protected ones of those that are not excluded; None if all are.

        Unknown and paused volumes count as ones without protection.
        """
        open_ = sum(self.counts.values()) - self.counts[State.EXCLUDED]
        return 100 * self.counts[State.PROTECTED] / open_ if open_ else None

    def is_below(self, percent: float) -> bool:
        """Whether it is covered to less; what has no volume at all is not covered."""
        own = self.percent
        return not self.counts[State.EXCLUDED] if own is None else own < percent


def group(
    volumes: Iterable[VolumeCoverage], name: Callable[[VolumeCoverage], str]
) -> tuple[Group, ...]:
    """The volumes by a name that they share, sorted by it."""
    found: dict[str, Counter[State]] = {}
    for one in volumes:
        found.setdefault(name(one), Counter())[one.state] += 1
    return tuple(Group(key, counts) for key, counts in sorted(found.items()))


def total(volumes: Iterable[VolumeCoverage]) -> Group:
    """All volumes as one group."""
    return Group("", Counter(one.state for one in volumes))
