"""The generated files of a folder: as many in memory as fit, the others are read when needed."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import ToolError

# What a thousand volumes have; reading again costs less time than memory is worth.
_MOST_BYTES = 24 * 2**20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC

_Status = tuple[int, int, int]


class StoredFiles(Mapping[PurePosixPath, bytes]):
    """Files by path below a folder, whose content is what it was when they were added."""

    def __init__(self, root: Path, most_bytes: int = _MOST_BYTES) -> None:
        """No files yet.

        Args:
            root: The folder.
            most_bytes: How much of them may be held in memory.
        """
        self._root = root
        self._left = most_bytes
        self._files: dict[PurePosixPath, bytes | _Status] = {}

    def add(self, path: PurePosixPath, content: bytes, status: os.stat_result) -> None:
        """Add a file that has just been read, with its status."""
        fits = len(content) <= self._left
        self._left -= len(content) if fits else 0
        self._files[path] = content if fits else _compared(status)

    def __getitem__(self, path: PurePosixPath) -> bytes:
        """The content.

        Raises:
            KeyError: there is no such file.
            ToolError: it is not what it was.
        """
        known = self._files[path]
        if isinstance(known, bytes):
            return known
        name = str(self._root / path)
        try:
            with os.fdopen(os.open(name, _FLAGS), "rb") as file:
                status, content = os.fstat(file.fileno()), file.read()
        except OSError as error:
            raise ToolError(f"cannot read {name} again: {error.strerror}") from error
        if _compared(status) != known:
            raise ToolError(f"{name} was changed by something else in the meantime; run it again")
        return content

    def __contains__(self, path: object) -> bool:
        """Whether there is such a file."""
        return path in self._files

    def __iter__(self) -> Iterator[PurePosixPath]:
        """The paths, in the order in which they were added."""
        return iter(self._files)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._files)


def _compared(status: os.stat_result) -> _Status:
    return status.st_ino, status.st_mtime_ns, status.st_size
