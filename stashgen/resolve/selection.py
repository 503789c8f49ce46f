"""Which policy protects which volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model import Authored, Inventory, PolicySet, Volume, VolumeKey
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.shared import Selector
from stashgen.resolve.findings import Code, finding, volume_list

_ALL = Selector()


@dataclass(frozen=True, slots=True)
class Selection:
    """Every volume that has no finding, sorted by key: with its policy, or unprotected."""

    selected: tuple[tuple[Volume, Authored[BackupPolicy]], ...]
    unprotected: tuple[Volume, ...]
    findings: tuple[Finding, ...]


def select(policies: PolicySet, inventory: Inventory) -> Selection:
    """Match policies and volumes.

    Left out are volumes that two policies select, and those of a namespace whose labels a policy
    asks for and the inventory does not know.
    """
    findings: list[Finding] = []
    owners: dict[VolumeKey, list[int]] = {}
    for index, policy in enumerate(policies.policies):
        namespaces = _Namespaces(policy.value.spec.select.namespaces or _ALL, inventory)
        chosen = [
            volume
            for volume in inventory.volumes
            if namespaces.allow(volume) and _is_selected(policy.value, volume)
        ]
        for volume in chosen:
            owners.setdefault(volume.key, []).append(index)
        findings += _no_labels(policy, namespaces.unknown)
        if not chosen and not namespaces.unknown:
            findings.append(_selects_nothing(policy))
    findings += _selected_twice(policies, inventory, owners)
    return Selection(
        selected=tuple(
            (volume, policies.policies[owners[volume.key][0]])
            for volume in inventory.volumes
            if len(owners.get(volume.key, ())) == 1
        ),
        unprotected=tuple(volume for volume in inventory.volumes if volume.key not in owners),
        findings=tuple(findings),
    )


class _Namespaces:
    """A policy's selector of namespaces, with one answer for each namespace.

    Attributes:
        unknown: The first volume of each namespace whose labels are needed and not known.
    """

    def __init__(self, selector: Selector, inventory: Inventory) -> None:
        self.unknown: list[Volume] = []
        self._selector = selector
        self._labels = inventory.namespace_labels
        self._answers: dict[tuple[str, str], bool] = {}

    def allow(self, volume: Volume) -> bool:
        """Whether the policy is for the volume's namespace."""
        key = (volume.key.cluster_id, volume.key.namespace)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(key, volume)
        return answer

    def _decide(self, key: tuple[str, str], volume: Volume) -> bool:
        if not _has_name(self._selector, key[1]):
            return False
        if not self._selector.match_labels:
            return True
        labels = self._labels.get(key)
        if labels is None:
            self.unknown.append(volume)
            return False
        return _has_labels(self._selector, labels)


def _is_selected(policy: BackupPolicy, volume: Volume) -> bool:
    selector = policy.spec.select.volumes
    if selector is None:
        return True
    excluded = selector.exclude
    return _matches(selector, volume) and not (excluded is not None and _matches(excluded, volume))


def _matches(selector: Selector, volume: Volume) -> bool:
    return _has_name(selector, volume.key.name) and _has_labels(selector, volume.labels)


def _has_name(selector: Selector, name: str) -> bool:
    patterns = selector.names
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


def _has_labels(selector: Selector, labels: Mapping[str, str]) -> bool:
    wanted = selector.match_labels or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _selects_nothing(policy: Authored[BackupPolicy]) -> Finding:
    return finding(
        Code.SELECTS_NOTHING,
        policy.document,
        ("spec", "select"),
        f"policy {quote(policy.value.metadata.name)} selects no volume",
        why="no claim of the inventory has such a name, labels and namespace",
        fix="correct the selector, add the manifests to the inventory, or delete the policy",
        severity=Severity.WARNING,
    )


def _no_labels(policy: Authored[BackupPolicy], unknown: list[Volume]) -> Iterator[Finding]:
    for volume in unknown:
        namespace = volume.key.namespace
        yield finding(
            Code.NO_NAMESPACE_LABELS,
            policy.document,
            ("spec", "select", "namespaces", "matchLabels"),
            f"the labels of namespace {quote(namespace)} are not known",
            why="the policy selects by them, and the inventory has no manifest of the Namespace; "
            "nobody can say whether its volumes are protected",
            fix="add the Namespace's manifest to the inventory, or select by names",
            related=(volume.position,),
        )


def _selected_twice(
    policies: PolicySet, inventory: Inventory, owners: Mapping[VolumeKey, list[int]]
) -> Iterator[Finding]:
    """One finding for each two policies, at the second."""
    pairs: dict[tuple[int, int], list[Volume]] = {}
    for volume in inventory.volumes:
        first, *others = owners.get(volume.key, (0,))
        for other in others:
            pairs.setdefault((first, other), []).append(volume)
    for (first, other), volumes in pairs.items():
        earlier, later = policies.policies[first], policies.policies[other]
        yield finding(
            Code.SELECTED_TWICE,
            later.document,
            ("spec", "select"),
            f"{volume_list(volumes)} are selected by policy {quote(earlier.value.metadata.name)} "
            "too"
            if len(volumes) > 1
            else f"{volume_list(volumes)} is selected by policy "
            f"{quote(earlier.value.metadata.name)} too",
            why="a volume has one policy, so that one place says how it is backed up",
            fix="narrow one of the selectors, or name the volume in exclude",
            related=(earlier.document.position("spec", "select"), volumes[0].position),
        )
