"""Serialize every file of the output folder: its header, then its objects."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from stashgen.model.manifest import FileTree, Manifest
from stashgen.output.header import with_header
from stashgen.yaml.emitter import emit_all


def serialize(project: str, manifests: Iterable[Manifest]) -> FileTree:
    """The files of a project by path, sorted; a file's objects stay in the manifests' order."""
    objects: dict[PurePosixPath, list[object]] = {}
    firsts: dict[PurePosixPath, Manifest] = {}
    for manifest in manifests:
        objects.setdefault(manifest.path, []).append(manifest.data)
        firsts.setdefault(manifest.path, manifest)
    return {
        path: with_header(
            project,
            firsts[path].record,
            emit_all(items).encode(),
            is_kept=firsts[path].is_kept,
        )
        for path, items in sorted(objects.items())
    }
