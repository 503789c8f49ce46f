"""The previous output folder, and the backup histories that it records."""

from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from stashgen.diagnostics import Position
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import FileTree


@dataclass(frozen=True, slots=True)
class Previous:
    """The generated files of a folder as they were before the build.

    Attributes:
        root: The folder, as findings show it.
    """

    root: PurePosixPath
    files: FileTree


@dataclass(frozen=True, slots=True)
class History:
    """The backups of a volume in one Repository, as recorded in the previous output.

    Attributes:
        path: The file that holds it, below ``root``.
        until: Set if it is already retired.
    """

    volume: VolumeKey
    repository: str
    root: PurePosixPath
    path: PurePosixPath
    until: date | None = None

    @property
    def position(self) -> Position:
        """The file, as findings show it."""
        return Position(self.root / self.path)


@dataclass(frozen=True, slots=True)
class RetiredHistory:
    """A history that is no longer written to and stays usable until a date.

    Attributes:
        folder: The folder of its cluster and namespace, below the output folder.
    """

    history: History
    until: date
    folder: PurePosixPath
