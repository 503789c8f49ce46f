"""Addon and Function resolved into the pod of a Job, by the compiler and the controller alike.

A template is what a ``core/v1 PodTemplate`` has under ``template``, with every default of the API
server written out, so that a stored pod can be compared with it. The session itself comes later,
as annotations (``session.stashgen.dev/*``); the spec stays constant.
"""

from collections.abc import Sequence

from pydantic.alias_generators import to_camel

from stashgen.api.addon import Addon, AddonTask
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.shared import TaskReference
from stashgen.api.snapshot import Driver
from stashgen.kubestash import addons
from stashgen.kubestash.backends import Backend, UnsupportedStorageError, required_backend
from stashgen.kubestash.pods import volumes
from stashgen.kubestash.pods.arguments import function_args, init_storage_args, maintain_args, place
from stashgen.kubestash.pods.pod import PodParts, pod_template
from stashgen.kubestash.pods.settings import PodSettings
from stashgen.kubestash.upkeep import upkeep_of
from stashgen.kubestash.verbs import PODS, VERBS, DataAccess, Template, Verb

__all__ = [
    "COMPONENT",
    "DATA_VOLUME",
    "UnsupportedAddonError",
    "UnsupportedStorageError",
    "backup_template",
    "find_task",
    "function_name",
    "init_storage_template",
    "maintain_template",
    "require_arguments_only",
    "restore_template",
    "template_name",
]

# The one component of a stand-alone volume.
COMPONENT = "dump"
DATA_VOLUME = addons.DATA_VOLUME

_FUNCTIONS = {Verb.BACKUP: addons.BACKUP_FUNCTION, Verb.RESTORE: addons.RESTORE_FUNCTION}


class UnsupportedAddonError(Exception):
    """The Addon, its task or its Function is not one that our worker knows."""


def template_name(template: Template, owner: str) -> str:
    """The PodTemplate of a repository, or of a storage for the one that initialises it."""
    return f"{template}-{owner}"


def find_task(addon: Addon, reference: TaskReference, verb: Verb) -> AddonTask:
    """The Addon's task that a session means; KubeStash's older spellings count too.

    Args:
        addon: With all its tasks.
        reference: What the session says.
        verb: Backup or restore.

    Raises:
        UnsupportedAddonError: when there is no such task, its Function, driver or executor is not
            known, or a parameter that it requires is missing.
    """
    tasks = addon.spec.backup_tasks if verb is Verb.BACKUP else addon.spec.restore_tasks
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


def function_name(addon: Addon, reference: TaskReference, verb: Verb) -> str:
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
    name = template_name(Template.INIT_STORAGE, storage.metadata.name)
    parts = PodParts(
        name=name,
        pod=PODS[Template.INIT_STORAGE],
        container=Template.INIT_STORAGE.value,
        args=init_storage_args(storage),
        volumes=(_backend(storage).volume(is_root=settings.is_root),),
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
        Verb.BACKUP,
        repository=repository,
        storage=storage,
        addon_task=find_task(addon, task, Verb.BACKUP),
        function=function,
        task=task,
        component=component,
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
        Verb.RESTORE,
        repository=repository,
        storage=storage,
        addon_task=find_task(addon, task, Verb.RESTORE),
        function=function,
        task=task,
        component=component,
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
    """The pod that initialises a repository, applies its retention and does its upkeep.

    The reviewed arguments define what retention may delete, so no request can make it delete more.
    A rhythm of upkeep that cannot be read has no share of the data: no upkeep starts with it.

    Raises:
        UnsupportedStorageError: for a storage that is not supported yet.
    """
    try:
        read_percent = upkeep_of(repository.metadata).read_percent
    except ValueError:
        read_percent = 0
    variables = place(repository, storage, component)
    args = maintain_args(variables, sessions, retention, read_percent)
    return _repository_template(
        Template.MAINTAIN, repository, storage, Template.MAINTAIN.value, args, settings
    )


def require_arguments_only(function: Function) -> None:
    """Refuse a Function that says more than its arguments: only those are used.

    Raises:
        UnsupportedAddonError: it does.
    """
    spec = function.spec
    if spec.runtime_settings or spec.working_dir or spec.volume_devices:
        msg = f"Function {function.metadata.name!r}: only its arguments are supported"
        raise UnsupportedAddonError(msg)


def _backend(storage: BackupStorage) -> Backend:
    return required_backend(storage.spec.storage, storage.metadata.annotations)


def _task_template(
    verb: Verb,
    *,
    repository: Repository,
    storage: BackupStorage,
    addon_task: AddonTask,
    function: Function,
    task: TaskReference,
    component: str,
    settings: PodSettings,
) -> JsonObject:
    """The pod of an Addon's task; its variables are those of the place and of the session."""
    require_arguments_only(function)
    template = VERBS[verb].template
    session = {to_camel(name.lower()): f"$({name})" for name in PODS[template].session}
    variables = place(repository, storage, component) | session
    return _repository_template(
        template,
        repository,
        storage,
        f"{addon_task.name}-0",
        function_args(function, addon_task, task, variables),
        settings,
        tmp_source=volumes.scratch_source(task),
    )


def _repository_template(
    template: Template,
    repository: Repository,
    storage: BackupStorage,
    container: str,
    args: tuple[str, ...],
    settings: PodSettings,
    *,
    tmp_source: JsonObject | None = None,
) -> JsonObject:
    pod = PODS[template]
    target = (
        volumes.target(
            repository,
            read_only=pod.data is DataAccess.READ,
            has_group=settings.has_group,
        ),
    )
    parts = PodParts(
        name=template_name(template, repository.metadata.name),
        pod=pod,
        container=container,
        args=args,
        volumes=(
            *(target if pod.data is not None else ()),
            _backend(storage).volume(is_root=settings.is_root),
            *volumes.encryption(repository, is_root=settings.is_root),
        ),
        tmp_source=tmp_source,
    )
    return pod_template(parts, settings)
