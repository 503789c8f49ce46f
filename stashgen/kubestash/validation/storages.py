"""What KubeStash's webhooks refuse of BackupStorages and RetentionPolicies, as messages."""

from collections.abc import Iterable, Iterator

from stashgen.api.backup_storage import PROVIDERS, Backend, BackupStorage
from stashgen.api.base import Model
from stashgen.api.retention_policy import RetentionPolicy, SuccessfulSnapshots
from stashgen.api.shared import NamespaceScope, UsagePolicy
from stashgen.kubestash.backends import backend_of
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.validation.usage_policies import scope, selector_of

# As in restic's ``forget --keep-daily -1``.
_ALL = -1
# How to get to a bucket, and not which one it is.
_ACCESS = frozenset({"secretName", "maxConnections"})


def validate_backup_storage(
    storage: BackupStorage,
    others: Iterable[BackupStorage] = (),
    old: BackupStorage | None = None,
) -> tuple[str, ...]:
    """Why a BackupStorage is invalid; empty when it is not.

    Args:
        storage: The one to look at.
        others: The cluster's; itself among them does not matter.
        old: The same object before an update.
    """
    others = [other for other in others if other.key != storage.key]
    found = [*_block(storage.spec.storage), *_selector(storage.spec.usage_policy)]
    if storage.spec.default:
        found += _second_default(storage, others)
    place = storage_place(storage.spec.storage)
    found += [
        f"spec.storage: is the same place as that of BackupStorage {'/'.join(other.key)}"
        for other in others
        if place is not None and place == storage_place(other.spec.storage)
    ]
    holds = old is not None and old.status is not None and bool(old.status.repositories)
    if old is not None and holds and old.spec.storage != storage.spec.storage:
        found.append("spec.storage: cannot change while there are repositories in it")
    return tuple(found)


def validate_retention_policy(
    policy: RetentionPolicy, others: Iterable[RetentionPolicy] = ()
) -> tuple[str, ...]:
    """Why a RetentionPolicy is invalid; empty when it is not.

    Args:
        policy: The one to look at.
        others: The cluster's; itself among them does not matter.
    """
    spec = policy.spec
    found = list(_selector(spec.usage_policy))
    try:
        if retention_period(spec) is None and spec.successful_snapshots is None:
            found.append("spec: maxRetentionPeriod or successfulSnapshots is required")
    except ValueError as error:
        found.append(f"spec.maxRetentionPeriod: {error}")
    counts = (spec.successful_snapshots or SuccessfulSnapshots()).to_wire()
    found += [
        f"spec.successfulSnapshots.{field}: {count} is neither a count nor -1 (all)"
        for field, count in counts.items()
        if isinstance(count, int) and count < _ALL
    ]
    failed = spec.failed_snapshots.last if spec.failed_snapshots is not None else None
    if failed is not None and failed < _ALL:
        found.append(f"spec.failedSnapshots.last: {failed} is neither a count nor -1 (all)")
    if spec.default:
        found += _second_default(policy, (item for item in others if item.key != policy.key))
    return tuple(found)


def _block(backend: Backend | None) -> Iterator[str]:
    """KubeStash's webhook crashes without the provider's block; ours reports it."""
    provider = backend.provider if backend is not None else None
    if backend is None or not provider:
        yield "spec.storage.provider: is required"
    elif provider not in PROVIDERS:
        yield f"spec.storage.provider: {provider!r} is not one of {', '.join(PROVIDERS)}"
    elif backend.block is None:
        yield f"spec.storage.{provider}: is required with provider {provider!r}"
    elif (known := backend_of(backend)) is not None:
        yield from known.problems()


def _selector(policy: UsagePolicy | None) -> Iterator[str]:
    if scope(policy) is NamespaceScope.SELECTOR and selector_of(policy) is None:
        yield "spec.usagePolicy.allowedNamespaces.selector: is required with from 'Selector'"


def _second_default(
    item: BackupStorage | RetentionPolicy, others: Iterable[BackupStorage | RetentionPolicy]
) -> list[str]:
    return [
        f"spec.default: {other.kind} {other.metadata.name} is the namespace's default already"
        for other in others
        if other.spec.default and other.metadata.namespace == item.metadata.namespace
    ]


def storage_place(backend: Backend | None) -> tuple[str, str] | None:
    """What no two storages may share; None where KubeStash does not compare: volumes.

    As KubeStash's, blind to nested prefixes. A block that is refused itself is no place.
    """
    if backend is None or backend.block is None or any(_block(backend)):
        return None
    known = backend_of(backend)
    if known is None:
        return backend.provider or "", _place_of_others(backend.block)
    return (backend.provider or "", known.place()) if known.bucket is not None else None


def _place_of_others(block: Model) -> str:
    """The place of a bucket whose provider is not supported yet; slashes around do not count."""
    named = {key: value for key, value in block.to_wire().items() if value and key not in _ACCESS}
    return str(sorted((key, str(text).strip("/")) for key, text in named.items()))
