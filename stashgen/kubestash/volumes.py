"""The volumes of a worker's pod: the storage, the target, the encryption key, scratch space."""

from typing import cast

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.repository import Repository
from stashgen.api.shared import TaskReference
from stashgen.kubestash import s3
from stashgen.kubestash.addons import DATA_VOLUME, TMP_VOLUME
from stashgen.kubestash.layout import UnsafePathError
from stashgen.kubestash.paths import CREDENTIALS_PATH, DATA_PATH, ENCRYPTION_PATH
from stashgen.kubestash.variables import substitute

BACKEND_VOLUME = "backend"
CREDENTIALS_VOLUME = "credentials"
ENCRYPTION_VOLUME = "encryption"
DEFAULT_MOUNT_PATH = "/kubestash-backend"
_KEY_MODE = 0o440
_KEY_MODE_OF_OTHERS = 0o444
_FILE_MODE = 0o644
# What the API server fills in (core/v1, SetDefaults_...VolumeSource).
_SOURCE_DEFAULTS: dict[str, JsonObject] = {
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "kind": "Shared",
        "readOnly": False,
    },
    "configMap": {"defaultMode": _FILE_MODE},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"keyring": "/etc/ceph/keyring", "pool": "rbd", "user": "admin"},
    "scaleIO": {"fsType": "xfs", "storageMode": "ThinProvisioned"},
    "secret": {"defaultMode": _FILE_MODE},
}
_THREE_VALUED = {"azureDisk", "csi"}


class UnsupportedStorageError(Exception):
    """The storage's provider, or what it asks for, is not supported yet."""


def storage_url(storage: BackupStorage) -> str:
    """Where the worker finds the storage: ``file://<mount path>``, or as restic spells a bucket.

    A local ``subPath`` is applied by the mount and so is not part of it.

    Raises:
        UnsupportedStorageError: for another provider, or a prefix that leaves its place.
    """
    local, bucket = storage.local, storage.s3
    if local is not None:
        return f"file://{local.mount_path or DEFAULT_MOUNT_PATH}"
    if bucket is not None:
        try:
            return s3.url(bucket)
        except UnsafePathError as error:
            raise UnsupportedStorageError(str(error)) from error
    provider = storage.spec.storage.provider if storage.spec.storage else None
    msg = f"storage provider {provider!r} is not supported yet"
    raise UnsupportedStorageError(msg)


def storage_flags(storage: BackupStorage) -> dict[str, str]:
    """The worker's flags about the storage beside its address; none for a local one."""
    return s3.flags(storage.s3) if storage.s3 is not None else {}


def backend(storage: BackupStorage, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
    """The volume of a local storage, or with the keys of a bucket; and its mount.

    Raises:
        UnsupportedStorageError: for another provider, or a bucket without a Secret.
    """
    if storage.s3 is not None:
        secret = storage.s3.secret_name
        if not secret:
            msg = "access to a bucket without a Secret is not supported yet"
            raise UnsupportedStorageError(msg)
        return _secret(CREDENTIALS_VOLUME, secret, CREDENTIALS_PATH, is_root=is_root)
    path = storage_url(storage).removeprefix("file://")
    local = storage.local
    source = as_stored(local.volume_source) if local is not None else {}
    mount: JsonObject = {"name": BACKEND_VOLUME, "mountPath": path}
    if local is not None and local.sub_path:
        mount["subPath"] = local.sub_path
    return {"name": BACKEND_VOLUME, **source}, mount


def target(
    repository: Repository, *, read_only: bool, has_group: bool = False
) -> tuple[JsonObject, JsonObject]:
    """The volume of the repository's claim, and its mount.

    Args:
        repository: Whose target it is.
        read_only: For a backup.
        has_group: The pod has an fsGroup. The kubelet gives a volume's files to that group unless
            the volume itself, not only its mount, is read-only (Kubernetes, "Security context"):
            a backup must not change the live volume.
    """
    app = repository.spec.app_ref
    claim: JsonObject = {"claimName": app.name if app is not None else ""}
    mount: JsonObject = {"name": DATA_VOLUME, "mountPath": DATA_PATH}
    if read_only:
        mount["readOnly"] = True
        if has_group:
            claim["readOnly"] = True
    return {"name": DATA_VOLUME, "persistentVolumeClaim": claim}, mount


def encryption(repository: Repository, *, is_root: bool) -> list[tuple[JsonObject, JsonObject]]:
    """The volume of the repository's key, and its mount; nothing where no Secret is named."""
    secret = repository.spec.encryption_secret
    if secret is None:
        return []
    return [_secret(ENCRYPTION_VOLUME, secret.name, ENCRYPTION_PATH, is_root=is_root)]


def _secret(volume: str, secret: str, path: str, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
    """A Secret of the pod's own namespace as files.

    It is optional: the worker reports its absence as ``SecretMissing``, while a pod that waits
    for it would say nothing.
    """
    # The kubelet gives a Secret's files to root, and we set no fsGroup that would share them.
    mode = _KEY_MODE if is_root else _KEY_MODE_OF_OTHERS
    source: JsonObject = {"secretName": secret, "optional": True, "defaultMode": mode}
    return (
        {"name": volume, "secret": source},
        {"name": volume, "mountPath": path, "readOnly": True},
    )


def as_stored(source: JsonObject) -> JsonObject:
    """A volume source as the API server stores it: with its defaults, without what it leaves out.

    Source: Kubernetes 1.34, defaults of core/v1; ``readOnly: false`` (as KubeStash's schema stores
    it) is left out except where core/v1 tells it from nothing.
    """
    found: JsonObject = {}
    for kind, value in source.items():
        block = dict(cast("JsonObject", value))
        if block.get("readOnly") is False and kind not in _THREE_VALUED:
            del block["readOnly"]
        found[kind] = {**_SOURCE_DEFAULTS.get(kind, {}), **block}
    return found


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
            return as_stored(source)
        return {"ephemeral": {"volumeClaimTemplate": _claim_template(template)}}
    return None


def _claim_template(template: JsonObject) -> JsonObject:
    """An ephemeral volume's template has labels and annotations, its claim the pod's name."""
    metadata = metadata_of(template)
    kept: JsonObject = {
        key: value for key, value in metadata.items() if key in {"labels", "annotations"}
    }
    spec = cast("JsonObject", template.get("spec") or {})
    return {"metadata": kept, "spec": {"volumeMode": "Filesystem", **spec}}
