"""Objects that are ready to write, and the files that they become."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from stashgen.api.base import JsonObject
from stashgen.model.inventory import VolumeKey

FileTree = Mapping[PurePosixPath, bytes]


@dataclass(frozen=True, slots=True)
class Record:
    """Which histories a file of the output holds; its second line says so.

    Attributes:
        repositories: Names of the Repositories, in the volume's namespace.
        until: Of a retired history: the day until which it is kept.
    """

    volume: VolumeKey
    repositories: tuple[str, ...]
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object ready to write, and the file that it goes to, relative to the output folder.

    Attributes:
        record: Which histories the file holds; the same for all objects of a file.
        is_kept: The object is taken from the output before the build, and holds no history.
    """

    path: PurePosixPath
    data: JsonObject
    record: Record | None = None
    is_kept: bool = False
