"""Why no policy selects a volume: the policy that comes closest, and where it fails to match."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stashgen.diagnostics import Position, quote
from stashgen.model.inventory import Inventory, Volume
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.shared import Selector
from stashgen.resolve.selection import has_labels, has_name, selects, volume_selector

_NAMESPACES: Path = ("spec", "select", "namespaces")
# Of thousands of policies, those that do not even select the namespace need not all be looked at.
_MOST_COMPARED = 200
_VOLUMES: Path = ("spec", "select", "volumes")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """One selector that does not match.

    Attributes:
        text: Why, for this volume.
        general: The same without the volume's name: equal for all volumes that it misses so.
        position: The selector.
    """

    text: str
    general: str
    position: Position


@dataclass(frozen=True, slots=True)
class _Miss:
    """A mismatch whose text is only made if it is the one to tell: there may be millions."""

    policy: Authored[BackupPolicy]
    path: Path
    text: Callable[[], str]
    volume: str = ""

    def told(self) -> NearMiss:
        """It in words."""
        text = f"policy {quote(self.policy.value.metadata.name)} {self.text()}"
        whole = f"{text}, not {quote(self.volume)}" if self.volume else text
        return NearMiss(whole, text, self.policy.at(*self.path).position)


_Candidate = tuple[Authored[BackupPolicy], list[_Miss]]


class NearMisses:
    """Why no policy selects a volume; what is the same for a namespace is found out once."""

    def __init__(self, policies: PolicySet, inventory: Inventory) -> None:
        self._policies = policies
        self._labels = inventory.namespace_labels
        self._by_namespace: dict[tuple[str, str], list[_Candidate]] = {}

    def of(self, volume: Volume) -> NearMiss | None:
        """The first mismatch of the policy with the fewest; None if there is no policy.

        Of several, one that selects the namespace comes first.
        """
        best: _Miss | None = None
        fewest = 0
        for policy, elsewhere in self._candidates(volume):
            if best is not None and (fewest == 1 or len(elsewhere) >= fewest):
                break
            misses = [*elsewhere, *_volume_misses(policy, volume)]
            # A policy that misses nothing does not exist: it would select the volume.
            if misses and (best is None or len(misses) < fewest):
                best, fewest = misses[0], len(misses)
        return None if best is None else best.told()

    def _candidates(self, volume: Volume) -> list[_Candidate]:
        """Policies with their mismatches of the volume's namespace, the fewest first."""
        key = (volume.key.cluster_id, volume.key.namespace)
        if key not in self._by_namespace:
            labels = self._labels.get(key)
            found = [
                (policy, list(_namespace_misses(policy, key[1], labels)))
                for policy in self._policies.policies
                if policy.value.spec.select is not None
            ]
            found.sort(key=lambda one: len(one[1]))
            self._by_namespace[key] = found[:_MOST_COMPARED]
        return self._by_namespace[key]


def _namespace_misses(
    policy: Authored[BackupPolicy], namespace: str, labels: Mapping[str, str] | None
) -> Iterator[_Miss]:
    select = policy.value.spec.select
    where = (select and select.namespaces) or Selector()
    if not has_name(where, namespace):
        path = (*_NAMESPACES, "names")
        yield _Miss(policy, path, lambda: f"selects namespaces {_names(where)}", namespace)
    if where.match_labels and labels is None:
        path = (*_NAMESPACES, "matchLabels")
        text = "selects namespaces by label, but the labels of {} are unknown"
        yield _Miss(policy, path, lambda: text.format(quote(namespace)))
    elif not has_labels(where, labels or {}):
        path, owner = (*_NAMESPACES, "matchLabels"), f"namespace {quote(namespace)}"
        yield _Miss(policy, path, lambda: f"requires {_labels(where, labels or {}, owner)}")


def _volume_misses(policy: Authored[BackupPolicy], volume: Volume) -> Iterator[_Miss]:
    which = volume_selector(policy.value)
    if which is None:
        return
    if not has_name(which, volume.key.name):
        path = (*_VOLUMES, "names")
        yield _Miss(policy, path, lambda: f"selects volumes {_names(which)}", volume.key.name)
    if not has_labels(which, volume.labels):
        path = (*_VOLUMES, "matchLabels")
        yield _Miss(policy, path, lambda: f"requires {_labels(which, volume.labels, 'the claim')}")
    if which.exclude is not None and selects(which.exclude, volume):
        yield _Miss(policy, (*_VOLUMES, "exclude"), lambda: "excludes it")


def _names(selector: Selector) -> str:
    return ", ".join(quote(name) for name in selector.names or ())


def _labels(selector: Selector, labels: Mapping[str, str], owner: str) -> str:
    """The first label that differs: the required and the actual value."""
    for key, value in (selector.match_labels or {}).items():
        if labels.get(key) != value:
            has = f"has {quote(labels[key])}" if key in labels else "has no such label"
            return f"label {quote(f'{key}: {value}')}, but {owner} {has}"
    raise ValueError("every label matches")
