"""Serialize every file of the output folder: its header, then its objects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from stashgen.api.base import JsonObject
from stashgen.model.manifest import FileTree, Manifest
from stashgen.output.header import with_header
from stashgen.yaml.emitter import SEPARATOR, emit
from stashgen.yaml.marks import MarkedText


def serialize(project: str, manifests: Iterable[Manifest]) -> FileTree:
    """The files of a project by path, sorted; a file's objects stay in the manifests' order.

    A file is made whenever it is asked for: all of them at once are a hundred times as large as
    what they are made of.
    """
    files: dict[PurePosixPath, list[Manifest]] = {}
    for manifest in manifests:
        files.setdefault(manifest.path, []).append(manifest)
    return _Files(project, dict(sorted(files.items())))


class _Files(Mapping[PurePosixPath, bytes]):
    def __init__(self, project: str, files: Mapping[PurePosixPath, Sequence[Manifest]]) -> None:
        self._project = project
        self._files = files
        # What many volumes share is emitted once.
        self._known: dict[int, tuple[JsonObject, MarkedText]] = {}

    def __getitem__(self, path: PurePosixPath) -> bytes:
        objects = self._files[path]
        body = SEPARATOR.join(map(self._text, objects)).encode()
        first = objects[0]
        return with_header(self._project, first.record, body, is_kept=first.is_kept)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def __iter__(self) -> Iterator[PurePosixPath]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _text(self, manifest: Manifest) -> str:
        if not manifest.values:
            return emit(manifest.content)
        number = id(manifest.content)
        known = self._known.get(number)
        if known is None:
            # The object is held, so that no other one gets its number.
            known = self._known[number] = (manifest.content, MarkedText(manifest.content))
        return known[1].fill(manifest.values)
