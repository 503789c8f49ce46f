"""Find a project's files by shell patterns, never outside the project.

As in a shell, ``*`` and ``?`` stop at a slash and skip hidden names, and ``**`` matches any number
of folders. A pattern that matches a folder means every YAML and JSON file below it. The order of
the results depends only on the names.
"""

import os
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_ANY_FOLDERS = "**"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name inside a folder of the project; ``real`` has its symlinks resolved."""

    path: PurePosixPath
    real: Path
    is_folder: bool


@dataclass(slots=True)
class Finder:
    """Matches patterns below a root; symlinks are followed as long as they stay inside.

    Attributes:
        root: The project's folder, with its symlinks resolved.
        excluded: A folder that is never searched: the output.
        refused: What patterns matched but could not be read: broken links, links out of the root,
            devices, sockets, pipes.
    """

    root: Path
    excluded: PurePosixPath | None = None
    refused: set[PurePosixPath] = field(default_factory=set)

    def files(
        self, pattern: str, left_out: Container[PurePosixPath] = ()
    ) -> dict[PurePosixPath, Path]:
        """The files that match a pattern, by path, with their real paths.

        A file that is reached in several ways is listed once, by the first of them. The pattern
        must be one that ``segments_of`` accepts.

        Args:
            pattern: The pattern.
            left_out: Paths that do not count.

        Raises:
            OSError: a folder cannot be read.
        """
        found: dict[Path, PurePosixPath] = {}
        for entry in self.matches(segments_of(pattern)):
            for member in self.members(entry):
                if member.path not in left_out:
                    found.setdefault(member.real, member.path)
        return {path: real for real, path in sorted(found.items(), key=lambda item: item[1])}

    def exact(self, path: PurePosixPath) -> Path | None:
        """The real path of one file, whatever its name; None if there is none or it is refused.

        Raises:
            OSError: a folder cannot be read.
        """
        entry: _Entry | None = _Entry(PurePosixPath(), self.root, is_folder=True)
        for name in path.parts:
            if entry is None or not entry.is_folder or name == "..":
                return None
            real = entry.real / name
            there = real.exists() or real.is_symlink()
            entry = self._entry(entry, name) if there else None
        return entry.real if entry is not None and not entry.is_folder else None

    def paths(self, pattern: str) -> frozenset[PurePosixPath]:
        """Every path that matches a pattern, even of what cannot be read.

        Raises:
            OSError: a folder cannot be read.
        """
        apart, segments = Finder(self.root, self.excluded), segments_of(pattern)
        matched = [*apart.matches(segments)]
        found = {member.path for entry in matched for member in apart.members(entry)}
        folders = {entry.path for entry in matched if entry.is_folder}
        # On the way to what matches, others are refused, too.
        refused = {
            path
            for path in apart.refused
            if not folders.isdisjoint(path.parents) or _is_named(path, segments)
        }
        return frozenset(found | refused)

    def matches(self, segments: tuple[str, ...]) -> Iterator[_Entry]:
        """The files and folders that a pattern names."""
        return self._matches(_Entry(PurePosixPath(), self.root, is_folder=True), segments, set())

    def members(self, entry: _Entry) -> Iterator[_Entry]:
        """The file itself, or every file below the folder."""
        return self._below(entry, set()) if entry.is_folder else iter((entry,))

    def _matches(
        self, folder: _Entry, segments: tuple[str, ...], seen: set[tuple[Path, int]]
    ) -> Iterator[_Entry]:
        # Links may form a cycle, and several ** can reach a folder in several ways.
        if (folder.real, len(segments)) in seen:
            return
        seen.add((folder.real, len(segments)))
        if not segments:
            yield folder
            return
        head, rest = segments[0], segments[1:]
        if head == _ANY_FOLDERS:
            yield from self._matches(folder, rest, seen)
            for entry in self._entries(folder, "*"):
                if entry.is_folder:
                    yield from self._matches(entry, segments, seen)
            return
        for entry in self._entries(folder, head):
            if entry.is_folder:
                yield from self._matches(entry, rest, seen)
            elif not rest:
                yield entry

    def _below(self, folder: _Entry, seen: set[Path]) -> Iterator[_Entry]:
        if folder.real in seen:
            return
        seen.add(folder.real)
        for entry in self._entries(folder, "*"):
            if entry.is_folder:
                yield from self._below(entry, seen)
            elif entry.path.suffix in _SUFFIXES:
                yield entry

    def _entries(self, folder: _Entry, name: str) -> Iterator[_Entry]:
        """The entries of a folder that match this name or pattern, sorted."""
        with os.scandir(folder.real) as listing:
            listed = sorted(listing, key=lambda item: item.name)
        for item in listed:
            found = item.name
            if found == name or (fnmatchcase(found, name) and (found[0] != "." or name[0] == ".")):
                entry = self._listed(folder, item)
                if entry is not None:
                    yield entry

    def _listed(self, folder: _Entry, item: os.DirEntry[str]) -> _Entry | None:
        """As ``_entry``; the listing knows what most are, and none is inside what is excluded."""
        is_folder = item.is_dir(follow_symlinks=False)
        if not is_folder and not item.is_file(follow_symlinks=False):
            return self._entry(folder, item.name)
        real = folder.real / item.name
        if self.excluded is not None and real == self.root / self.excluded:
            return None
        return _Entry(folder.path / item.name, real, is_folder=is_folder)

    def _entry(self, folder: _Entry, name: str) -> _Entry | None:
        path, real = folder.path / name, folder.real / name
        if real.is_symlink():
            real = Path(os.path.realpath(real))
            if not real.is_relative_to(self.root) or not real.exists():
                self.refused.add(path)
                return None
        if self.excluded is not None and real.is_relative_to(self.root / self.excluded):
            return None
        mode = real.stat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            self.refused.add(path)
            return None
        return _Entry(path, real, is_folder=stat.S_ISDIR(mode))


def _is_named(path: PurePosixPath, segments: tuple[str, ...]) -> bool:
    """Whether a pattern without ``**`` names a path."""
    return len(path.parts) == len(segments) and all(map(fnmatchcase, path.parts, segments))


def segments_of(pattern: str) -> tuple[str, ...]:
    """The parts of a pattern.

    Raises:
        ValueError: it is empty or absolute, or leaves the project.
    """
    if not pattern:
        raise ValueError("it is empty")
    if pattern.startswith("/"):
        raise ValueError("it is absolute")
    if "\\" in pattern or "\0" in pattern:
        raise ValueError("it contains a character that is not allowed in a path")
    segments = tuple(part for part in pattern.split("/") if part not in {"", "."})
    if ".." in segments:
        raise ValueError('".." leaves the project')
    return segments
