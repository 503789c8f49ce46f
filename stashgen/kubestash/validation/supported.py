"""KubeStash fields that are not implemented yet.

A documented field with a value other than its default is never silently ignored: ``stashgen
check`` reports it, and in a cluster its object is invalid, so that nothing starts that would do
less than was asked for. For a block with many fields the implemented ones are listed, so that a
field added to a model is unsupported until it is listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from stashgen.api.backup_configuration import BackupConfiguration, SchedulerJobTemplate, Session
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import PROVIDERS, BackupStorage
from stashgen.api.base import JsonObject, Model
from stashgen.api.repository import Repository
from stashgen.api.restore_session import DataSource, RestoreSession
from stashgen.api.runtime_settings import (
    ContainerRuntimeSettings,
    OffshootPodTemplate,
    RuntimeSettings,
)
from stashgen.api.shared import (
    AddonInfo,
    ObjectReference,
    TaskReference,
    TypedObjectReference,
)
from stashgen.kubestash.addons import (
    BACKUP_TASK,
    RESTORE_TASK,
    SYNONYMS,
    pvc_addon,
)
from stashgen.kubestash.backends import BACKENDS, backend_of
from stashgen.kubestash.backup_files import why_no_path, why_no_pattern
from stashgen.kubestash.pods.environment import why_no_setting, why_reserved
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen.kubestash.pods.volumes import is_scratch_volume
from stashgen.kubestash.unreadable import OnUnreadable

_WIPE_OUT = "deleting the data is not supported yet: it stays in the storage"
_NOT_YET = "is not supported yet"
_ONE_NAMESPACE = "another namespace is not supported yet"

# How a storage is reached, where KubeStash's block has no field for it.
_OWN_ANNOTATIONS = {name for one in BACKENDS.values() for name in one.own_annotations()}

_TEMPLATE = frozenset({"metadata", "spec"})
_TEMPLATE_SPEC = frozenset(
    {
        "affinity",
        "containerSecurityContext",
        "env",
        "imagePullSecrets",
        "nodeSelector",
        "priorityClassName",
        "resources",
        "securityContext",
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "tolerations",
    }
)
_RUNTIME_POD = frozenset(
    {
        "affinity",
        "imagePullSecrets",
        "nodeSelector",
        "podAnnotations",
        "podLabels",
        "priorityClassName",
        "securityContext",
        "serviceAccountName",
        "tolerations",
    }
)
_RUNTIME_CONTAINER = frozenset({"env", "resources", "securityContext"})
_TRIGGER_JOB = frozenset({"activeDeadlineSeconds", "backoffLimit", "template"})
# Kubernetes' behaviour without a value; 0 is a value, for example "no time to live".
_DEFAULTS: dict[str, object] = {
    "completionMode": "NonIndexed",
    "completions": 1,
    "dnsPolicy": "ClusterFirst",
    "parallelism": 1,
    "priority": 0,
    "schedulerName": "default-scheduler",
}


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
        case BackupSession():
            return tuple(_of_backup_session(obj))
        case RestoreSession():
            return tuple(_of_restore(obj))
        case _:
            return ()


def unsupported_messages(obj: Model) -> tuple[str, ...]:
    """The same as messages, each with its field's path first."""
    return tuple(f"{item.path}: {item.why}" for item in unsupported(obj))


def _of_storage(storage: BackupStorage) -> Iterator[Unsupported]:
    backend = storage.spec.storage
    if backend is not None and backend.provider not in BACKENDS:
        why = f"provider {backend.provider!r} is not supported yet"
        yield Unsupported("spec.storage.provider", why)
    annotations = storage.metadata.annotations or {}
    if backend is not None and (known := backend_of(backend, annotations)) is not None:
        for field, why in known.unsupported().items():
            yield Unsupported(f"spec.storage.{backend.provider}.{field}", why)
        for name, why in known.refused_annotations().items():
            yield Unsupported(_annotation(name), why)
        for name in sorted(_OWN_ANNOTATIONS & annotations.keys() - known.own_annotations()):
            why = f"it has no effect on a storage of provider {backend.provider!r}"
            yield Unsupported(_annotation(name), why)
    if backend is not None:
        others = {name for name in PROVIDERS if getattr(backend, name) is not None}
        for name in sorted(others - {backend.provider}):
            why = f"the provider is {backend.provider!r}: this block has no effect"
            yield Unsupported(f"spec.storage.{name}", why)
    if storage.spec.deletion_policy == "WipeOut":
        yield Unsupported("spec.deletionPolicy", _WIPE_OUT)
    runtime = storage.spec.runtime_settings or RuntimeSettings()
    yield from _others(runtime.pod, _RUNTIME_POD, "spec.runtimeSettings.pod")
    yield from _of_container(runtime.container, "spec.runtimeSettings.container")


def _annotation(name: str) -> str:
    return f'metadata.annotations["{name}"]'


def _of_repository(repository: Repository) -> Iterator[Unsupported]:
    namespace = repository.metadata.namespace
    if repository.spec.deletion_policy == "WipeOut":
        yield Unsupported("spec.deletionPolicy", _WIPE_OUT)
    if repository.spec.app_ref is not None:
        yield from _volume(repository.spec.app_ref, namespace, "spec.appRef", "backed up")
    yield from _reference(repository.spec.storage_ref, namespace, "spec.storageRef")
    yield from _key(repository.spec.encryption_secret, namespace, "spec.encryptionSecret")


def _of_configuration(configuration: BackupConfiguration) -> Iterator[Unsupported]:
    namespace = configuration.metadata.namespace
    yield from _volume(configuration.spec.target, namespace, "spec.target", "backed up")
    for index, backend in enumerate(configuration.spec.backends):
        yield from _reference(backend.storage_ref, namespace, f"spec.backends[{index}].storageRef")
    for index, session in enumerate(configuration.spec.sessions):
        yield from _of_session(session, namespace, f"spec.sessions[{index}]")


def _of_session(session: Session, namespace: str | None, path: str) -> Iterator[Unsupported]:
    hooks = session.hooks
    if hooks is not None and (hooks.pre_backup or hooks.post_backup):
        yield Unsupported(f"{path}.hooks", "hooks are not supported yet")
    if session.scheduler is not None:
        yield from _of_trigger(session.scheduler.job_template, f"{path}.scheduler.jobTemplate")
    yield from _of_addon(session.addon, f"{path}.addon", BACKUP_TASK)
    for index, repository in enumerate(session.repositories or ()):
        at = f"{path}.repositories[{index}]"
        if repository.deletion_policy == "WipeOut":
            yield Unsupported(f"{at}.deletionPolicy", _WIPE_OUT)
        if repository.backup_verifier is not None:
            yield Unsupported(f"{at}.backupVerifier", "verification is not supported yet")
        yield from _key(repository.encryption_secret, namespace, f"{at}.encryptionSecret")


def _of_trigger(template: SchedulerJobTemplate, path: str) -> Iterator[Unsupported]:
    yield from _others(template, _TRIGGER_JOB, path)
    yield from _of_template(template.template, f"{path}.template")


def _of_addon(addon: AddonInfo | None, path: str, known: str) -> Iterator[Unsupported]:
    if addon is None:
        return
    tasks = addon.tasks or ()
    for index, task in enumerate(tasks):
        yield from _of_task(task, f"{path}.tasks[{index}]", known)
    if len(tasks) > 1:
        yield Unsupported(f"{path}.tasks", "more than one task is not supported yet")
    yield from _of_template(addon.job_template, f"{path}.jobTemplate")
    runtime = addon.container_runtime_settings
    yield from _of_container(runtime, f"{path}.containerRuntimeSettings")


def _of_task(task: TaskReference, path: str, known: str) -> Iterator[Unsupported]:
    if SYNONYMS.get(task.name or "", task.name) != known:
        yield Unsupported(f"{path}.name", f"task {task.name!r} is not supported yet")
    for name in sorted((task.params or {}).keys() - _parameters(known)):
        yield Unsupported(f"{path}.params.{name}", f"task {known!r} has no such parameter")
    for name, value in sorted((task.params or {}).items()):
        if isinstance(value, dict | list):
            yield Unsupported(f"{path}.params.{name}", "it must be one text, number or boolean")
        elif (why := _why_wrong(name, str(value or ""))) is not None:
            yield Unsupported(f"{path}.params.{name}", why)
    if task.variables:
        yield Unsupported(f"{path}.variables", "task variables are not supported yet")
    if task.target_volumes is not None and task.target_volumes.to_wire():
        yield Unsupported(f"{path}.targetVolumes", "target volumes are not supported yet")
    for index, volume in enumerate(task.addon_volumes or ()):
        if not is_scratch_volume(volume.name):
            why = f"volume {volume.name!r} cannot be replaced"
            yield Unsupported(f"{path}.addonVolumes[{index}].name", why)


def _why_wrong(parameter: str, value: str) -> str | None:
    """Why the worker would refuse a parameter's value; None for a good one, or none."""
    items = [item for item in value.split(",") if item]
    match parameter:
        case "onUnreadable" if value not in {"", *OnUnreadable}:
            return f"it must be {' or '.join(OnUnreadable)}"
        case "enableCache" if value.lower() not in {"", "true", "false"}:
            return "it must be true or false"
        case "scratchDir" if value and (why_no_path(value) is None or value[0] != "/"):
            return f"{value!r} must be an absolute path outside of the volume"
        case "paths":
            return next(filter(None, map(why_no_path, items)), None)
        case "exclude":
            return next(filter(None, map(why_no_pattern, items)), None)
        case _:
            return None


def _parameters(task: str) -> set[str]:
    """The parameters of one of our own Addon's tasks."""
    spec = pvc_addon().spec
    tasks = (*(spec.backup_tasks or ()), *(spec.restore_tasks or ()))
    return {
        parameter.name or ""
        for item in tasks
        if item.name == task
        for parameter in item.parameters or ()
    }


def _of_template(template: OffshootPodTemplate | None, path: str) -> Iterator[Unsupported]:
    yield from _others(template, _TEMPLATE, path)
    if template is not None and template.spec is not None:
        yield from _others(template.spec, _TEMPLATE_SPEC, f"{path}.spec")
        yield from _reserved(template.spec.env, f"{path}.spec.env")


def _of_container(settings: ContainerRuntimeSettings | None, path: str) -> Iterator[Unsupported]:
    yield from _others(settings, _RUNTIME_CONTAINER, path)
    if settings is not None:
        yield from _reserved(settings.env, f"{path}.env")


def _reserved(variables: tuple[JsonObject, ...] | None, path: str) -> Iterator[Unsupported]:
    """Variables that the worker would drop or replace."""
    for index, variable in enumerate(variables or ()):
        name = str(variable.get("name") or "")
        why = why_reserved(name)
        if why is not None:
            yield Unsupported(f"{path}[{index}].name", f"{name} is reserved: {why}")
        elif (wrong := why_no_setting(name, str(variable.get("value") or ""))) is not None:
            yield Unsupported(f"{path}[{index}].value", f"{name}: {wrong}")


def _of_backup_session(session: BackupSession) -> Iterator[Unsupported]:
    invoker = session.spec.invoker
    if invoker is not None and invoker.kind != "BackupConfiguration":
        yield Unsupported("spec.invoker.kind", f"invoker {invoker.kind!r} is not supported yet")


def _of_restore(restore: RestoreSession) -> Iterator[Unsupported]:
    spec = restore.spec
    namespace = restore.metadata.namespace
    yield from _volume(spec.target, namespace, "spec.target", "restored into")
    if spec.hooks is not None and (spec.hooks.pre_restore or spec.hooks.post_restore):
        yield Unsupported("spec.hooks", "hooks are not supported yet")
    if spec.manifest_options is not None and spec.manifest_options.to_wire():
        yield Unsupported("spec.manifestOptions", "manifest restores are not supported yet")
    if spec.data_source is not None:
        yield from _of_source(spec.data_source, namespace)
    yield from _of_addon(spec.addon, "spec.addon", RESTORE_TASK)


def _of_source(source: DataSource, namespace: str | None) -> Iterator[Unsupported]:
    if source.pitr is not None:
        yield Unsupported("spec.dataSource.pitr", "is for databases only")
    if source.namespace not in {None, "", namespace}:
        why = "a snapshot of another namespace is not supported yet"
        yield Unsupported("spec.dataSource.namespace", why)
    if source.components and tuple(source.components) != (COMPONENT,):
        why = f"a stand-alone volume has only the component {COMPONENT!r}"
        yield Unsupported("spec.dataSource.components", why)
    secret = source.encryption_secret
    yield from _reference(secret, namespace, "spec.dataSource.encryptionSecret")


def _volume(
    target: TypedObjectReference | None, namespace: str | None, path: str, use: str
) -> Iterator[Unsupported]:
    """A pod mounts a claim of its own namespace by its name: nothing else can be meant."""
    is_claim = target is not None and target.kind == "PersistentVolumeClaim"
    if is_claim and target is not None and not target.name:
        yield Unsupported(f"{path}.name", "is required")
    elif target is None or not is_claim or target.api_group:
        yield Unsupported(path, f"only a PersistentVolumeClaim can be {use}")
    elif target.namespace not in {None, "", namespace}:
        why = f"namespace {target.namespace!r} is another one: only a volume of namespace "
        yield Unsupported(f"{path}.namespace", f"{why}{namespace!r} can be {use}")


def _key(secret: ObjectReference | None, namespace: str | None, path: str) -> Iterator[Unsupported]:
    if secret is None or not secret.name:
        yield Unsupported(path, "a repository without a key is not supported")
    yield from _reference(secret, namespace, path)


def _reference(
    reference: ObjectReference | None, namespace: str | None, path: str
) -> Iterator[Unsupported]:
    if reference is not None and reference.namespace not in {None, "", namespace}:
        yield Unsupported(f"{path}.namespace", _ONE_NAMESPACE)


def _others(block: Model | None, known: frozenset[str], path: str) -> Iterator[Unsupported]:
    """Fields of a block that say something and are not among the implemented ones."""
    if block is not None:
        for name, value in block.to_wire().items():
            if name not in known and _is_said(value) and _DEFAULTS.get(name) != value:
                yield Unsupported(f"{path}.{name}", _NOT_YET)


def _is_said(value: JsonValue) -> bool:
    """Whether a value asks for something: not if it is empty or False, however deep."""
    if isinstance(value, dict):
        return any(map(_is_said, value.values()))
    return value if isinstance(value, bool) else value not in (None, "", [])
