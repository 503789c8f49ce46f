"""The defaults of KubeStash's mutating webhooks, in memory: specs from Git are never modified."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from stashgen.api.backup_configuration import BackendReference, BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import Model
from stashgen.api.retention_policy import FailedSnapshots, RetentionPolicy
from stashgen.api.shared import (
    AllowedNamespaces,
    NamespaceScope,
    ObjectReference,
    UsagePolicy,
)
from stashgen.kubestash.validation.usage_policies import is_allowed, scope

_SAME = UsagePolicy(allowed_namespaces=AllowedNamespaces(from_=NamespaceScope.SAME))
_CanBeDefault = TypeVar("_CanBeDefault", BackupStorage, RetentionPolicy)
_SLASHED = frozenset({"bucket", "endpoint", "prefix"})


def with_storage_defaults(storage: BackupStorage) -> BackupStorage:
    """A BackupStorage with an explicit usage policy, and without one trailing slash per part."""
    spec = storage.spec.model_copy(update={"usage_policy": storage.spec.usage_policy or _SAME})
    if spec.storage is not None:
        blocks = {name: _trimmed(block) for name, block in spec.storage if isinstance(block, Model)}
        spec = spec.model_copy(update={"storage": spec.storage.model_copy(update=blocks)})
    return storage.model_copy(update={"spec": spec})


def with_retention_defaults(policy: RetentionPolicy) -> RetentionPolicy:
    """A RetentionPolicy with an explicit usage policy, and one failed snapshot to keep."""
    failed = policy.spec.failed_snapshots or FailedSnapshots()
    update = {
        "usage_policy": policy.spec.usage_policy or _SAME,
        "failed_snapshots": failed if failed.last is not None else FailedSnapshots(last=1),
    }
    return policy.model_copy(update={"spec": policy.spec.model_copy(update=update)})


def with_configuration_defaults(
    configuration: BackupConfiguration,
    storages: Iterable[BackupStorage],
    policies: Iterable[RetentionPolicy],
    labels: Mapping[str, str],
) -> BackupConfiguration:
    """A BackupConfiguration whose missing backends and retention policies are the defaults.

    Without any default the gaps stay, and validation names them.

    Args:
        configuration: As written.
        storages: All of the cluster that can be seen.
        policies: All of the cluster that can be seen.
        labels: Of the configuration's namespace.
    """
    namespace = configuration.metadata.namespace or ""
    backends = configuration.spec.backends
    if not backends:
        storage = default_of(storages, namespace, labels)
        backends = (BackendReference(storage_ref=_reference(storage)),) if storage else ()
    if any(backend.retention_policy is None for backend in backends):
        policy = default_of(policies, namespace, labels)
        reference = _reference(policy) if policy is not None else None
        backends = tuple(
            backend
            if backend.retention_policy is not None
            else backend.model_copy(update={"retention_policy": reference})
            for backend in backends
        )
    spec = configuration.spec.model_copy(update={"backends": backends})
    return configuration.model_copy(update={"spec": spec})


def default_of(
    candidates: Iterable[_CanBeDefault], namespace: str, labels: Mapping[str, str]
) -> _CanBeDefault | None:
    """The default for a namespace, in KubeStash's order.

    First one of the namespace that is for it alone, then any that selects the namespace, then
    any that is for all; among several of a kind the first by namespace and name.
    """
    usable = [
        item
        for item in sorted(candidates, key=lambda item: item.key)
        if item.spec.default and is_allowed(item.spec.usage_policy, item.key[0], namespace, labels)
    ]
    order = (NamespaceScope.SAME, NamespaceScope.SELECTOR, NamespaceScope.ALL)
    return min(usable, key=lambda item: order.index(scope(item.spec.usage_policy)), default=None)


def _reference(item: BackupStorage | RetentionPolicy) -> ObjectReference:
    return ObjectReference(name=item.metadata.name, namespace=item.metadata.namespace)


def _trimmed(block: Model) -> Model:
    texts = {name: text for name, text in block if name in _SLASHED and isinstance(text, str)}
    return block.model_copy(
        update={name: text.removesuffix("/") for name, text in texts.items() if text}
    )
