"""Which of KubeStash's fields have no implementation yet.

A documented field with another than its default value is never ignored in silence: it is a
finding of ``stashgen check`` and a condition in the controller.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import Model
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.shared import AddonInfo

_WIPE_OUT = "deleting the data is not supported yet: it stays in the storage"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """One field: its path on the wire and why its value does nothing."""

    path: str
    why: str


def unsupported(obj: Model) -> tuple[Unsupported, ...]:
    """The fields of an object that ask for what is not implemented yet."""
    match obj:
        case BackupStorage():
            return tuple(_of_storage(obj))
        case Repository():
            return tuple(_of_repository(obj))
        case BackupConfiguration():
            return tuple(_of_configuration(obj))
        case RestoreSession():
            return tuple(_of_restore(obj))
        case _:
            return ()


def _of_storage(storage: BackupStorage) -> Iterator[Unsupported]:
    backend = storage.spec.storage
    if backend is not None and backend.provider != "local":
        why = f"provider {backend.provider!r} is not supported yet"
        yield Unsupported("spec.storage.provider", why)
    if storage.spec.deletion_policy == "WipeOut":
        yield Unsupported("spec.deletionPolicy", _WIPE_OUT)


def _of_repository(repository: Repository) -> Iterator[Unsupported]:
    if repository.spec.deletion_policy == "WipeOut":
        yield Unsupported("spec.deletionPolicy", _WIPE_OUT)


def _of_configuration(configuration: BackupConfiguration) -> Iterator[Unsupported]:
    namespace = configuration.metadata.namespace
    target = configuration.spec.target
    if target is None or target.kind != "PersistentVolumeClaim":
        yield Unsupported("spec.target", "only a PersistentVolumeClaim can be backed up")
    elif target.namespace not in {None, namespace}:
        yield Unsupported("spec.target.namespace", "the target must be in the same namespace")
    for index, session in enumerate(configuration.spec.sessions):
        yield from _of_session(session, f"spec.sessions[{index}]")


def _of_session(session: Session, path: str) -> Iterator[Unsupported]:
    hooks = session.hooks
    if hooks is not None and (hooks.pre_backup or hooks.post_backup):
        yield Unsupported(f"{path}.hooks", "hooks are not supported yet")
    yield from _of_addon(session.addon, f"{path}.addon", ("logical-backup", "LogicalBackup"))
    for index, repository in enumerate(session.repositories or ()):
        if repository.deletion_policy in {"WipeOut", "Delete"}:
            yield Unsupported(
                f"{path}.repositories[{index}].deletionPolicy",
                "the Repository is kept when its BackupConfiguration is deleted",
            )
        if repository.backup_verifier is not None:
            why = "verification is not supported yet"
            yield Unsupported(f"{path}.repositories[{index}].backupVerifier", why)


def _of_addon(addon: AddonInfo | None, path: str, tasks: tuple[str, ...]) -> Iterator[Unsupported]:
    if addon is None:
        return
    for index, task in enumerate(addon.tasks or ()):
        at = f"{path}.tasks[{index}]"
        if task.name not in tasks:
            yield Unsupported(f"{at}.name", f"task {task.name!r} is not supported yet")
        if task.variables:
            yield Unsupported(f"{at}.variables", "task variables are not supported yet")
        if task.target_volumes:
            yield Unsupported(f"{at}.targetVolumes", "target volumes are not supported yet")
    if len(addon.tasks or ()) > 1:
        yield Unsupported(f"{path}.tasks", "more than one task is not supported yet")
    runtime = addon.container_runtime_settings
    if runtime is not None and (runtime.nice or runtime.ionice):
        yield Unsupported(
            f"{path}.containerRuntimeSettings", "nice and ionice are not supported yet"
        )


def _of_restore(restore: RestoreSession) -> Iterator[Unsupported]:
    spec = restore.spec
    namespace = restore.metadata.namespace
    if spec.target is None or spec.target.kind != "PersistentVolumeClaim":
        yield Unsupported("spec.target", "only a PersistentVolumeClaim can be restored into")
    elif spec.target.namespace not in {None, namespace}:
        yield Unsupported("spec.target.namespace", "the target must be in the same namespace")
    if spec.hooks is not None and (spec.hooks.pre_restore or spec.hooks.post_restore):
        yield Unsupported("spec.hooks", "hooks are not supported yet")
    if spec.manifest_options is not None:
        yield Unsupported("spec.manifestOptions", "manifest restores are not supported yet")
    source = spec.data_source
    if source is not None:
        if source.pitr is not None:
            yield Unsupported("spec.dataSource.pitr", "is for databases only")
        if source.namespace not in {None, namespace}:
            why = "a snapshot of another namespace is not supported yet"
            yield Unsupported("spec.dataSource.namespace", why)
        if source.components and tuple(source.components) != ("dump",):
            why = "a stand-alone volume has only the component 'dump'"
            yield Unsupported("spec.dataSource.components", why)
    tasks = ("logical-backup-restore", "LogicalBackupRestore")
    yield from _of_addon(spec.addon, "spec.addon", tasks)
