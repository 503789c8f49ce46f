"""What the output folder held before, and the histories of backups that it records."""

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
    """The backups of a volume in one Repository, as the output before the build has them.

    Attributes:
        path: The file that holds it, below ``root``.
        until: Set if it is retired already.
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
    """A history that is not written any more and stays usable until a day.

    Attributes:
        folder: Of the output, that has its cluster's and namespace's files.
    """

    history: History
    until: date
    folder: PurePosixPath
