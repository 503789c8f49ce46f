"""Why no policy selects a volume: the policy that comes closest, and where it fails to match."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from stashgen.diagnostics import Position, quote
from stashgen.model.inventory import Inventory, Volume
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.selectors import Select, Selector, VolumeSelector
from stashgen.resolve.matching import (
    Answer,
    Facts,
    has_access_mode,
    has_class,
    has_labels,
    has_name,
    has_size,
    has_volume_name,
    needs_labels,
    of_workloads,
)

_SELECT: Path = ("spec", "select")
# Of thousands of policies, those that do not even select the namespace need not all be looked at.
_MOST_COMPARED = 200


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

    def near_miss(self) -> NearMiss:
        """With its text."""
        text = f"policy {quote(self.policy.value.metadata.name)} {self.text()}"
        whole = f"{text}, not {quote(self.volume)}" if self.volume else text
        return NearMiss(whole, text, self.policy.at(*_SELECT, *self.path).position)


_Candidate = tuple[Authored[BackupPolicy], list[_Miss]]


class NearMisses:
    """Why no policy selects a volume; what is the same for a namespace is found out once."""

    def __init__(self, policies: PolicySet, inventory: Inventory) -> None:
        self._policies = [one for one in policies.policies if one.value.spec.select is not None]
        self._facts = Facts.of(policies.project.value, inventory)
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
            misses = [*elsewhere, *_volume_misses(policy, self._facts, volume)]
            # A policy that misses nothing does not exist: it would select the volume.
            if misses and (best is None or len(misses) < fewest):
                best, fewest = misses[0], len(misses)
        return None if best is None else best.near_miss()

    def _candidates(self, volume: Volume) -> list[_Candidate]:
        """Policies with their mismatches of the volume's namespace, the fewest first."""
        key = (volume.key.cluster_id, volume.key.namespace)
        if key not in self._by_namespace:
            found = [
                (policy, list(_namespace_misses(policy, self._facts, key)))
                for policy in self._policies
            ]
            found.sort(key=lambda one: len(one[1]))
            self._by_namespace[key] = found[:_MOST_COMPARED]
        return self._by_namespace[key]


def _namespace_misses(
    policy: Authored[BackupPolicy], facts: Facts, key: tuple[str, str]
) -> Iterator[_Miss]:
    select = policy.value.spec.select or Select()
    if select.clusters is not None and facts.of_cluster(select.clusters, key[0]) is Answer.NO:
        yield _Miss(policy, ("clusters",), lambda: "selects other clusters")
    where, labels = select.namespaces or Selector(), facts.namespace_labels.get(key)
    if not has_name(where, key[1]):
        path = ("namespaces", "names")
        yield _Miss(policy, path, lambda: f"selects namespaces {_names(where)}", key[1])
    if needs_labels(where) and labels is None:
        text = "selects namespaces by label, but the labels of {} are unknown"
        path = ("namespaces", "matchLabels")
        yield _Miss(policy, path, lambda: text.format(quote(key[1])))
    elif not has_labels(where, labels or {}):
        owner = f"namespace {quote(key[1])}"
        yield _label_miss(policy, "namespaces", where, labels or {}, owner)


def _volume_misses(policy: Authored[BackupPolicy], facts: Facts, volume: Volume) -> Iterator[_Miss]:
    select = policy.value.spec.select or Select()
    if select.volumes is not None:
        yield from _claim_misses(policy, select.volumes, volume)
    if of_workloads(select.workloads, volume) is not Answer.YES:
        yield _Miss(policy, ("workloads",), lambda: _mounting(volume))
    for path, match in select.exclusions:
        answer = facts.excludes(match, volume)
        if answer is not Answer.NO:
            text = "excludes it" if answer is Answer.YES else "may exclude it"
            yield _Miss(policy, path, partial(str, text))


def _claim_misses(
    policy: Authored[BackupPolicy], which: VolumeSelector, volume: Volume
) -> Iterator[_Miss]:
    if not has_volume_name(which, volume):
        path = ("volumes", "names")
        yield _Miss(policy, path, lambda: f"selects volumes {_names(which)}", volume.key.name)
    if not has_labels(which, volume.labels):
        yield _label_miss(policy, "volumes", which, volume.labels, "the claim")
    if has_class(which, volume) is not Answer.YES:
        wanted, found = _list(which.storage_classes), volume.storage_class
        named = f"names {quote(found)}" if found is not None else "names none that is known"
        text = f"selects storage classes {wanted}, but the claim {named}"
        yield _Miss(policy, ("volumes", "storageClasses"), lambda: text)
    if not has_access_mode(which, volume):
        modes = f"selects access modes {_list(which.access_modes)}, but the claim has "
        modes += _list(volume.access_modes) or "none"
        yield _Miss(policy, ("volumes", "accessModes"), lambda: modes)
    if has_size(which.size, volume) is not Answer.YES:
        yield _Miss(policy, ("volumes", "size"), lambda: "selects volumes of another size")


def _mounting(volume: Volume) -> str:
    found = ", ".join(f"{one.kind} {quote(one.name)}" for one in volume.workloads)
    return f"selects volumes by their workload, and {found or 'nothing that is known'} mounts it"


def _names(selector: Selector) -> str:
    return _list(selector.names)


def _list(names: tuple[str, ...] | None) -> str:
    return ", ".join(quote(name) for name in names or ())


def _label_miss(
    policy: Authored[BackupPolicy],
    field: str,
    selector: Selector,
    labels: Mapping[str, str],
    owner: str,
) -> _Miss:
    """The first label that differs: the required and the actual value."""
    wanted = selector.match_labels or {}
    pair = next((pair for pair in wanted.items() if labels.get(pair[0]) != pair[1]), None)
    if pair is not None:
        key, value = pair
        text = f"requires label {quote(f'{key}: {value}')}, but {owner} {_has(labels, key)}"
        return _Miss(policy, (field, "matchLabels"), lambda: text)
    key = next(
        one.key
        for one in selector.match_expressions or ()
        if not has_labels(Selector(match_expressions=(one,)), labels)
    )
    text = f"has an expression about label {quote(key)}, but {owner} {_has(labels, key)}"
    return _Miss(policy, (field, "matchExpressions"), lambda: text)


def _has(labels: Mapping[str, str], key: str) -> str:
    return f"has {quote(labels[key])}" if key in labels else "has no such label"
