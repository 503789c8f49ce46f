"""BackupConfigurations as they are meant: with their defaults, and who writes to a repository."""

from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, name_of
from stashgen.api.repository import Repository
from stashgen.api.resources import BACKUP_CONFIGURATIONS, BACKUP_STORAGES, RETENTION_POLICIES
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import ObjectReference
from stashgen.kubestash.defaults import with_configuration_defaults
from stashgen_controller.listers.objects import labels_of_namespace
from stashgen_controller.runtime.kind import Reader


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
    for obj in sorted(reader.items(BACKUP_CONFIGURATIONS, namespace), key=name_of):
        if name not in BackupConfiguration.from_wire(obj).repository_names:
            continue
        configuration = resolved_configuration(reader, obj)
        for session in configuration.spec.sessions:
            for item in session.repositories or ():
                if item.name == name:
                    backend = configuration.backend(item.backend)
                    reference = backend.retention_policy if backend is not None else None
                    found.append(Use(configuration, session, reference))
    return found


def resolved_configuration(reader: Reader, obj: JsonObject) -> BackupConfiguration:
    """A stored BackupConfiguration with KubeStash's defaults for what it leaves out."""
    written = BackupConfiguration.from_wire(obj)
    backends = written.spec.backends
    if backends and all(backend.retention_policy is not None for backend in backends):
        return written
    return with_configuration_defaults(
        written,
        map(BackupStorage.from_wire, reader.items(BACKUP_STORAGES)),
        map(RetentionPolicy.from_wire, reader.items(RETENTION_POLICIES)),
        labels_of_namespace(reader, written.metadata.namespace or ""),
    )


def retention_policy(
    reader: Reader, namespace: str, reference: ObjectReference | None
) -> RetentionPolicy | None:
    """The RetentionPolicy that a reference means; its namespace defaults to the referrer's."""
    if reference is None:
        return None
    found = reader.get(RETENTION_POLICIES, reference.namespace or namespace, reference.name)
    return RetentionPolicy.from_wire(found) if found is not None else None
