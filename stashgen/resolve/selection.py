"""Which policy protects which volume."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import Inventory, Volume, VolumeKey
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy, Select, VolumeSelector
from stashgen.policy.shared import Selector
from stashgen.resolve.findings import Code, finding, volume_list

_ALL = Selector()
_WILDCARDS = {*"*?["}


@dataclass(frozen=True, slots=True)
class Selection:
    """Every volume without a finding, sorted by key: with its policy, or without one.

    Attributes:
        excluded: Those of ``unselected`` that a policy would select if it did not exclude them.
    """

    selected: tuple[tuple[Volume, Authored[BackupPolicy]], ...]
    unselected: tuple[Volume, ...]
    excluded: frozenset[VolumeKey]
    findings: tuple[Finding, ...]


def select(policies: PolicySet, inventory: Inventory) -> Selection:
    """Match policies and volumes.

    Volumes that two policies select are left out, and so are those of a namespace whose labels a
    policy needs but the inventory does not have.
    """
    # A project may have only retired volumes left.
    is_meant = policies.policies or policies.project.value.spec.retired
    findings = [] if is_meant else [_no_policy(policies)]
    owners: dict[VolumeKey, list[int]] = {}
    excluded: set[VolumeKey] = set()
    for index, policy in enumerate(policies.policies):
        if policy.value.spec.select is None:
            continue
        namespaces = _Namespaces(policy.value.spec.select.namespaces or _ALL, inventory)
        meant = [
            volume
            for volume in inventory.volumes
            if namespaces.allow(volume) and _is_meant(policy.value, volume)
        ]
        chosen = [volume for volume in meant if not _is_excluded(policy.value, volume)]
        excluded |= {volume.key for volume in meant} - {volume.key for volume in chosen}
        for volume in chosen:
            owners.setdefault(volume.key, []).append(index)
        findings += _no_labels(policy, namespaces.unknown)
        if not chosen and not namespaces.unknown:
            findings.append(_unknown_name(policy, inventory) or _selects_nothing(policy))
    findings += _selected_twice(policies, inventory, owners)
    return Selection(
        selected=tuple(
            (volume, policies.policies[owners[volume.key][0]])
            for volume in inventory.volumes
            if len(owners.get(volume.key, ())) == 1
        ),
        unselected=tuple(volume for volume in inventory.volumes if volume.key not in owners),
        excluded=frozenset(excluded - owners.keys()),
        findings=tuple(findings),
    )


class _Namespaces:
    """A policy's namespace selector, evaluated once for each namespace.

    Attributes:
        unknown: The first volume of each namespace whose labels are needed but unknown.
    """

    def __init__(self, selector: Selector, inventory: Inventory) -> None:
        self.unknown: list[Volume] = []
        self._selector = selector
        self._labels = inventory.namespace_labels
        self._answers: dict[tuple[str, str], bool] = {}

    def allow(self, volume: Volume) -> bool:
        """Whether the policy applies to the volume's namespace."""
        key = (volume.key.cluster_id, volume.key.namespace)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(key, volume)
        return answer

    def _decide(self, key: tuple[str, str], volume: Volume) -> bool:
        if not has_name(self._selector, key[1]):
            return False
        if not self._selector.match_labels:
            return True
        labels = self._labels.get(key)
        if labels is None:
            self.unknown.append(volume)
            return False
        return has_labels(self._selector, labels)


def volume_selector(policy: BackupPolicy) -> VolumeSelector | None:
    """Which volumes of its namespaces a policy selects; None for all."""
    return policy.spec.select.volumes if policy.spec.select is not None else None


def _is_meant(policy: BackupPolicy, volume: Volume) -> bool:
    selector = volume_selector(policy)
    return selector is None or selects(selector, volume)


def _is_excluded(policy: BackupPolicy, volume: Volume) -> bool:
    selector = volume_selector(policy)
    excluded = selector.exclude if selector is not None else None
    return excluded is not None and selects(excluded, volume)


def selects(selector: Selector, volume: Volume) -> bool:
    """Whether a volume's name and labels match a selector."""
    return has_name(selector, volume.key.name) and has_labels(selector, volume.labels)


def has_name(selector: Selector, name: str) -> bool:
    """Whether a selector's patterns, if it has any, allow a name."""
    patterns = selector.names
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def has_labels(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether all labels that a selector requires are present."""
    wanted = selector.match_labels or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _selects_nothing(policy: Authored[BackupPolicy]) -> Finding:
    return finding(
        Code.SELECTS_NOTHING,
        policy.at("spec", "select"),
        f"policy {quote(policy.value.metadata.name)} selects no volumes",
        why="no claim in the inventory matches its names, labels and namespaces",
        fix="correct the selector, add the manifests to the inventory, or delete the policy",
        severity=Severity.WARNING,
    )


def _no_policy(policies: PolicySet) -> Finding:
    return finding(
        Code.NO_POLICY,
        policies.project.at("spec", "policies"),
        "the project has no BackupPolicy",
        why="nothing would be backed up; an empty folder is treated as a mistake",
        fix="add a policy, or restore the previous one",
    )


def _unknown_name(policy: Authored[BackupPolicy], inventory: Inventory) -> Finding | None:
    """A finding if a policy that selects nothing names something the inventory does not have.

    That is a typo or a gap in the inventory. A pattern or a label value that matches nothing today
    may be a tier that is not used yet.
    """
    select = policy.value.spec.select or Select()
    spaces = {key[1]: labels for key, labels in inventory.namespace_labels.items()}
    known = {
        "namespaces": spaces.keys() | {volume.key.namespace for volume in inventory.volumes},
        "volumes": {volume.key.name for volume in inventory.volumes},
    }
    labels = {
        "namespaces": {key for labels in spaces.values() for key in labels},
        "volumes": {key for volume in inventory.volumes for key in volume.labels},
    }
    for field, selector in (("namespaces", select.namespaces), ("volumes", select.volumes)):
        for index, name in enumerate((selector and selector.names) or ()):
            if not _WILDCARDS & {*name} and name not in known[field]:
                path: Path = ("spec", "select", field, "names", index)
                what = f"{field[:-1]} {quote(name)}"
                return _not_in_inventory(policy, path, name, what, known[field])
        for key in (selector and selector.match_labels) or ():
            if key not in labels[field]:
                path = ("spec", "select", field, "matchLabels", key)
                what = f"label {quote(key)} on any {field[:-1]}"
                return _not_in_inventory(policy, path, key, what, labels[field])
    return None


def _not_in_inventory(
    policy: Authored[BackupPolicy], path: Path, name: str, what: str, known: Iterable[str]
) -> Finding:
    near = get_close_matches(name, sorted(known), n=1)
    return finding(
        Code.UNKNOWN_NAME,
        policy.at(*path),
        f"policy {quote(policy.value.metadata.name)} selects no volumes: the inventory has no "
        f"{what}",
        why="either this is a typo or manifests are missing from the inventory; in both cases "
        "volumes that should be backed up are not",
        fix=f"did you mean {quote(near[0])}?"
        if near
        else "correct the selector, add the manifests to the inventory, or delete the policy",
    )


def _no_labels(policy: Authored[BackupPolicy], unknown: list[Volume]) -> Iterator[Finding]:
    for volume in unknown:
        namespace = volume.key.namespace
        yield finding(
            Code.NO_NAMESPACE_LABELS,
            policy.at("spec", "select", "namespaces", "matchLabels"),
            f"the labels of namespace {quote(namespace)} are unknown",
            why="the policy selects namespaces by label, but the inventory has no manifest of this "
            "Namespace, so it is unclear whether its volumes are protected",
            fix="add the Namespace's manifest to the inventory, or select namespaces by name",
            related=(volume.position,),
        )


def _selected_twice(
    policies: PolicySet, inventory: Inventory, owners: Mapping[VolumeKey, list[int]]
) -> Iterator[Finding]:
    """One finding for each pair of policies, at the second one."""
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
            why="a volume has exactly one policy, so that one place defines how it is backed up",
            fix="narrow one of the selectors, or exclude the volume in one of them",
            related=(earlier.at("spec", "select").position, volumes[0].position),
        )
