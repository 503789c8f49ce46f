"""The findings of the selection: what matches nothing, too much, or cannot be told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import Inventory, Volume, VolumeKey, volume_list
from stashgen.model.source import Authored, Origin, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.selectors import Match, Selector
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.matching import Answer, Facts

M = TypeVar("M")
_WILDCARDS = {*"*?["}
_MOST_RELATED = 10
# Operators that need a label to be there.
_OF_A_LABEL = frozenset({"In", "Exists"})


@dataclass(frozen=True, slots=True)
class Missing:
    """A volume of which the inventory does not have what a selector asks for.

    Attributes:
        path: The selector.
        field: Its last key.
    """

    path: Path
    field: str
    volume: Volume


def missing_of(facts: Facts, match: Match, volume: Volume, path: Path) -> Iterator[Missing]:
    """What is not known of a volume, by the selectors of the match at ``path``."""
    for field, answer in facts.answers(match, volume):
        if answer is Answer.UNKNOWN:
            yield Missing((*path, field), field, volume)


def matches_nothing(origin: Origin, what: str) -> Finding:
    """A warning about an exclusion or an exception that is about no volume."""
    return finding(
        Code.MATCHES_NOTHING,
        origin,
        f"{what} matches no volume",
        why="it has no effect: either it is no longer needed, or its selectors have a typo",
        fix="correct the selectors, or delete it",
        severity=Severity.WARNING,
    )


def matches_everything(origin: Origin, what: str) -> Finding:
    """A warning about an exclusion that leaves nothing to protect."""
    return finding(
        Code.MATCHES_EVERYTHING,
        origin,
        f"{what} matches every volume",
        why="nothing is protected, whatever the policies select",
        fix="name the volumes that need no backup",
        severity=Severity.WARNING,
    )


def no_policy(policies: PolicySet) -> Finding:
    """The project has no policy."""
    return finding(
        Code.NO_POLICY,
        policies.project.at("spec", "policies"),
        "the project has no BackupPolicy",
        why="nothing would be backed up; an empty folder is treated as a mistake",
        fix="add a policy, or restore the previous one",
    )


class Unselected:
    """Findings about policies that select nothing; what they are compared with is made once."""

    def __init__(self, policies: PolicySet, inventory: Inventory) -> None:
        self._clusters = policies.project.value.spec.clusters
        self._inventory = inventory
        self._names: dict[str, frozenset[str]] = {}
        self._labels: dict[str, frozenset[str]] = {}

    def finding(self, policy: Authored[BackupPolicy]) -> Finding:
        """An error if the policy names something the inventory does not have, else a warning.

        The one is a typo or a gap in the inventory. A pattern or a label value that matches nothing
        today may be a tier that is not used yet.
        """
        return self._unknown(policy) or finding(
            Code.SELECTS_NOTHING,
            policy.at("spec", "select"),
            f"policy {quote(policy.value.metadata.name)} selects no volumes",
            why="no claim in the inventory matches its names, labels and namespaces",
            fix="correct the selector, add the manifests to the inventory, or delete the policy",
            severity=Severity.WARNING,
        )

    def _unknown(self, policy: Authored[BackupPolicy]) -> Finding | None:
        if not self._names:
            self._learn()
        select = policy.value.spec.select
        for field in self._names:
            selector = getattr(select, field)
            if not isinstance(selector, Selector):
                continue
            path: Path = ("spec", "select", field)
            for index, name in enumerate(selector.names or ()):
                if not _WILDCARDS & {*name} and name not in self._names[field]:
                    what = f"{field[:-1]} {quote(name)}"
                    at: Path = (*path, "names", index)
                    return _not_in_inventory(policy, at, name, what, self._names[field])
            for key, keys in _keys(selector):
                if key not in self._labels[field]:
                    what = f"label {quote(key)} on any {field[:-1]}"
                    return _not_in_inventory(policy, (*path, *keys), key, what, self._labels[field])
        return None

    def _learn(self) -> None:
        volumes = self._inventory.volumes
        labels = self._inventory.namespace_labels
        spaces = {key[1] for key in labels} | {volume.key.namespace for volume in volumes}
        keys = {volume.key for volume in volumes}
        claims = {key.name for key in keys} | {f"{key.namespace}/{key.name}" for key in keys}
        mounting = [one for volume in volumes for one in volume.workloads]
        self._names = {
            "clusters": frozenset(one.name for one in self._clusters),
            "namespaces": frozenset(spaces),
            "volumes": frozenset(claims),
            "workloads": frozenset(one.name for one in mounting),
        }
        self._labels = {
            "clusters": _all_keys(one.labels for one in self._clusters),
            "namespaces": _all_keys(labels.values()),
            "volumes": _all_keys(volume.labels for volume in volumes),
            "workloads": _all_keys(one.labels for one in mounting),
        }


def _all_keys(labels: Iterable[Mapping[str, str] | None]) -> frozenset[str]:
    return frozenset(key for one in labels for key in one or ())


def _keys(selector: Selector) -> Iterator[tuple[str, Path]]:
    """The labels that must be there, each with where it is written."""
    for key in selector.match_labels or ():
        yield key, ("matchLabels", key)
    for index, expression in enumerate(selector.match_expressions or ()):
        if expression.operator in _OF_A_LABEL:
            yield expression.key, ("matchExpressions", index, "key")


def _not_in_inventory(
    policy: Authored[BackupPolicy], path: Path, name: str, what: str, known: Iterable[str]
) -> Finding:
    near = get_close_matches(name, sorted(known), n=1)
    where = "project" if path[2] == "clusters" else "inventory"
    return finding(
        Code.UNKNOWN_NAME,
        policy.at(*path),
        f"policy {quote(policy.value.metadata.name)} selects no volumes: the {where} has no {what}",
        why="either this is a typo or manifests are missing from the inventory; in both cases "
        "volumes that should be backed up are not",
        fix=f"did you mean {quote(near[0])}?"
        if near
        else "correct the selector, add the manifests to the inventory, or delete the policy",
    )


def missing_facts(
    where: Authored[M], missing: Iterable[Missing], who: str = "policy"
) -> Iterator[Finding]:
    """Errors about what the inventory lacks: one for each namespace, or for each selector.

    Args:
        where: The document with the selectors.
        missing: What it lacks.
        who: Whose selectors they are.
    """
    spaces: dict[tuple[Path, str, str], Volume] = {}
    groups: dict[Path, list[Volume]] = {}
    for one in missing:
        key = one.volume.key
        if one.field == "namespaces":
            spaces.setdefault((one.path, key.cluster_id, key.namespace), one.volume)
        else:
            groups.setdefault(one.path, []).append(one.volume)
    unclear = "whether its volumes are protected"
    if who != "policy":
        unclear = "what applies to its volumes"
    for (path, _, namespace), volume in spaces.items():
        yield finding(
            Code.NO_NAMESPACE_LABELS,
            where.at(*path, "matchLabels"),
            f"the labels of namespace {quote(namespace)} are unknown",
            why=f"the {who} selects namespaces by label, but the inventory has no manifest of this "
            f"Namespace, so it is unclear {unclear}",
            fix="add the Namespace's manifest to the inventory, or select namespaces by name",
            related=(volume.position,),
        )
    for path, volumes in groups.items():
        yield _not_known(where.at(*path), volumes, who)


def _not_known(origin: Origin, volumes: list[Volume], who: str) -> Finding:
    if origin.path[-1] == "workloads":
        what = f"what mounts {volume_list(volumes)} is not known"
        why = f"the {who} selects volumes by their workload, but the inventory has none that "
        why += "mounts it, or not its labels"
        fix = "add the workload's manifest to the inventory"
    else:
        what = f"the size or the storage class of {volume_list(volumes)} is not known"
        why = f"the {who} selects volumes by it; a claim without storageClassName gets the "
        why += "cluster's default class, which the inventory does not have"
        fix = "write it in the claim"
    return finding(
        Code.NOT_IN_INVENTORY,
        origin,
        what,
        why=f"{why}, so it is unclear what applies to it",
        fix=f"{fix}, select it in another way, or exclude it by name",
        related=[volume.position for volume in volumes[:_MOST_RELATED]],
    )


def selected_twice(
    policies: PolicySet, inventory: Inventory, owners: Mapping[VolumeKey, list[int]]
) -> Iterator[Finding]:
    """One finding for each pair of policies of the same priority, at the second one."""
    pairs: dict[tuple[int, int], list[Volume]] = {}
    for volume in inventory.volumes:
        first, *others = owners.get(volume.key, (0,))
        for other in others:
            pairs.setdefault((first, other), []).append(volume)
    for (first, other), volumes in pairs.items():
        earlier, later = policies.policies[first], policies.policies[other]
        yield finding(
            Code.SELECTED_TWICE,
            later.at("spec", "select"),
            f"{volume_list(volumes)} {'are' if len(volumes) > 1 else 'is'} also selected by policy "
            f"{quote(earlier.value.metadata.name)}",
            why="a volume has exactly one policy, so that one place defines how it is backed up; "
            f"both policies have priority {later.value.spec.priority}",
            fix="give one of them a higher priority, narrow one of the selectors, or exclude the "
            "volume in one of them",
            related=(earlier.at("spec", "select").position, volumes[0].position),
        )
