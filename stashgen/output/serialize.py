"""Serialize every file of the output folder: its header, then its objects."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from stashgen.api.base import JsonObject
from stashgen.model.manifest import FileTree, Manifest
from stashgen.output.header import with_header
from stashgen.yaml.emitter import SEPARATOR, emit
from stashgen.yaml.marks import MarkedText


def serialize(project: str, manifests: Iterable[Manifest]) -> FileTree:
    """The files of a project by path, sorted; a file's objects stay in the manifests' order."""
    files: dict[PurePosixPath, list[Manifest]] = {}
    for manifest in manifests:
        files.setdefault(manifest.path, []).append(manifest)
    serializer = _Serializer()
    return {
        path: with_header(
            project,
            objects[0].record,
            SEPARATOR.join(map(serializer.text, objects)).encode(),
            is_kept=objects[0].is_kept,
        )
        for path, objects in sorted(files.items())
    }


class _Serializer:
    """Emits what many volumes share once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[JsonObject, MarkedText]] = {}

    def text(self, manifest: Manifest) -> str:
        """The YAML of an object."""
        if not manifest.values:
            return emit(manifest.content)
        number = id(manifest.content)
        known = self._known.get(number)
        if known is None:
            # The object is kept, so that no other one gets its number.
            known = self._known[number] = (manifest.content, MarkedText(manifest.content))
        return known[1].fill(manifest.values)
