"""What KubeStash's webhooks refuse of BackupStorages and RetentionPolicies, as messages."""

from collections.abc import Iterable, Iterator

from stashgen.api.backup_storage import Backend, BackupStorage, S3Backend
from stashgen.api.retention_policy import RetentionPolicy, SuccessfulSnapshots
from stashgen.api.shared import NamespaceScope, UsagePolicy
from stashgen.kubestash.backends import s3
from stashgen.kubestash.layout import UnsafePathError
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.validation.usage_policies import scope, selector_of

# As in restic's ``forget --keep-daily -1``.
_ALL = -1
_PROVIDERS = ("local", "s3", "gcs", "azure")


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
    place = _place(storage.spec.storage)
    found += [
        f"spec.storage: is the same place as that of BackupStorage {'/'.join(other.key)}"
        for other in others
        if place is not None and place == _place(other.spec.storage)
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
            found.append("spec: maxRetentionPeriod or successfulSnapshots is needed")
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
    """KubeStash's webhook crashes without the provider's block; ours says so."""
    provider = backend.provider if backend is not None else None
    if backend is None or not provider:
        yield "spec.storage.provider: is needed"
    elif provider not in _PROVIDERS:
        yield f"spec.storage.provider: {provider!r} is not one of {', '.join(_PROVIDERS)}"
    elif getattr(backend, provider) is None:
        yield f"spec.storage.{provider}: is needed with provider {provider!r}"
    elif backend.local is not None and provider == "local" and not backend.local.volume_source:
        yield "spec.storage.local: a volume source is needed, for example persistentVolumeClaim"
    elif backend.s3 is not None and provider == "s3":
        yield from _bucket(backend.s3)


def _bucket(backend: S3Backend) -> Iterator[str]:
    if not backend.bucket:
        yield "spec.storage.s3.bucket: is needed"
    try:
        s3.url(backend)
    except UnsafePathError as error:
        yield f"spec.storage.s3.prefix: {error}"


def _selector(policy: UsagePolicy | None) -> Iterator[str]:
    if scope(policy) is NamespaceScope.SELECTOR and selector_of(policy) is None:
        yield "spec.usagePolicy.allowedNamespaces.selector: is needed with from 'Selector'"


def _second_default(
    item: BackupStorage | RetentionPolicy, others: Iterable[BackupStorage | RetentionPolicy]
) -> list[str]:
    return [
        f"spec.default: {other.kind} {other.metadata.name} is the namespace's default already"
        for other in others
        if other.spec.default and other.metadata.namespace == item.metadata.namespace
    ]


def _place(backend: Backend | None) -> tuple[str | None, ...] | None:
    """What no two storages may share; None where KubeStash does not compare.

    As KubeStash's, blind to nested prefixes, but for S3: there the server counts and not the
    region, for two servers may each have a bucket of that name. Slashes around a prefix do not
    count.
    """
    provider = backend.provider if backend is not None else None
    if backend is not None and provider == "s3" and backend.s3 is not None:
        bucket = backend.s3
        return ("s3", s3.endpoint(bucket), bucket.bucket, (bucket.prefix or "").strip("/"))
    if backend is not None and provider == "gcs" and backend.gcs is not None:
        return ("gcs", backend.gcs.bucket, (backend.gcs.prefix or "").strip("/"))
    if backend is not None and provider == "azure" and backend.azure is not None:
        azure = backend.azure
        prefix = (azure.prefix or "").strip("/")
        return ("azure", azure.storage_account, azure.container, prefix)
    return None
