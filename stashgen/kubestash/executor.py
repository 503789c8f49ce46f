"""Addon and Function resolved into the pod of a Job: the compiler and the controller alike.

A template is what a ``core/v1 PodTemplate`` has under ``template``, with every default of the API
server written out, so that a stored pod can be compared with it. The session itself comes later,
as annotations (``session.stashgen.dev/*``); the spec stays constant.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from stashgen.api.addon import Addon, AddonTask
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.shared import TaskReference
from stashgen.kubestash import addons
from stashgen.kubestash.addons import DATA_PATH, DATA_VOLUME, TMP_VOLUME
from stashgen.kubestash.pod import ENCRYPTION_PATH, PodParts, field_env, pod_template
from stashgen.kubestash.pod_settings import PodSettings
from stashgen.kubestash.variables import substitute

BACKEND_VOLUME = "backend"
DEFAULT_MOUNT_PATH = "/kubestash-backend"
_NAME_FIELD = "metadata.annotations['session.stashgen.dev/name']"
_SNAPSHOT_FIELD = "metadata.annotations['session.stashgen.dev/snapshot']"
_VERB_FIELD = "metadata.annotations['session.stashgen.dev/verb']"
_POD_UID = field_env("POD_UID", "metadata.uid")

_VERBS = {addons.BACKUP_FUNCTION: "backup", addons.RESTORE_FUNCTION: "restore"}
_READ_CAPABILITIES = ("DAC_READ_SEARCH",)
_WRITE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")


class UnsupportedStorageError(Exception):
    """The storage's provider is not supported yet."""


class UnsupportedAddonError(Exception):
    """The Addon, its task or its Function is not one that our worker knows."""


def init_storage_template_name(storage: str) -> str:
    """The PodTemplate that initialises a storage."""
    return f"init-storage-{storage}"


def template_name(verb: str, repository: str) -> str:
    """The PodTemplate of a repository's verb: backup, restore or maintain."""
    return f"{verb}-{repository}"


def storage_url(storage: BackupStorage) -> str:
    """Where the worker finds the storage in its pod.

    Raises:
        UnsupportedStorageError: for a provider other than local.
    """
    local = storage.local
    if local is None:
        provider = storage.spec.storage.provider if storage.spec.storage else None
        msg = f"storage provider {provider!r} is not supported yet"
        raise UnsupportedStorageError(msg)
    return f"file://{local.mount_path or DEFAULT_MOUNT_PATH}"


def find_task(addon: Addon, reference: TaskReference, verb: str) -> AddonTask:
    """The Addon's task that a session means; KubeStash's older spellings count too.

    Raises:
        UnsupportedAddonError: when there is no such task, or its Function is not known.
    """
    tasks = addon.spec.backup_tasks if verb == "backup" else addon.spec.restore_tasks
    wanted = addons.SYNONYMS.get(reference.name or "", reference.name)
    task = next((item for item in tasks or () if item.name == wanted), None)
    if task is None:
        msg = f"Addon {addon.metadata.name} has no {verb} task {reference.name!r}"
        raise UnsupportedAddonError(msg)
    if _VERBS.get(task.function or "") != verb:
        msg = f"Function {task.function!r} of task {task.name!r} is not supported"
        raise UnsupportedAddonError(msg)
    return task


def init_storage_template(storage: BackupStorage, settings: PodSettings) -> JsonObject:
    """The pod that initialises a storage.

    Raises:
        UnsupportedStorageError: for a provider other than local.
    """
    backend, mount = _backend(storage)
    parts = PodParts(
        name=init_storage_template_name(storage.metadata.name),
        component="kubestash-initializer",
        container="init-storage",
        args=("init-storage", f"--storage={storage_url(storage)}"),
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
        UnsupportedStorageError: for a provider other than local.
        UnsupportedAddonError: for a task or Function that is not known.
    """
    name = find_task(addon, task, "backup").name
    backend, backend_mount = _backend(storage)
    variables = _place(repository, storage, component) | {"backupSession": "$(BACKUP_SESSION)"}
    parts = PodParts(
        name=template_name("backup", repository.metadata.name),
        component="kubestash-backup",
        container=f"{name}-0",
        args=_args(addon, function, task, variables, "backup"),
        env=(field_env("BACKUP_SESSION", _NAME_FIELD), _POD_UID),
        mounts=(_data_mount(read_only=True), backend_mount, _encryption_mount()),
        volumes=(_data_volume(repository), backend, _encryption_volume(repository)),
        tmp_source=_tmp_source(task),
        root_capabilities=_READ_CAPABILITIES,
        token=True,
    )
    return pod_template(parts, settings)


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
        UnsupportedStorageError: for a provider other than local.
        UnsupportedAddonError: for a task or Function that is not known.
    """
    name = find_task(addon, task, "restore").name
    backend, backend_mount = _backend(storage)
    variables = _place(repository, storage, component) | {
        "restoreSession": "$(RESTORE_SESSION)",
        "snapshot": "$(SNAPSHOT)",
    }
    parts = PodParts(
        name=template_name("restore", repository.metadata.name),
        component="kubestash-restore",
        container=f"{name}-0",
        args=_args(addon, function, task, variables, "restore"),
        env=(
            field_env("RESTORE_SESSION", _NAME_FIELD),
            field_env("SNAPSHOT", _SNAPSHOT_FIELD),
            _POD_UID,
        ),
        mounts=(_data_mount(read_only=False), backend_mount, _encryption_mount()),
        volumes=(_data_volume(repository), backend, _encryption_volume(repository)),
        tmp_source=_tmp_source(task),
        root_capabilities=_WRITE_CAPABILITIES,
        token=True,
    )
    return pod_template(parts, settings)


def maintain_template(
    *,
    repository: Repository,
    storage: BackupStorage,
    component: str,
    sessions: Sequence[str],
    retention: RetentionPolicySpec,
    settings: PodSettings,
) -> JsonObject:
    """The pod that initialises a repository and applies its retention.

    What retention may delete stands in the reviewed arguments, so nobody can ask it for more.

    Raises:
        UnsupportedStorageError: for a provider other than local.
    """
    backend, backend_mount = _backend(storage)
    place = _place(repository, storage, component)
    parts = PodParts(
        name=template_name("maintain", repository.metadata.name),
        component="kubestash-maintenance",
        container="maintain",
        args=(
            "maintain",
            "--verb=$(VERB)",
            f"--namespace={place['namespace']}",
            f"--storage={place['storage']}",
            f"--directory={place['directory']}",
            f"--component={component}",
            f"--sessions={','.join(sessions)}",
            *_keep_flags(retention),
        ),
        env=(field_env("VERB", _VERB_FIELD), _POD_UID),
        mounts=(backend_mount, _encryption_mount()),
        volumes=(backend, _encryption_volume(repository)),
    )
    return pod_template(parts, settings)


def _place(repository: Repository, storage: BackupStorage, component: str) -> dict[str, str]:
    return {
        "namespace": repository.metadata.namespace or "",
        "storage": storage_url(storage),
        "directory": (repository.spec.path or "").strip("/"),
        "component": component,
    }


def _args(
    addon: Addon,
    function: Function,
    reference: TaskReference,
    variables: Mapping[str, str],
    verb: str,
) -> tuple[str, ...]:
    """The Function's arguments resolved; a flag without a value is left out.

    User's parameters win over the Addon's defaults. KubeStash's own catalogue does not have our
    place flags: they are added at the end.
    """
    task = find_task(addon, reference, verb)
    values = {
        parameter.name: parameter.default
        for parameter in task.parameters or ()
        if parameter.name and parameter.default
    }
    values |= {name: _text(value) for name, value in (reference.params or {}).items()}
    resolved = [substitute(arg, values | dict(variables)) for arg in function.spec.args or ()]
    kept = [arg for arg in resolved if not (arg.startswith("--") and arg.endswith("="))]
    given = {arg.partition("=")[0] for arg in kept}
    for flag in ("storage", "directory", "component"):
        if f"--{flag}" not in given:
            kept.append(f"--{flag}={variables[flag]}")
    return tuple(kept)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _keep_flags(retention: RetentionPolicySpec) -> tuple[str, ...]:
    counts = retention.successful_snapshots or SuccessfulSnapshots()
    flags = [
        f"--keep-{name}={value}"
        for name, value in (
            ("last", counts.last),
            ("hourly", counts.hourly),
            ("daily", counts.daily),
            ("weekly", counts.weekly),
            ("monthly", counts.monthly),
            ("yearly", counts.yearly),
        )
        if value is not None
    ]
    failed = retention.failed_snapshots
    flags.append(f"--keep-failed={1 if failed is None or failed.last is None else failed.last}")
    if retention.max_retention_period:
        flags.append(f"--max-retention-period={retention.max_retention_period}")
    return tuple(flags)


def _backend(storage: BackupStorage) -> tuple[JsonObject, JsonObject]:
    """The volume of a local storage and where it is mounted."""
    path = storage_url(storage).removeprefix("file://")
    local = storage.local
    source = dict(local.volume_source) if local is not None else {}
    claim = cast("JsonObject | None", source.get("persistentVolumeClaim"))
    if claim is not None and claim.get("readOnly") is False:
        source["persistentVolumeClaim"] = {"claimName": claim["claimName"]}
    mount: JsonObject = {"name": BACKEND_VOLUME, "mountPath": path}
    if local is not None and local.sub_path:
        mount["subPath"] = local.sub_path
    return {"name": BACKEND_VOLUME, **source}, mount


def _data_volume(repository: Repository) -> JsonObject:
    target = repository.spec.app_ref
    claim = target.name if target is not None else ""
    return {"name": DATA_VOLUME, "persistentVolumeClaim": {"claimName": claim}}


def _data_mount(*, read_only: bool) -> JsonObject:
    mount: JsonObject = {"name": DATA_VOLUME, "mountPath": DATA_PATH}
    return mount | {"readOnly": True} if read_only else mount


def _encryption_volume(repository: Repository) -> JsonObject:
    secret = repository.spec.encryption_secret
    return {
        "name": "encryption",
        "secret": {
            "secretName": secret.name if secret is not None else "",
            "optional": True,
            "defaultMode": 288,
        },
    }


def _encryption_mount() -> JsonObject:
    return {"name": "encryption", "mountPath": ENCRYPTION_PATH, "readOnly": True}


def _tmp_source(task: TaskReference) -> JsonObject | None:
    """What a user put in place of the temporary volume (``addonVolumes``)."""
    names = {TMP_VOLUME, "${RESTIC_CACHE_VOLUME}"}
    for volume in task.addon_volumes or ():
        if volume.get("name") in names and isinstance(volume.get("source"), dict):
            return cast("JsonObject", volume["source"])
    return None
