"""Objects that are ready to write, and the files that they form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from stashgen.api.base import JsonObject
from stashgen.kubestash.names import short_hash
from stashgen.model.inventory import VolumeKey
from stashgen.yaml.marks import fill

FileTree = Mapping[PurePosixPath, bytes]
# A file name has at most 255 bytes, a Secret's name 253.
_LONGEST_STEM = 200


def secret_file(name: str) -> str:
    """The name of the file with the ExternalSecret that a Secret comes from."""
    if len(name) > _LONGEST_STEM:
        name = f"{name[:_LONGEST_STEM]}-{short_hash(name)}"
    return f"_secret-{name}.yaml"


@dataclass(frozen=True, slots=True)
class Record:
    """The histories that an output file holds, written in its second line.

    Attributes:
        repositories: Names of the Repositories, in the volume's namespace.
        until: For a retired history: the day until which it is kept.
    """

    volume: VolumeKey
    repositories: tuple[str, ...]
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object ready to write, and its file, relative to the output folder.

    Attributes:
        content: The object; with marks (``stashgen.yaml.marks``) if there are values.
        record: The histories that the file holds; the same for all objects of a file.
        is_kept: The object is carried over from the previous output and holds no history.
        values: What is in place of the marks. Thousands of volumes share one content.
    """

    path: PurePosixPath
    content: JsonObject
    record: Record | None = None
    is_kept: bool = False
    values: tuple[str, ...] = ()

    @property
    def data(self) -> JsonObject:
        """The object."""
        return fill(self.content, self.values)

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.content["kind"])
