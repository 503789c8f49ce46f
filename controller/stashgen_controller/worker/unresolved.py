"""Names that a folder lists but the file system cannot resolve, and how they differ from gone ones.

CIFS and FUSE mounts list what they cannot map: ``lstat`` says ENOENT every time. restic takes that
for a file that was deleted after its folder had been read, and leaves it out without a word
(``Archiver.save``); only its scan, which begins before it and does less, names the file. A folder
tells the two apart: what was deleted is no longer listed.
"""

import os
import stat
from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path

# A name that is deleted and created again all the time may look unresolved once or twice.
_TIMES = 3
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def unresolved(items: Collection[str]) -> Sequence[str]:
    """Those paths that their folders still list while nothing is found there, in order.

    Args:
        items: What restic did not find, as it prints paths: a byte that is not UTF-8 is shown as
            U+FFFD, so such a name stands for every name that looks the same.
    """
    ordered = sorted(items, key=os.path.split)
    return [
        item
        for folder, group in groupby(ordered, os.path.dirname)
        for item in _of_folder(folder, list(group))
    ]


def _of_folder(folder: str, items: Sequence[str]) -> Sequence[str]:
    left = {Path(item).name: item for item in items}
    for real in _matching(folder):
        broken = set(left)
        for _ in range(_TIMES):
            # Each time the folder is read again, before and after the look.
            broken &= {_shown(name) for name in _listed(real, broken) if _is_missing(real, name)}
        broken &= {_shown(name) for name in _listed(real, broken)}
        if broken:
            return [left[name] for name in sorted(broken)]
    return []


def _listed(folder: str, names: Collection[str]) -> Sequence[str]:
    """Which of the names a folder has; a large folder is not kept in memory."""
    if not names:
        return []
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if _shown(entry.name) in names]
    except OSError:
        # Gone itself, or unreadable, which restic reports.
        return []


def _is_missing(folder: str, name: str) -> bool:
    """Whether a name leads nowhere; a file must also open, like restic opens it."""
    path = Path(folder, name)
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _matching(path: str) -> Sequence[str]:
    """The folders that restic may have meant."""
    if _UNKNOWN not in path:
        return [path]
    above, name = os.path.split(path)
    return [
        str(Path(folder, found)) for folder in _matching(above) for found in _listed(folder, {name})
    ]


def _shown(name: str) -> str:
    """A name as restic prints it: Go replaces each byte that is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "".join(_UNKNOWN if "\udc80" <= letter <= "\udcff" else letter for letter in name)
    return name
