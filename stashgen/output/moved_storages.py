"""Storages that keep their name but move: every history in them would start from scratch."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from pydantic import ValidationError

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.kubestash.backends import backend_of
from stashgen.kubestash.layout import UnsafePathError
from stashgen.model.history import History, Previous
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import FileTree, Manifest
from stashgen.model.resolved import Resolved
from stashgen.output.damage import Code, damaged
from stashgen.yaml.documents import read_documents

_Use = tuple[tuple[VolumeKey, str], PurePosixPath, str]


def moved_storages(
    resolved: Resolved,
    kept: Iterable[Manifest],
    histories: Iterable[History],
    before: Iterable[Previous],
    files: FileTree,
) -> Iterator[Finding]:
    """An error for each storage that held a history before and would be somewhere else.

    A missing storage file reports nothing: deleting it is how a user confirms that the data moved.

    Args:
        resolved: Which volume is copied to which storage.
        kept: The objects of retired histories.
        histories: The histories in the previous output.
        before: The folders that contain them.
        files: The output after the build.
    """
    folders = {previous.root: previous.files for previous in before}
    known = {(one.volume, one.repository): one for one in histories}
    compared, found = set(), set()
    for key, folder, storage in (*_copies(resolved), *_retired(kept)):
        history = known.get(key)
        if history is None:
            continue
        name = f"_storage-{storage}.yaml"
        old = history.path.parent / name
        new = folder / name
        if (history.root, old) in found or (history.root, old, new) in compared:
            continue
        # Thousands of volumes share a storage.
        compared.add((history.root, old, new))
        content = folders[history.root].get(old)
        if content in {None, files[new]}:
            continue
        found.add((history.root, old))
        position = Position(history.root / old)
        yield from _compare(content or b"", files[new], storage, position)


def _copies(resolved: Resolved) -> Iterator[_Use]:
    """Volume and repository, folder after the build, and storage of everything backed up."""
    for protection in resolved.protections:
        for session in protection.sessions:
            for copy in session.copies:
                place = PurePosixPath(copy.storage.cluster.name, copy.storage.namespace)
                yield (protection.volume.key, copy.repository), place, copy.storage.name


def _retired(kept: Iterable[Manifest]) -> Iterator[_Use]:
    """The same for retired histories, by their Repositories."""
    for manifest in kept:
        if manifest.record is None or manifest.data["kind"] != "Repository":
            continue
        spec = cast("Mapping[str, JsonObject]", manifest.data["spec"])
        for repository in manifest.record.repositories:
            key = (manifest.record.volume, repository)
            yield key, manifest.path.parent, str(spec["storageRef"]["name"])


def _compare(old: bytes, new: bytes, name: str, position: Position) -> Iterator[Finding]:
    was = _place(old)
    if was is None:
        yield damaged(position, "it has no readable BackupStorage")
    elif was != (place := _place(new)):
        yield Finding(
            Code.MOVED,
            Severity.ERROR,
            position,
            "",
            f"storage {quote(name)} would move from {was} to {place}",
            "every history in it would start from scratch, and the backups in the old location "
            "could no longer be restored",
            "define a Storage with another name for the new location, and retire what the old one "
            "holds; if you moved the backups along, delete this file and build again",
        )


def _place(content: bytes) -> str | None:
    """The location of a file's BackupStorage, in one line; None if it cannot be read."""
    for document in read_documents(content, PurePosixPath("storage")).value:
        if document.data.get("kind") == "BackupStorage":
            with contextlib.suppress(ValidationError, UnsafePathError):
                backend = backend_of(BackupStorage.from_wire(document.data).spec.storage)
                return backend.place() if backend is not None else None
    return None
