"""The defaults of KubeStash's mutating webhooks, in memory: specs from Git are never modified."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

    Without any default the gaps stay, and validation names them. What its status says that it took
    stays its default as long as it can be: another one that is made later, by whomever, does not
    change what becomes of the backups.

    Args:
        configuration: As written.
        storages: All of the cluster that can be seen.
        policies: All of the cluster that can be seen.
        labels: Of the configuration's namespace.
    """
    namespace = configuration.metadata.namespace or ""
    backends = configuration.spec.backends
    if not backends:
        storage = default_of(storages, namespace, labels, _known(configuration).storage)
        backends = (BackendReference(storage_ref=_reference(storage)),) if storage else ()
    if any(backend.retention_policy is None for backend in backends):
        policy = default_of(policies, namespace, labels, _known(configuration).policy)
        reference = _reference(policy) if policy is not None else None
        backends = tuple(
            backend
            if backend.retention_policy is not None
            else backend.model_copy(update={"retention_policy": reference})
            for backend in backends
        )
    spec = configuration.spec.model_copy(update={"backends": backends})
    return configuration.model_copy(update={"spec": spec})


def default_problems(
    configuration: BackupConfiguration,
    storages: Iterable[BackupStorage],
    policies: Iterable[RetentionPolicy],
    labels: Mapping[str, str],
) -> tuple[str, ...]:
    """Where a configuration takes a default from a namespace that has two (KubeStash refuses it).

    Args:
        configuration: As written; the others as for ``with_configuration_defaults``.
        storages: All of the cluster that can be seen.
        policies: All of the cluster that can be seen.
        labels: Of the configuration's namespace.
    """
    namespace = configuration.metadata.namespace or ""
    known, backends = _known(configuration), configuration.spec.backends
    storages, policies = list(storages), list(policies)
    found: list[str] = []
    if not backends:
        storage = default_of(storages, namespace, labels, known.storage)
        found += _rivals("spec.backends", storage, storages)
    if not all(backend.retention_policy is not None for backend in backends) or not backends:
        policy = default_of(policies, namespace, labels, known.policy)
        found += _rivals("spec.backends[].retentionPolicy", policy, policies)
    return tuple(found)


def _rivals(
    path: str, chosen: _CanBeDefault | None, candidates: Iterable[_CanBeDefault]
) -> Iterator[str]:
    names = [
        item.metadata.name
        for item in sorted(candidates, key=lambda item: item.key)
        if chosen is not None and item.spec.default and item.key[0] == chosen.key[0]
    ]
    if chosen is not None and len(names) > 1:
        yield (
            f"{path}: is left out, and namespace {chosen.key[0]!r} has more than one default "
            f"{chosen.kind}: {', '.join(names)}"
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """The references that a status shows."""

    storage: ObjectReference | None = None
    policy: ObjectReference | None = None


def _known(configuration: BackupConfiguration) -> _Known:
    """What was taken the last time; all backends that name no policy take the same."""
    status = configuration.status
    shown = (status.backends if status is not None else None) or ()
    spec = configuration.spec
    storage = shown[0].storage if shown and not spec.backends else None
    names = {item.name for item in spec.backends if item.retention_policy is None}
    policies = [
        item.retention_policy.ref
        for item in shown
        if item.retention_policy is not None and (item.name in names or not spec.backends)
    ]
    return _Known(
        storage.ref if storage is not None else None,
        next((ref for ref in policies if ref is not None), None),
    )


def default_of(
    candidates: Iterable[_CanBeDefault],
    namespace: str,
    labels: Mapping[str, str],
    known: ObjectReference | None = None,
) -> _CanBeDefault | None:
    """The default for a namespace: the one that is known already, else in KubeStash's order.

    First one of the namespace that is for it alone, then any that selects the namespace, then
    any that is for all; among several of a kind the first by namespace and name.
    """
    usable = [
        item
        for item in sorted(candidates, key=lambda item: item.key)
        if item.spec.default and is_allowed(item.spec.usage_policy, item.key[0], namespace, labels)
    ]
    if known is not None:
        taken = (known.namespace or namespace, known.name)
        usable = [item for item in usable if item.key == taken] or usable
    order = (NamespaceScope.SAME, NamespaceScope.SELECTOR, NamespaceScope.ALL)
    return min(usable, key=lambda item: order.index(scope(item.spec.usage_policy)), default=None)


def _reference(item: BackupStorage | RetentionPolicy) -> ObjectReference:
    return ObjectReference(name=item.metadata.name, namespace=item.metadata.namespace)


def _trimmed(block: Model) -> Model:
    texts = {name: text for name, text in block if name in _SLASHED and isinstance(text, str)}
    return block.model_copy(
        update={name: text.removesuffix("/") for name, text in texts.items() if text}
    )
