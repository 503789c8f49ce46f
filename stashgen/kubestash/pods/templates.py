"""Addon and Function resolved into the pod of a Job: the compiler and the controller alike.

A template is what a ``core/v1 PodTemplate`` has under ``template``, with every default of the API
server written out, so that a stored pod can be compared with it. The session itself comes later,
as annotations (``session.stashgen.dev/*``); the spec stays constant.
"""

from collections.abc import Mapping, Sequence

from stashgen.api.addon import Addon, AddonTask
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.shared import TaskReference
from stashgen.api.snapshot import Driver
from stashgen.kubestash import addons
from stashgen.kubestash.backends import UnsupportedStorageError, required_backend
from stashgen.kubestash.pods import volumes
from stashgen.kubestash.pods.arguments import function_args, init_storage_args, maintain_args, place
from stashgen.kubestash.pods.pod import PodParts, field_env, pod_template
from stashgen.kubestash.pods.settings import PodSettings

__all__ = [
    "COMPONENT",
    "DATA_VOLUME",
    "UnsupportedAddonError",
    "UnsupportedStorageError",
    "backup_template",
    "find_task",
    "function_name",
    "init_storage_template",
    "init_storage_template_name",
    "maintain_template",
    "restore_template",
    "template_name",
]

# The one component of a stand-alone volume.
COMPONENT = "dump"
DATA_VOLUME = addons.DATA_VOLUME
_NAME_FIELD = "metadata.annotations['session.stashgen.dev/name']"
_SNAPSHOT_FIELD = "metadata.annotations['session.stashgen.dev/snapshot']"
_VERB_FIELD = "metadata.annotations['session.stashgen.dev/verb']"
_POD_UID = field_env("POD_UID", "metadata.uid")

_FUNCTIONS = {"backup": addons.BACKUP_FUNCTION, "restore": addons.RESTORE_FUNCTION}
_READ_CAPABILITIES = ("DAC_READ_SEARCH",)
_WRITE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")


class UnsupportedAddonError(Exception):
    """The Addon, its task or its Function is not one that our worker knows."""


def init_storage_template_name(storage: str) -> str:
    """The PodTemplate that initialises a storage."""
    return f"init-storage-{storage}"


def template_name(verb: str, repository: str) -> str:
    """The PodTemplate of a repository's verb: backup, restore or maintain."""
    return f"{verb}-{repository}"


def find_task(addon: Addon, reference: TaskReference, verb: str) -> AddonTask:
    """The Addon's task that a session means; KubeStash's older spellings count too.

    Args:
        addon: With all its tasks.
        reference: What the session says.
        verb: backup or restore.

    Raises:
        UnsupportedAddonError: when there is no such task, its Function, driver or executor is not
            known, or a parameter that it requires is missing.
    """
    tasks = addon.spec.backup_tasks if verb == "backup" else addon.spec.restore_tasks
    wanted = addons.SYNONYMS.get(reference.name or "", reference.name)
    task = next((item for item in tasks or () if item.name == wanted), None)
    if task is None:
        msg = f"Addon {addon.metadata.name} has no {verb} task {reference.name!r}"
        raise UnsupportedAddonError(msg)
    if task.function != _FUNCTIONS[verb]:
        msg = f"Function {task.function!r} of task {task.name!r} is not supported"
        raise UnsupportedAddonError(msg)
    if task.driver not in {None, Driver.RESTIC} or task.executor not in {None, "Job"}:
        msg = f"task {task.name!r} wants another driver than Restic or another executor than Job"
        raise UnsupportedAddonError(msg)
    given = reference.params or {}
    for parameter in task.parameters or ():
        if parameter.required and not parameter.default and not given.get(parameter.name or ""):
            msg = f"task {task.name!r} needs the parameter {parameter.name!r}"
            raise UnsupportedAddonError(msg)
    return task


def function_name(addon: Addon, reference: TaskReference, verb: str) -> str:
    """The Function that does a session's task.

    Raises:
        UnsupportedAddonError: when there is no such task, or its Function is not known.
    """
    return find_task(addon, reference, verb).function or ""


def init_storage_template(storage: BackupStorage, settings: PodSettings) -> JsonObject:
    """The pod that initialises a storage.

    Raises:
        UnsupportedStorageError: for a storage that is not supported yet.
    """
    backend, mount = required_backend(storage.spec.storage).volume(is_root=settings.is_root)
    parts = PodParts(
        name=init_storage_template_name(storage.metadata.name),
        component="kubestash-initializer",
        container="init-storage",
        args=init_storage_args(storage),
        mounts=(mount,),
        volumes=(backend,),
        tmp_size="64Mi",
        cpu="50m",
        memory="64Mi",
        memory_limit="128Mi",
        grace_seconds=30,
    )
    return pod_template(parts, settings)


def backup_template(
    *,
    repository: Repository,
    storage: BackupStorage,
    addon: Addon,
    function: Function,
    task: TaskReference,
    component: str,
    settings: PodSettings,
) -> JsonObject:
    """The pod that backs up a repository's target.

    Raises:
        UnsupportedStorageError: for a storage that is not supported yet.
        UnsupportedAddonError: for a task or Function that is not known or asks for more.
    """
    return _task_template(
        "backup",
        repository=repository,
        storage=storage,
        addon_task=find_task(addon, task, "backup"),
        function=function,
        task=task,
        variables=place(repository, storage, component) | {"backupSession": "$(BACKUP_SESSION)"},
        settings=settings,
    )


def restore_template(
    *,
    repository: Repository,
    storage: BackupStorage,
    addon: Addon,
    function: Function,
    task: TaskReference,
    component: str,
    settings: PodSettings,
) -> JsonObject:
    """The pod that restores into a repository's target.

    Raises:
        UnsupportedStorageError: for a storage that is not supported yet.
        UnsupportedAddonError: for a task or Function that is not known or asks for more.
    """
    return _task_template(
        "restore",
        repository=repository,
        storage=storage,
        addon_task=find_task(addon, task, "restore"),
        function=function,
        task=task,
        variables=place(repository, storage, component)
        | {"restoreSession": "$(RESTORE_SESSION)", "snapshot": "$(SNAPSHOT)"},
        settings=settings,
    )


def maintain_template(
    *,
    repository: Repository,
    storage: BackupStorage,
    sessions: Sequence[str],
    retention: RetentionPolicySpec,
    settings: PodSettings,
    component: str = COMPONENT,
) -> JsonObject:
    """The pod that initialises a repository and applies its retention.

    What retention may delete stands in the reviewed arguments, so nobody can ask it for more.

    Raises:
        UnsupportedStorageError: for a storage that is not supported yet.
    """
    mounted = [
        required_backend(storage.spec.storage).volume(is_root=settings.is_root),
        *volumes.encryption(repository, is_root=settings.is_root),
    ]
    parts = PodParts(
        name=template_name("maintain", repository.metadata.name),
        component="kubestash-maintenance",
        container="maintain",
        args=maintain_args(place(repository, storage, component), sessions, retention),
        env=(field_env("VERB", _VERB_FIELD), _POD_UID),
        mounts=tuple(mount for _, mount in mounted),
        volumes=tuple(volume for volume, _ in mounted),
    )
    return pod_template(parts, settings)


def _task_template(
    verb: str,
    *,
    repository: Repository,
    storage: BackupStorage,
    addon_task: AddonTask,
    function: Function,
    task: TaskReference,
    variables: Mapping[str, str],
    settings: PodSettings,
) -> JsonObject:
    spec = function.spec
    if spec.runtime_settings or spec.working_dir or spec.volume_devices:
        msg = f"Function {function.metadata.name!r}: only its arguments are supported"
        raise UnsupportedAddonError(msg)
    is_backup = verb == "backup"
    mounted = [
        volumes.target(repository, read_only=is_backup, has_group=settings.has_group),
        required_backend(storage.spec.storage).volume(is_root=settings.is_root),
        *volumes.encryption(repository, is_root=settings.is_root),
    ]
    session = (
        (field_env("BACKUP_SESSION", _NAME_FIELD),)
        if is_backup
        else (field_env("RESTORE_SESSION", _NAME_FIELD), field_env("SNAPSHOT", _SNAPSHOT_FIELD))
    )
    parts = PodParts(
        name=template_name(verb, repository.metadata.name),
        component=f"kubestash-{verb}",
        container=f"{addon_task.name}-0",
        args=function_args(function, addon_task, task, variables),
        env=(*session, _POD_UID),
        mounts=tuple(mount for _, mount in mounted),
        volumes=tuple(volume for volume, _ in mounted),
        tmp_source=volumes.scratch_source(task),
        root_capabilities=_READ_CAPABILITIES if is_backup else _WRITE_CAPABILITIES,
        token=True,
    )
    return pod_template(parts, settings)
