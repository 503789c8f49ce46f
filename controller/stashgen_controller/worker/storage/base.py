"""A storage through fsspec: the common interface of all storages.

Paths are relative to the storage's prefix and use slashes.
"""

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TypedDict

from fsspec import AbstractFileSystem

from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass

_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}
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
        has_own_clock: Times of files are those of another machine, so they prove something.
    """

    access: ResticAccess = LOCAL_ACCESS
    has_own_clock: bool = False

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

    def require_writable(self, folder: str) -> None:
        """See that files can be added to a folder, if restic would try it for a long time.

        Raises:
            StorageError: they cannot.
        """
        del folder

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

    def is_writable(self, relative: str) -> bool:
        """Whether we may write there: a file that exists stays as it is. One request.

        Raises:
            StorageError: the storage does not respond.
        """
        try:
            self.create(relative, b"1")
        except StorageError as error:
            if error.reason in {ErrorClass.ACCESS_DENIED, ErrorClass.NO_SPACE}:
                return False
            raise
        return True

    def require_create_only(self, relative: str) -> None:
        """See that the storage still refuses to replace a file on a create-only write.

        One request, except the first time. The file is for this alone.

        Raises:
            StorageError: CreateOnlyIgnored, where it does not; or it does not respond.
        """
        if self.create(relative, b"1") and self.create(relative, b"2"):
            msg = "the storage overwrites an existing file on a create-only write"
            raise StorageError(ErrorClass.CREATE_ONLY_IGNORED, msg)

    def written_at(self, relative: str) -> datetime | None:
        """When a file was written, by the clock of the storage; None where there is none.

        Raises:
            StorageError: the storage does not respond.
        """
        path = PurePosixPath(self._path(relative))
        found = (item for item in self._files(str(path.parent)) if _name(item) == path.name)
        return next((datetime.fromtimestamp(item["mtime"], UTC) for item in found), None)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, oldest first; none where there is no folder.

        Raises:
            StorageError: the storage does not respond.
        """
        files = self._files(self._path(folder))
        return [
            _name(item) for item in sorted(files, key=lambda item: (item["mtime"], _name(item)))
        ]

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

    def _files(self, folder: str) -> "list[_File]":
        try:
            found = self._filesystem.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failure(error) from error
        return [item for item in found if item["type"] == "file"]

    def _path(self, relative: str) -> str:
        return str(PurePosixPath(self._root, layout.join(relative)))


class _File(TypedDict):
    """What fsspec says of a file; ``mtime`` in seconds since 1970."""

    name: str
    mtime: float


def _name(item: _File) -> str:
    return PurePosixPath(item["name"]).name


def _failure(error: OSError) -> StorageError:
    if isinstance(error, RefusedError):
        return StorageError(error.reason, str(error))
    if error.errno in _READ_ONLY:
        return StorageError(ErrorClass.ACCESS_DENIED, str(error))
    reason = ErrorClass.NO_SPACE if error.errno in _FULL else ErrorClass.UNAVAILABLE
    return StorageError(reason, str(error))
