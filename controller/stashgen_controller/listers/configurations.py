"""BackupConfigurations as they are meant: with their defaults, and who writes to a repository."""

from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import ObjectReference
from stashgen.kubestash.defaults import default_problems, with_configuration_defaults
from stashgen_controller.listers.indexes.configurations import (
    CONFIGURATIONS_BY_POLICY,
    CONFIGURATIONS_BY_REPOSITORY,
    CONFIGURATIONS_BY_STORAGE,
    CONFIGURATIONS_WITH_DEFAULTS,
    DEFAULT_POLICIES,
)
from stashgen_controller.listers.indexes.storages import DEFAULT_STORAGES
from stashgen_controller.listers.objects import labels_of_namespace
from stashgen_controller.runtime.kind import Index, Reader


@dataclass(frozen=True, slots=True)
class Use:
    """A session that writes to a repository, and the retention that it asks for."""

    configuration: BackupConfiguration
    session: Session
    retention_ref: ObjectReference | None


def uses_of(reader: Reader, repository: Repository) -> list[Use]:
    """The sessions that write to a repository, sorted by configuration and place."""
    namespace, name = repository.key
    found = []
    written = reader.by(CONFIGURATIONS_BY_REPOSITORY, namespace, name)
    for item in sorted(written, key=lambda item: item.key):
        configuration = resolved_configuration(reader, item)
        for session in configuration.spec.sessions:
            for use in session.repositories or ():
                if use.name == name:
                    backend = configuration.backend(use.backend)
                    reference = backend.retention_policy if backend is not None else None
                    found.append(Use(configuration, session, reference))
    return found


def resolved_configuration(reader: Reader, written: BackupConfiguration) -> BackupConfiguration:
    """A BackupConfiguration with KubeStash's defaults for what it leaves out."""
    if _names_everything(written):
        return written
    return with_configuration_defaults(
        written,
        reader.by(DEFAULT_STORAGES),
        reader.by(DEFAULT_POLICIES),
        labels_of_namespace(reader, written.metadata.namespace or ""),
    )


def _names_everything(written: BackupConfiguration) -> bool:
    backends = written.spec.backends
    return bool(backends) and all(backend.retention_policy is not None for backend in backends)


def default_problems_of(reader: Reader, written: BackupConfiguration) -> tuple[str, ...]:
    """Why a BackupConfiguration's defaults are not defined; empty where it takes none."""
    if _names_everything(written):
        return ()
    return default_problems(
        written,
        reader.by(DEFAULT_STORAGES),
        reader.by(DEFAULT_POLICIES),
        labels_of_namespace(reader, written.metadata.namespace or ""),
    )


def users_of_storage(reader: Reader, namespace: str, name: str) -> list[BackupConfiguration]:
    """The configurations that refer to a BackupStorage, or take one by default."""
    return _users(reader, CONFIGURATIONS_BY_STORAGE, namespace, name)


def users_of_policy(reader: Reader, namespace: str, name: str) -> list[BackupConfiguration]:
    """The configurations that refer to a RetentionPolicy, or take one by default."""
    return _users(reader, CONFIGURATIONS_BY_POLICY, namespace, name)


def _users(
    reader: Reader, index: Index[BackupConfiguration], namespace: str, name: str
) -> list[BackupConfiguration]:
    return [*reader.by(index, namespace, name), *reader.by(CONFIGURATIONS_WITH_DEFAULTS)]


def retention_policy(
    reader: Reader, namespace: str, reference: ObjectReference | None
) -> RetentionPolicy | None:
    """The RetentionPolicy that a reference means; its namespace defaults to the referrer's."""
    if reference is None:
        return None
    return reader.get(RetentionPolicy, reference.namespace or namespace, reference.name)
