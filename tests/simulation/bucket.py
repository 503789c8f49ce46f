"""A bucket in memory: the worker's own Storage over files that a simulation holds."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import cast

from stashgen_controller.worker.storage.base import Storage

# Before each request to the bucket: it takes time, and may fail.
Passing = Callable[[str, str], None]


class Bucket:
    """The files of one storage, by their whole path; they are listed oldest first.

    Args:
        now: The storage's clock, in seconds of Unix time.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.files: dict[str, bytes] = {}
        self._written: dict[str, float] = {}

    def put(self, path: str, data: bytes) -> None:
        """Write a file; one that is written again is the newest."""
        self.files.pop(path, None)
        self.files[path] = data
        self._written[path] = self._now()

    def written(self, path: str) -> float:
        """When a file was written."""
        return self._written.get(path, 0.0)

    def copy_from(self, other: "Bucket") -> None:
        """Begin with the files of another one."""
        self.files, self._written = dict(other.files), dict(other._written)


class BucketFiles:
    """The few calls of fsspec that ``Storage`` makes."""

    def __init__(self, bucket: Bucket, passing: Passing) -> None:
        self._bucket = bucket
        self._passing = passing

    def cat_file(self, path: str, *, start: int, end: int) -> bytes:
        """A part of a file."""
        self._passing("read", path)
        found = self._bucket.files.get(path)
        if found is None:
            raise FileNotFoundError(path)
        return found[start:end]

    def ls(self, path: str, *, detail: bool) -> list[dict[str, object]]:
        """What is directly in a folder."""
        del detail
        self._passing("list", path)
        # Files of the same moment are listed in the order in which they were written.
        return [
            {"name": name, "type": "file", "mtime": self._bucket.written(name) + number * 1e-6}
            for number, name in enumerate(self._bucket.files)
            if str(PurePosixPath(name).parent) == path
        ]

    def rm_file(self, path: str) -> None:
        """Delete a file."""
        self._passing("delete", path)
        if self._bucket.files.pop(path, None) is None:
            raise FileNotFoundError(path)

    def put(self, path: str, data: bytes, *, new: bool) -> None:
        """Write a file whole."""
        self._passing("create" if new else "write", path)
        if new and path in self._bucket.files:
            raise FileExistsError(path)
        self._bucket.put(path, data)


class SimulatedStorage(Storage):
    """A storage in a bucket of the simulation."""

    def __init__(self, bucket: Bucket, root: str, passing: Passing) -> None:
        self._held = BucketFiles(bucket, passing)
        super().__init__(cast("object", self._held), root)

    def address(self, relative: str) -> str:
        """The path itself."""
        return self._path(relative)

    def require(self) -> None:
        """It answers, or the next request says that it does not."""

    def _put(self, target: str, data: bytes) -> None:
        self._held.put(target, data, new=False)

    def _put_new(self, target: str, data: bytes) -> None:
        self._held.put(target, data, new=True)
