"""Where a BackupStorage is and how a worker reaches it, one module a provider."""

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.kubestash.backends import s3
from stashgen.kubestash.layout import UnsafePathError
from stashgen.kubestash.paths import CREDENTIALS_PATH
from stashgen.kubestash.pods.volume_sources import as_stored, secret_volume

BACKEND_VOLUME = "backend"
CREDENTIALS_VOLUME = "credentials"
DEFAULT_MOUNT_PATH = "/kubestash-backend"


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
        return secret_volume(CREDENTIALS_VOLUME, secret, CREDENTIALS_PATH, is_root=is_root)
    path = storage_url(storage).removeprefix("file://")
    local = storage.local
    source = as_stored(local.volume_source) if local is not None else {}
    mount: JsonObject = {"name": BACKEND_VOLUME, "mountPath": path}
    if local is not None and local.sub_path:
        mount["subPath"] = local.sub_path
    return {"name": BACKEND_VOLUME, **source}, mount
