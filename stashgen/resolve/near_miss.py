"""Why no policy selects a volume: the policy that comes closest, and where it fails to match."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stashgen.diagnostics import Position, quote
from stashgen.model.inventory import Inventory, Volume
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.shared import Selector
from stashgen.resolve.selection import has_labels, has_name, selects

_NAMESPACES: Path = ("spec", "select", "namespaces")
_VOLUMES: Path = ("spec", "select", "volumes")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """One selector that does not match."""

    text: str
    position: Position


def near_miss(policies: PolicySet, inventory: Inventory, volume: Volume) -> NearMiss | None:
    """The first mismatch of the policy with the fewest; None if there is no policy."""
    misses = [list(_misses(policy, inventory, volume)) for policy in policies.policies]
    # A policy that misses nothing does not exist: it would select the volume.
    return min(filter(None, misses), key=len, default=[None])[0]


def _misses(
    policy: Authored[BackupPolicy], inventory: Inventory, volume: Volume
) -> Iterator[NearMiss]:
    select = policy.value.spec.select
    namespace = volume.key.namespace
    where = select.namespaces or Selector()
    if not has_name(where, namespace):
        text = f"selects namespaces {_names(where)}, not {quote(namespace)}"
        yield _miss(policy, (*_NAMESPACES, "names"), text)
    labels = inventory.namespace_labels.get((volume.key.cluster_id, namespace))
    if where.match_labels and labels is None:
        text = f"selects namespaces by label, but the labels of {quote(namespace)} are unknown"
        yield _miss(policy, (*_NAMESPACES, "matchLabels"), text)
    elif not has_labels(where, labels or {}):
        text = f"requires {_labels(where, labels or {}, f'namespace {quote(namespace)}')}"
        yield _miss(policy, (*_NAMESPACES, "matchLabels"), text)
    which = select.volumes
    if which is None:
        return
    if not has_name(which, volume.key.name):
        text = f"selects volumes {_names(which)}, not {quote(volume.key.name)}"
        yield _miss(policy, (*_VOLUMES, "names"), text)
    if not has_labels(which, volume.labels):
        text = f"requires {_labels(which, volume.labels, 'the claim')}"
        yield _miss(policy, (*_VOLUMES, "matchLabels"), text)
    if which.exclude is not None and selects(which.exclude, volume):
        yield _miss(policy, (*_VOLUMES, "exclude"), "excludes it")


def _miss(policy: Authored[BackupPolicy], path: Path, text: str) -> NearMiss:
    return NearMiss(f"policy {quote(policy.value.metadata.name)} {text}", policy.at(*path).position)


def _names(selector: Selector) -> str:
    return ", ".join(quote(name) for name in selector.names or ())


def _labels(selector: Selector, labels: Mapping[str, str], owner: str) -> str:
    """The first label that differs: the required and the actual value."""
    for key, value in (selector.match_labels or {}).items():
        if labels.get(key) != value:
            has = f"has {quote(labels[key])}" if key in labels else "has no such label"
            return f"label {quote(f'{key}: {value}')}, but {owner} {has}"
    raise ValueError("every label matches")
