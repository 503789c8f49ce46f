"""Where a BackupStorage is and how a worker reaches it: one module and one row per provider."""

from collections.abc import Mapping

from stashgen.api import backup_storage as api
from stashgen.kubestash.backends.backend import Backend, UnsupportedStorageError
from stashgen.kubestash.backends.local import Local
from stashgen.kubestash.backends.s3 import S3

__all__ = [
    "BACKENDS",
    "FLAG_NAMES",
    "Backend",
    "UnsupportedStorageError",
    "backend_of",
    "required_backend",
]

# By KubeStash's name for the provider; the worker's storage folder has a module of that name.
BACKENDS: Mapping[str, type[Backend]] = {"local": Local, "s3": S3}
FLAG_NAMES = tuple(dict.fromkeys(flag for one in BACKENDS.values() for flag in one.flag_names))


def backend_of(
    storage: api.Backend | None, annotations: Mapping[str, str] | None = None
) -> Backend | None:
    """The backend of a ``spec.storage``; None without one, or for an unsupported provider.

    Args:
        storage: The ``spec.storage``.
        annotations: Of the BackupStorage. They say how it is reached, not where it is.
    """
    known = BACKENDS.get(storage.provider or "") if storage is not None else None
    return (
        known.of(storage, annotations or {}) if known is not None and storage is not None else None
    )


def required_backend(
    storage: api.Backend | None, annotations: Mapping[str, str] | None = None
) -> Backend:
    """The same of one that has a supported provider.

    Raises:
        UnsupportedStorageError: it has none, or the provider is not supported yet.
    """
    backend = backend_of(storage, annotations)
    if backend is None:
        provider = storage.provider if storage is not None else None
        msg = f"storage provider {provider!r} is not supported yet"
        raise UnsupportedStorageError(msg)
    return backend
