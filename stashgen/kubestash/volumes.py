"""The volumes of a worker's pod: the storage, the target, the encryption key, scratch space."""

from typing import cast

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash.addons import DATA_PATH, DATA_VOLUME, TMP_VOLUME
from stashgen.kubestash.pod import ENCRYPTION_PATH
from stashgen.kubestash.variables import substitute

BACKEND_VOLUME = "backend"
DEFAULT_MOUNT_PATH = "/kubestash-backend"
_KEY_MODE = 0o440
_KEY_MODE_OF_OTHERS = 0o444


class UnsupportedStorageError(Exception):
    """The storage's provider is not supported yet."""


def storage_url(storage: BackupStorage) -> str:
    """Where the worker finds the storage in its pod: ``file://<mount path>``.

    ``subPath`` is applied by the mount and so is not part of it.

    Raises:
        UnsupportedStorageError: for a provider other than local.
    """
    local = storage.local
    if local is None:
        provider = storage.spec.storage.provider if storage.spec.storage else None
        msg = f"storage provider {provider!r} is not supported yet"
        raise UnsupportedStorageError(msg)
    return f"file://{local.mount_path or DEFAULT_MOUNT_PATH}"


def backend(storage: BackupStorage) -> tuple[JsonObject, JsonObject]:
    """The volume of a local storage, and its mount.

    Raises:
        UnsupportedStorageError: for a provider other than local.
    """
    path = storage_url(storage).removeprefix("file://")
    local = storage.local
    source = dict(local.volume_source) if local is not None else {}
    claim = cast("JsonObject | None", source.get("persistentVolumeClaim"))
    if claim is not None and claim.get("readOnly") is False:
        # false is how KubeStash's schema stores it; core/v1 leaves it out.
        source["persistentVolumeClaim"] = {"claimName": claim["claimName"]}
    folder = cast("JsonObject | None", source.get("hostPath"))
    if folder is not None:
        source["hostPath"] = {"type": "", **folder}
    mount: JsonObject = {"name": BACKEND_VOLUME, "mountPath": path}
    if local is not None and local.sub_path:
        mount["subPath"] = local.sub_path
    return {"name": BACKEND_VOLUME, **source}, mount


def target(repository: Repository, *, read_only: bool) -> tuple[JsonObject, JsonObject]:
    """The volume of the repository's claim, and its mount."""
    app = repository.spec.app_ref
    claim: JsonObject = {"claimName": app.name if app is not None else ""}
    mount: JsonObject = {"name": DATA_VOLUME, "mountPath": DATA_PATH}
    if read_only:
        mount["readOnly"] = True
    return {"name": DATA_VOLUME, "persistentVolumeClaim": claim}, mount


def encryption(repository: Repository, *, is_root: bool) -> list[tuple[JsonObject, JsonObject]]:
    """The volume of the repository's key, and its mount; nothing where no Secret is named.

    The Secret is optional: the worker reports its absence as ``SecretMissing``, while a pod that
    waits for it would say nothing.
    """
    secret = repository.spec.encryption_secret
    if secret is None:
        return []
    # The kubelet gives a Secret's files to root, and we set no fsGroup that would share them.
    mode = _KEY_MODE if is_root else _KEY_MODE_OF_OTHERS
    source: JsonObject = {"secretName": secret.name, "optional": True, "defaultMode": mode}
    mount: JsonObject = {"name": "encryption", "mountPath": ENCRYPTION_PATH, "readOnly": True}
    return [({"name": "encryption", "secret": source}, mount)]


def is_scratch_volume(name: str | None) -> bool:
    """Whether an entry of ``addonVolumes`` means the scratch volume."""
    return substitute(name or "", {"RESTIC_CACHE_VOLUME": TMP_VOLUME}) == TMP_VOLUME


def scratch_source(task: TaskReference) -> JsonObject | None:
    """What a user put in place of the scratch volume (``addonVolumes``), as a volume source.

    A ``volumeClaimTemplate`` becomes a generic ephemeral volume (Kubernetes, "Ephemeral
    Volumes"), which goes with the pod.
    """
    for volume in task.addon_volumes or ():
        source = volume.source
        if not is_scratch_volume(volume.name) or source is None:
            continue
        template = source.get("volumeClaimTemplate")
        if not isinstance(template, dict):
            return source
        return {"ephemeral": {"volumeClaimTemplate": _without_name(template)}}
    return None


def _without_name(template: JsonObject) -> JsonObject:
    """An ephemeral volume's template has labels and annotations, its claim the pod's name."""
    metadata = cast("JsonObject", template.get("metadata") or {})
    kept: JsonObject = {
        key: value for key, value in metadata.items() if key in {"labels", "annotations"}
    }
    spec: JsonObject = {"spec": template.get("spec") or {}}
    return {"metadata": kept, **spec} if kept else spec
