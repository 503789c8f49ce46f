"""Read, compare and write the folder of generated files; the only edge that changes files.

The first two lines of a file identify its owner: only files with the generated header and the
project's name are ever read as output, replaced or deleted. A foreign file, or one of another
project, that is in the way stops the build before anything is written.

Files appear atomically (a temporary file in the same folder is renamed), new ones before old ones
are removed, and files with the right content are not touched. An interrupted build leaves a mixture
of two good states, and the next build completes it. Nothing is synced to disk: the tree can be
built again.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import Finding, Outcome, Position, Severity, ToolError, quote
from stashgen.output.header import GENERATED_HEADER, has_mark_below, is_marked, project_of
from stashgen.output.stored import StoredFiles

_HEAD = 256
_TEMPORARY = ".stashgen-tmp"
_NOT_OUTPUT = ".git"

FileTree = Mapping[PurePosixPath, bytes]


class Code(StrEnum):
    """What writing the output may report; each is explained in docs/findings.md."""

    FOREIGN = "SG601"
    SYMLINK = "SG602"
    OTHER_PROJECT = "SG603"


@dataclass(frozen=True, slots=True)
class Differences:
    """Where a folder differs from a fresh build; each sorted."""

    missing: tuple[PurePosixPath, ...]
    stale: tuple[PurePosixPath, ...]
    extra: tuple[PurePosixPath, ...]


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What a build did to the folder; each sorted.

    Attributes:
        written: New files and files whose content changed.
        deleted: Generated files that are no longer part of the output.
        unchanged: How many files were already up to date.
        leftovers: Temporary files of an interrupted build, now removed.
    """

    written: tuple[PurePosixPath, ...] = ()
    deleted: tuple[PurePosixPath, ...] = ()
    unchanged: int = 0
    leftovers: tuple[PurePosixPath, ...] = ()


@dataclass(slots=True)
class Output:
    """Everything below a folder at the time it was read; symlinks are not followed.

    Attributes:
        root: The folder.
        project: The project that owns the output.
        generated: The project's files with their content.
        others: Generated files of other projects, with the project's name; None if it has none.
        foreign: Files that stashgen did not write.
        leftovers: Temporary files of an interrupted build.
    """

    root: Path
    project: str
    generated: StoredFiles = field(init=False)
    others: dict[PurePosixPath, str | None] = field(default_factory=dict)
    foreign: set[PurePosixPath] = field(default_factory=set)
    symlinks: set[PurePosixPath] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)
    leftovers: list[PurePosixPath] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Without files as yet."""
        self.generated = StoredFiles(self.root)


def read_output(root: Path, project: str) -> Output:
    """Read a folder; one that does not exist is empty.

    Raises:
        ToolError: a file or folder cannot be read, or the root is not a folder.
    """
    scan = Output(root, project)
    with _system_errors("read"):
        if not root.is_dir():
            if root.exists() or root.is_symlink():
                raise NotADirectoryError(0, "not a folder", str(root))
            return scan
        pending = [(str(root), PurePosixPath())]
        while pending:
            folder, relative = pending.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = relative / entry.name
                    if entry.is_symlink():
                        scan.symlinks.add(path)
                    elif entry.is_dir(follow_symlinks=False):
                        if entry.name != _NOT_OUTPUT:
                            scan.folders.add(path)
                            pending.append((entry.path, path))
                    elif not entry.is_file(follow_symlinks=False):
                        scan.foreign.add(path)
                    elif entry.name.startswith(".") and entry.name.endswith(_TEMPORARY):
                        scan.leftovers.append(path)
                    else:
                        _take(scan, path, entry.path)
    return scan


def obstacles(output: Output, files: FileTree) -> tuple[Finding, ...]:
    """What keeps a build from writing ``files``: everything in their way that is not ours."""
    return tuple(_obstacles(output, files))


def _obstacles(output: Output, files: FileTree) -> Iterator[Finding]:
    """What is in the place of a file or of its folders, or below it."""
    root = output.root
    needed_folders = {parent for path in files for parent in path.parents}
    for path in sorted(output.symlinks):
        if path in files or path in needed_folders:
            yield _finding(
                Code.SYMLINK,
                root / path,
                "a symbolic link is in the way of the output",
                "a build never writes through a link, which may lead out of the output folder",
                "remove the link, or choose another output folder",
            )
    # A folder in the place of a file is no obstacle if it holds only our files, all to be deleted.
    links = {path for path in output.symlinks if path not in files}
    others = output.foreign | links | output.others.keys()
    in_the_way = {path for path in others - links if path in needed_folders}
    in_the_way |= {other for other in others if _is_below(other, files)}
    # A file that names no project may still be needed, so it is never deleted.
    in_the_way |= {path for path, owner in output.others.items() if owner is None}
    for path in sorted(in_the_way):
        if path in output.others:
            yield _of_another(root / path, output.project, output.others[path])
            continue
        yield _finding(
            Code.FOREIGN,
            root / path,
            "a file that stashgen did not write is in the way of the output",
            f"only files that start with {GENERATED_HEADER.decode()!r} are replaced",
            "move the file elsewhere, or delete it if it is old output",
        )


def _of_another(path: Path, project: str, owner: str | None) -> Finding:
    if owner is None:
        return _finding(
            Code.OTHER_PROJECT,
            path,
            "the first two lines of a generated file do not name its project",
            f"this project's files start with {GENERATED_HEADER.decode()!r} and "
            f"'# project: {project}'; a record of backups that cannot be read could be lost "
            "unnoticed",
            "restore the file from Git; delete it only if nothing in it needs to be kept",
        )
    return _finding(
        Code.OTHER_PROJECT,
        path,
        f"a file of project {quote(owner)} is in the way of the output",
        f"this is project {quote(project)}: replacing the file would end the backups of the other "
        "project",
        "choose another output folder; if the project was renamed, put its new name in the second "
        "line of its files",
    )


def compare(expected: FileTree, actual: FileTree) -> Differences:
    """What a build would change: files to add, to replace and to delete."""
    return Differences(
        missing=tuple(sorted(expected.keys() - actual.keys())),
        stale=tuple(
            sorted(
                path for path in expected.keys() & actual.keys() if actual[path] != expected[path]
            )
        ),
        extra=tuple(sorted(actual.keys() - expected.keys())),
    )


def write_tree(output: Output, files: FileTree) -> Outcome[WriteReport]:
    """Make the project's generated files in a folder exactly ``files``.

    Findings (``SG6xx``) name foreign files and symlinks in the way; nothing is written then.

    Args:
        output: The folder as it is now.
        files: By path below it.

    Raises:
        ValueError: a path is absolute or leaves the root, or a file lacks the project's header.
        ToolError: the system refused a write. Files written before an error are complete.
    """
    root = output.root
    for path in files:
        if path.is_absolute() or not path.parts or ".." in path.parts:
            raise ValueError(f"{path} is not a path below the output folder")
    findings = obstacles(output, files)
    if findings:
        return Outcome(WriteReport(), findings)
    differences = compare(files, output.generated)
    with _system_errors("write"):
        for leftover in output.leftovers:
            (root / leftover).unlink()
        # An old file may be in the place of a needed folder, or its folder in that of a file.
        blocking = set(_blocking(files, differences.extra))
        _delete(root, sorted(blocking))
        _remove_folders(root, (folder for folder in output.folders if _is_below(folder, files)))
        written = tuple(sorted((*differences.missing, *differences.stale)))
        _write(output, ((path, files[path]) for path in written))
        _delete(root, [path for path in differences.extra if path not in blocking])
        # A build that was killed may leave a folder before its first file.
        _remove_folders(root, output.folders)
    return Outcome(
        WriteReport(
            written=written,
            deleted=differences.extra,
            unchanged=len(files) - len(written),
            leftovers=tuple(sorted(output.leftovers)),
        )
    )


@contextlib.contextmanager
def _system_errors(verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolError(f"cannot {verb} {error.filename}: {error.strerror}") from error


def _take(scan: Output, path: PurePosixPath, name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        head = file.read(_HEAD)
        if has_mark_below(head):
            scan.others[path] = None
            return
        if not is_marked(head):
            scan.foreign.add(path)
            return
        content = head + file.read()
        status = os.fstat(descriptor)
    owner = project_of(content)
    if owner == scan.project:
        scan.generated.add(path, content, status)
    else:
        scan.others[path] = owner


def _finding(code: Code, path: Path, what: str, why: str, fix: str) -> Finding:
    position = Position(PurePosixPath(path.as_posix()))
    return Finding(code, Severity.ERROR, position, "", what, why, fix)


def _blocking(files: FileTree, extra: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    needed_folders = {parent for path in files for parent in path.parents}
    for path in extra:
        if path in needed_folders or _is_below(path, files):
            yield path


def _write(output: Output, files: Iterable[tuple[PurePosixPath, bytes]]) -> None:
    root = output.root
    made: set[PurePosixPath] = set()
    for path, content in files:
        if not is_marked(content) or project_of(content) != output.project:
            raise ValueError(f"{path} does not start with the project's header")
        if path.parent not in made:
            (root / path.parent).mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        folder = root / path.parent
        _replace(str(root / path), str(folder / f".{os.getpid()}{_TEMPORARY}"), content)


def _replace(target: str, temporary: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666)
    try:
        try:
            written = 0
            while written < len(content):
                written += os.write(descriptor, content[written:])
        finally:
            os.close(descriptor)
        Path(temporary).replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = target
        raise


def _delete(root: Path, paths: Iterable[PurePosixPath]) -> None:
    removed = []
    for path in paths:
        (root / path).unlink(missing_ok=True)
        removed.append(path)
    _remove_empty(root, removed)


def _remove_empty(root: Path, removed: Iterable[PurePosixPath]) -> None:
    """Remove folders that held one of these files and now hold nothing, up to the root."""
    _remove_folders(root, {parent for path in removed for parent in path.parents if parent.parts})


def _remove_folders(root: Path, folders: Iterable[PurePosixPath]) -> None:
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        # The system refuses, rightly, if the folder is not empty.
        with contextlib.suppress(OSError):
            (root / folder).rmdir()


def _is_below(path: PurePosixPath, files: FileTree) -> bool:
    """Whether a file belongs at this path or at one of its folders."""
    return path in files or any(parent in files for parent in path.parents)
