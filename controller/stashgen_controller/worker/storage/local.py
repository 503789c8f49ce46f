"""A storage in a folder: a volume that is mounted."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from fsspec.implementations.local import LocalFileSystem

from stashgen.kubestash.backends.local import Local
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.storage.base import (
    RefusedError,
    ResticAccess,
    Storage,
    StorageError,
)
from stashgen_controller.worker.storage.rename import NotSupportedError, rename_new

# How file systems say that they have no hard links (SMB, FAT, FUSE).
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def open_storage(url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
    """The storage in a mounted folder."""
    del credentials
    return LocalStorage(url, connections=flags.get("connections"))


class LocalStorage(Storage):
    """A storage on a mounted volume: ``file://<folder>``."""

    def __init__(self, url: str, *, connections: str | None = None) -> None:
        self._fs = LocalFileSystem()
        if connections is not None:
            self.access = ResticAccess({}, ["--option", f"local.connections={connections}"])
        super().__init__(self._fs, url.removeprefix(Local.url_prefix))

    def address(self, relative: str) -> str:
        """The folder itself."""
        return self._path(relative)

    def require(self) -> None:
        """A volume that is mounted answers: restic says at once what is wrong with it."""

    def require_writable(self, folder: str) -> None:
        """A volume that is mounted read-only: restic waits a quarter of an hour for a better one.

        Raises:
            StorageError: AccessDenied.
        """
        path = self._path(folder)
        if not Path(path).is_dir() or os.access(path, os.W_OK):
            return
        is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
        why = os.strerror(errno.EROFS if is_read_only else errno.EACCES)
        raise StorageError(ErrorClass.ACCESS_DENIED, f"{path}: {why}")

    def _put(self, target: str, data: bytes) -> None:
        with self._prepared(target, data) as temporary:
            self._fs.mv(temporary, target)

    def _put_new(self, target: str, data: bytes) -> None:
        with self._prepared(target, data) as temporary:
            # Neither replaces its target, nor shows half of a file.
            try:
                self._fs.link(temporary, target)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _rename_new(temporary, target)

    @contextlib.contextmanager
    def _prepared(self, target: str, data: bytes) -> Iterator[str]:
        """The data in a file beside the target that only we know, on the disk."""
        folder = str(PurePosixPath(target).parent)
        # Not the process id: it is 1 in every container.
        temporary = f"{target}.{secrets.token_hex(8)}.tmp"
        self._fs.makedirs(folder, exist_ok=True)
        try:
            with self._fs.open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with contextlib.suppress(OSError):
                self._fs.rm_file(temporary)
        _sync(folder)


def _rename_new(temporary: str, target: str) -> None:
    """Give the file its name where the file system has no hard links."""
    try:
        rename_new(temporary, target)
    except NotSupportedError as error:
        text = (
            "the file system has neither hard links nor renames that do not replace "
            f"({error.strerror}): records could be overwritten"
        )
        raise RefusedError(ErrorClass.CREATE_ONLY_IGNORED, text) from error


def _sync(folder: str) -> None:
    """Have a new name in a folder survive a loss of power, where the file system can."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
