"""Object storage through fsspec; the only module that knows it.

Paths are relative to the storage's prefix and use slashes.
"""

import contextlib
import os
from pathlib import PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem


class StorageError(Exception):
    """The storage could not be read or written; the text says why."""


class Bucket:
    """One storage, for example ``file:///kubestash-backend``."""

    def __init__(self, url: str) -> None:
        filesystem, root = fsspec.core.url_to_fs(url)
        if not isinstance(filesystem, LocalFileSystem):
            msg = f"{url}: only file:// storages are supported yet"
            raise StorageError(msg)
        self._fs = filesystem
        self._root = str(root)

    @property
    def root(self) -> str:
        """Where the storage's prefix is, for restic."""
        return self._root

    def path(self, relative: str) -> str:
        """The place of a path, for restic."""
        return str(PurePosixPath(self._root, relative))

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
            raise StorageError(str(error)) from error
        if len(data) > limit_bytes:
            msg = f"{relative} is larger than {limit_bytes} bytes"
            raise StorageError(msg)
        return data

    def write(self, relative: str, data: bytes) -> None:
        """Write a file whole: a reader sees the old bytes or the new ones.

        Raises:
            StorageError: it could not be written.
        """
        target = self.path(relative)
        temporary = f"{target}.{os.getpid()}.tmp"
        try:
            self._fs.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            with self._fs.open(temporary, "wb") as file:
                file.write(data)
            self._fs.mv(temporary, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._fs.rm(temporary)
            raise StorageError(str(error)) from error

    def create(self, relative: str, data: bytes) -> bool:
        """Write a file only if there is none; says whether it was written.

        Raises:
            StorageError: it could not be written.
        """
        target = self.path(relative)
        temporary = f"{target}.{os.getpid()}.new"
        try:
            self._fs.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            with self._fs.open(temporary, "wb") as file:
                file.write(data)
            # A hard link is the one call of a file system that never replaces its target.
            self._fs.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            raise StorageError(str(error)) from error
        finally:
            with contextlib.suppress(OSError):
                self._fs.rm(temporary)
        return True

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, sorted; none where there is no folder.

        Raises:
            StorageError: the storage does not answer.
        """
        try:
            found = self._fs.ls(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(str(error)) from error
        return sorted(PurePosixPath(item["name"]).name for item in found if item["type"] == "file")

    def delete(self, relative: str) -> None:
        """Delete a file; a missing one is success.

        Raises:
            StorageError: it could not be deleted.
        """
        try:
            self._fs.rm(self.path(relative))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(str(error)) from error
