"""Write every file of the output folder: whose it is and what it holds, then its objects."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from stashgen.header import with_header
from stashgen.model import FileTree, Manifest, Record
from stashgen.yaml_out import emit_all


def serialize(project: str, manifests: Iterable[Manifest]) -> FileTree:
    """The files of a project by path, sorted; a file's objects stay in the manifests' order."""
    objects: dict[PurePosixPath, list[object]] = {}
    records: dict[PurePosixPath, Record | None] = {}
    for manifest in manifests:
        objects.setdefault(manifest.path, []).append(manifest.data)
        records[manifest.path] = manifest.record
    return {
        path: with_header(project, records[path], emit_all(items).encode())
        for path, items in sorted(objects.items())
    }
