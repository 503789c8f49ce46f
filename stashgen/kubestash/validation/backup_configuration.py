"""What KubeStash's webhooks refuse, as messages (its validating webhooks, v1alpha1).

Namespaces that a reference leaves out and slashes around a directory are normalised before
anything is compared; the webhooks compare them as written.
"""

from collections.abc import Iterable, Iterator, Mapping

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen.api.restore_session import DataSource, RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import ObjectReference, TypedObjectReference
from stashgen.kubestash.validation.sessions import (
    duration_problems,
    name_collisions,
    repeated,
    session_problems,
)
from stashgen.kubestash.validation.usage_policies import is_allowed


def validate_backup_configuration(
    configuration: BackupConfiguration,
    repositories: Iterable[Repository] = (),
    shared: Iterable[BackupStorage | RetentionPolicy] = (),
    labels: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Why a BackupConfiguration is invalid; empty when it is not.

    Args:
        configuration: With its defaults resolved.
        repositories: Existing Repositories of the cluster, for clashes with them.
        shared: Existing storages and retention policies, for their usage policies.
        labels: Of the configuration's namespace.
    """
    spec = configuration.spec
    found = list(_backends(configuration))
    if not spec.sessions:
        found.append("spec.sessions: at least one session is required")
    found += [
        f"spec.sessions: session name {name!r} is used more than once"
        for name in repeated(session.name or "" for session in spec.sessions)
    ]
    for session in spec.sessions:
        found += session_problems(configuration, session)
    found += _directories(configuration)
    found += name_collisions(configuration)
    for repository in repositories:
        found += _existing(configuration, repository)
    for item in shared:
        found += _usage(configuration, item, labels or {})
    return tuple(dict.fromkeys(found))


def validate_restore_session(restore: RestoreSession) -> tuple[str, ...]:
    """Why a RestoreSession is invalid; empty when it is not."""
    found = list(_source(restore.spec.data_source))
    found += duration_problems(restore.spec.restore_timeout, "spec.restoreTimeout")
    return tuple(found)


def _source(source: DataSource | None) -> Iterator[str]:
    if source is None:
        yield "spec.dataSource: is required"
    elif source.pitr is not None:
        if source.pitr.target_time is None or not source.repository:
            yield "spec.dataSource.pitr: targetTime and repository are required"
    elif not source.snapshot:
        yield "spec.dataSource.snapshot: is required"
    elif source.snapshot == "latest" and not source.repository:
        yield "spec.dataSource.repository: is required with snapshot 'latest'"


def _backends(configuration: BackupConfiguration) -> Iterator[str]:
    backends = configuration.spec.backends
    if not backends:
        yield "spec.backends: at least one backend is required"
    for name in repeated(backend.name or "" for backend in backends):
        yield f"spec.backends: backend name {name!r} is used more than once"
    for backend in backends:
        if backend.storage_ref is None:
            yield f"spec.backends: backend {backend.name!r} needs a storageRef"
        if backend.retention_policy is None:
            yield f"spec.backends: backend {backend.name!r} needs a retentionPolicy"


def _directories(configuration: BackupConfiguration) -> Iterator[str]:
    """Two repositories in one place of a storage.

    KubeStash compares directories alone, so it refuses copies in two storages that have the same
    one; we compare the storage too (a documented deviation).
    """
    namespace = configuration.metadata.namespace or ""
    owners: dict[tuple[object, str], tuple[str, str]] = {}
    storages: dict[str, object] = {}
    for session in configuration.spec.sessions:
        for repository in session.repositories or ():
            directory = (repository.directory or "").strip("/")
            backend = configuration.backend(repository.backend)
            storage = _key(backend.storage_ref, namespace) if backend is not None else None
            mine = (repository.name or "", repository.backend or "")
            if directory and owners.setdefault((storage, directory), mine) != mine:
                yield (
                    f"directory {directory!r} is used by repositories "
                    f"{owners[storage, directory][0]!r} and {mine[0]!r}"
                )
            if storages.setdefault(mine[0], storage) != storage:
                yield f"repository {mine[0]!r} is in two storages"


def _existing(configuration: BackupConfiguration, repository: Repository) -> Iterator[str]:
    """Clashes of the configuration with one Repository that exists."""
    namespace = configuration.metadata.namespace or ""
    target = configuration.spec.target
    for session in configuration.spec.sessions:
        for wanted in session.repositories or ():
            backend = configuration.backend(wanted.backend)
            reference = backend.storage_ref if backend is not None else None
            if reference is None:
                continue
            storage = (reference.namespace or namespace, reference.name)
            if repository.key == (namespace, wanted.name):
                app = repository.spec.app_ref
                if app is not None and _typed(target, namespace) != _typed(app, namespace):
                    yield f"Repository {wanted.name!r} belongs to {app.kind} {app.name!r}"
                if storage != repository.storage_key:
                    yield f"Repository {wanted.name!r} is in another storage"
            elif storage == repository.storage_key and (wanted.directory or "").strip("/") == (
                repository.spec.path or ""
            ).strip("/"):
                yield (
                    f"directory {wanted.directory!r} belongs to Repository "
                    f"{repository.metadata.namespace}/{repository.metadata.name}"
                )


def _usage(
    configuration: BackupConfiguration,
    item: BackupStorage | RetentionPolicy,
    labels: Mapping[str, str],
) -> Iterator[str]:
    """Whether the configuration refers to a storage or policy that is not for its namespace."""
    namespace = configuration.metadata.namespace or ""
    is_storage = isinstance(item, BackupStorage)
    references = [
        backend.storage_ref if is_storage else backend.retention_policy
        for backend in configuration.spec.backends
    ]
    is_used = any(_key(reference, namespace) == item.key for reference in references)
    if is_used and not is_allowed(item.spec.usage_policy, item.key[0], namespace, labels):
        yield f"{item.kind} {'/'.join(item.key)} may not be used from namespace {namespace!r}"


def _key(reference: ObjectReference | None, namespace: str) -> tuple[str, str] | None:
    return (reference.namespace or namespace, reference.name) if reference is not None else None


def _typed(
    reference: TypedObjectReference | None, namespace: str
) -> tuple[str, str, str, str] | None:
    if reference is None:
        return None
    return (
        reference.api_group or "",
        reference.kind or "",
        reference.namespace or namespace,
        reference.name,
    )
