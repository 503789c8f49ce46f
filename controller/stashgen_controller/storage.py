"""Object storage through fsspec; the only module that knows it.

Paths are relative to the storage's prefix and use slashes.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from stashgen.kubestash import layout
from stashgen_controller.result import ErrorClass

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageError(Exception):
    """The storage could not be read or written; the text says why, ``reason`` is the class."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Bucket:
    """One storage, for example ``file:///kubestash-backend``."""

    def __init__(self, url: str) -> None:
        filesystem, root = fsspec.core.url_to_fs(url)
        if not isinstance(filesystem, LocalFileSystem):
            msg = f"{url}: only file:// storages are supported yet"
            raise StorageError(ErrorClass.INTERNAL, msg)
        self._fs = filesystem
        self._root = str(root)

    def path(self, relative: str) -> str:
        """The place of a path, for restic.

        Raises:
            UnsafePathError: when it would leave the storage's prefix.
        """
        return str(PurePosixPath(self._root, layout.join(relative)))

    def read(self, relative: str, *, limit_bytes: int = 1 << 20) -> bytes | None:
        """A file's bytes, or None where there is none.

        Raises:
            StorageError: the storage does not answer, or the file is larger than the limit.
        """
        try:
            with self._fs.open(self.path(relative), "rb") as file:
                data = bytes(file.read(limit_bytes + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failure(error) from error
        if len(data) > limit_bytes:
            msg = f"{relative} is larger than {limit_bytes} bytes"
            raise StorageError(ErrorClass.INVALID_BUCKET, msg)
        return data

    def write(self, relative: str, data: bytes) -> None:
        """Write a file whole: a reader sees the old bytes or the new ones.

        Raises:
            StorageError: it could not be written.
        """
        target = self.path(relative)
        try:
            with self._prepared(target, data) as temporary:
                self._fs.mv(temporary, target)
        except OSError as error:
            raise _failure(error) from error

    def create(self, relative: str, data: bytes) -> bool:
        """Write a file only if there is none; says whether it was written.

        Raises:
            StorageError: it could not be written.
        """
        target = self.path(relative)
        try:
            with self._prepared(target, data) as temporary:
                # A hard link is the one call of a file system that never replaces its target and
                # never shows half of a file.
                self._fs.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            raise _failure(error) from error
        return True

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, oldest first; none where there is no folder.

        Raises:
            StorageError: the storage does not answer.
        """
        try:
            found = self._fs.ls(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failure(error) from error
        files = [item for item in found if item["type"] == "file"]
        ordered = sorted(files, key=lambda item: (item["mtime"], item["name"]))
        return [PurePosixPath(item["name"]).name for item in ordered]

    def delete(self, relative: str) -> None:
        """Delete a file; a missing one is success.

        Raises:
            StorageError: it could not be deleted.
        """
        try:
            self._fs.rm_file(self.path(relative))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failure(error) from error

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


def _sync(folder: str) -> None:
    """Have a new name in a folder survive a loss of power, where the file system can."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _failure(error: OSError) -> StorageError:
    reason = ErrorClass.NO_SPACE if error.errno in _FULL else ErrorClass.UNAVAILABLE
    return StorageError(reason, str(error))
