"""What restic complains about single files, sorted by where it happened.

restic names the phase (``during``: scan, archival, restore) and the file (``item``; restic manual,
"Scripting"). The text is Go's: ``operation path: error of the system``. An error of the storage is
reported for the file that needed it, so whose path the text names decides, never the error: both
sides can answer "permission denied".
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from stashgen.api.shared import AffectedFiles

_NAMED = 5
_TOLD = 3
_LONGEST_NAME = 100
# More of them are no longer told apart.
_MOST_DISTINCT = 10_000

# How restic writes files of a repository, wherever that is.
_HANDLE = re.compile(r"<(?:data|index|snapshot|lock|key|config)/")
# restic's own constants (archiver, restorer) for a repository that lacks something.
DAMAGED = (
    "the repository could be damaged",
    "not found in the repository index",
    "Unknown blob",
    "ciphertext verification failed",
)
_GONE = ": no such file or directory"
# The file was replaced by something else while it was being read.
_REPLACED = re.compile(r'changed type, refusing to archive$|node type "\w*" is wrong$')
# What is done to a file that has been written: the operation of the system that failed.
_METADATA = re.compile(r"(?:l?chown|chmod|xattr\.\w+) |failed to restore timestamp of ")


class Where(StrEnum):
    """Where something went wrong with a file.

    ``NOWHERE`` is no fault: restic's scan only estimates the progress, and a file that was replaced
    before it could be read is not part of the volume as it was. Nor is one that went away;
    ``MISSING`` are those that were not found, and some file systems list what they never find
    (``worker/unresolved.py``). ``METADATA``: the file is in the target, but the target refused its
    owner, mode, times or attributes.
    """

    NOWHERE = "nowhere"
    MISSING = "missing"
    SOURCE = "source"
    TARGET = "target"
    METADATA = "metadata"
    STORAGE = "storage"


@dataclass(slots=True)
class Complaints:
    """The complaints of one place.

    Attributes:
        reports: How many there were.
        count: How many files they concern.
        names, texts: The first of these files, and of the texts.
    """

    reports: int = 0
    count: int = 0
    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, item: str, text: str) -> None:
        """Take one more; a file that is complained about twice counts once."""
        self.reports += 1
        if len(self.texts) < _TOLD:
            self.texts.append(text)
        if item in self._seen:
            return
        self.count += 1
        if len(self._seen) < _MOST_DISTINCT:
            self._seen.add(item)
        if len(self.names) < _NAMED:
            self.names.append(item)

    @property
    def items(self) -> Collection[str]:
        """The first 10,000 of the files."""
        return self._seen

    def files(self, root: str) -> AffectedFiles | None:
        """The files, named from a folder on; None without any."""
        if not self.count:
            return None
        return AffectedFiles(count=self.count, first=tuple(_named(n, root) for n in self.names))


def where(during: str, item: str, text: str, repository: str) -> Where:
    """Where a complaint belongs.

    Args:
        during: restic's phase; empty where it names none.
        item: The file, as the volume has it.
        text: restic's words.
        repository: Its address; a path if it is a folder.
    """
    # A name can contain anything, also what an error looks like.
    said = text.replace(item, "") if len(item) > 1 else text
    if during == "scan":
        # The archiver says nothing about a file that it does not find, the scan does.
        return Where.MISSING if said.endswith(_GONE) else Where.NOWHERE
    is_path = repository.startswith("/")
    if _HANDLE.search(said) or any(mark in said for mark in DAMAGED):
        return Where.STORAGE
    if is_path and repository in said:
        return Where.STORAGE
    if during == "archival":
        if said.endswith(_GONE):
            return Where.MISSING
        return Where.NOWHERE if _REPLACED.search(said) else Where.SOURCE
    if during == "restore":
        return _of_restore(item, text)
    return Where.STORAGE


def _of_restore(item: str, text: str) -> Where:
    if _METADATA.match(text):
        return Where.METADATA
    folder = str(PurePosixPath(item).parent)
    paths = [path for path in (item, folder) if len(path) > 1]
    return Where.TARGET if any(path in text for path in paths) else Where.STORAGE


def add_up(*parts: AffectedFiles | None) -> AffectedFiles | None:
    """Several sets of files as one; None without any."""
    found = [files for files in parts if files is not None]
    if not found:
        return None
    first = [name for files in found for name in files.first]
    return AffectedFiles(count=sum(files.count for files in found), first=tuple(first[:_NAMED]))


def _named(name: str, root: str) -> str:
    shown = name.removeprefix(root.rstrip("/") + "/")
    shown = "".join(letter if letter.isprintable() else "�" for letter in shown)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"
