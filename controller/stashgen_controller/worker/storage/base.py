"""A storage through fsspec: the common interface of all storages.

Paths are relative to the storage's prefix and use slashes.
"""

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fsspec import AbstractFileSystem

from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageError(Exception):
    """The storage could not be read or written; the text says why, ``reason`` is the class."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RefusedError(OSError):
    """What an object store answers, by our name for it."""

    def __init__(self, reason: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ResticAccess:
    """What restic needs beside a repository's address to reach it."""

    environment: Mapping[str, str]
    flags: Sequence[str]


LOCAL_ACCESS = ResticAccess({}, ())


class Storage(ABC):
    """One storage.

    Attributes:
        access: For restic.
    """

    access: ResticAccess = LOCAL_ACCESS

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = root

    @abstractmethod
    def address(self, relative: str) -> str:
        """The place of a path, as restic spells it.

        Raises:
            UnsafePathError: when it would leave the storage's prefix.
        """

    @abstractmethod
    def require(self) -> None:
        """See that the storage answers us, which restic would find out in a quarter of an hour.

        Raises:
            StorageError: it does not.
        """

    @abstractmethod
    def _put(self, target: str, data: bytes) -> None:
        """Write a file whole: a reader sees the old bytes or the new ones."""

    @abstractmethod
    def _put_new(self, target: str, data: bytes) -> None:
        """Write a file whole; raises FileExistsError where there is one."""

    def read(self, relative: str, *, limit_bytes: int = 1 << 20) -> bytes | None:
        """A file's bytes, or None where there is none.

        Raises:
            StorageError: the storage does not respond, or the file is larger than the limit.
        """
        try:
            data = self._filesystem.cat_file(self._path(relative), start=0, end=limit_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failure(error) from error
        if len(data) > limit_bytes:
            msg = f"{relative} is larger than {limit_bytes} bytes"
            raise StorageError(ErrorClass.INVALID_BUCKET, msg)
        return bytes(data)

    def write(self, relative: str, data: bytes) -> None:
        """Write a file whole: a reader sees the old bytes or the new ones.

        Raises:
            StorageError: it could not be written.
        """
        try:
            self._put(self._path(relative), data)
        except OSError as error:
            raise _failure(error) from error

    def create(self, relative: str, data: bytes) -> bool:
        """Write a file only if there is none; says whether it was written.

        Raises:
            StorageError: it could not be written.
        """
        try:
            self._put_new(self._path(relative), data)
        except FileExistsError:
            return False
        except OSError as error:
            raise _failure(error) from error
        return True

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, oldest first; none where there is no folder.

        Raises:
            StorageError: the storage does not respond.
        """
        try:
            found = self._filesystem.ls(self._path(folder), detail=True)
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
            self._filesystem.rm_file(self._path(relative))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failure(error) from error

    def _path(self, relative: str) -> str:
        return str(PurePosixPath(self._root, layout.join(relative)))


def _failure(error: OSError) -> StorageError:
    if isinstance(error, RefusedError):
        return StorageError(error.reason, str(error))
    reason = ErrorClass.NO_SPACE if error.errno in _FULL else ErrorClass.UNAVAILABLE
    return StorageError(reason, str(error))
