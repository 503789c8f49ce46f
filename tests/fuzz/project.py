"""Projects to be changed: the inputs of the golden cases, with files that are none."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutated
from tests.support.place import ROOT

_CASES = ROOT / "tests" / "golden" / "cases"
_LINKS = ("self", "parent", "folder", "nowhere", "fifo")
_STRANGE_FILES = 0.05


def cases() -> tuple[Path, ...]:
    """The folders with a ``stashgen.yaml``, sorted."""
    return tuple(sorted(path.parent for path in _CASES.glob("*/input/stashgen.yaml")))


def write_mutated(case: Path, folder: Path, random: Random) -> None:
    """Copy a case and change one to three of its files."""
    shutil.copytree(case, folder, symlinks=True)
    files = sorted(path for path in folder.rglob("*.yaml") if path.is_file())
    for path in random.sample(files, min(len(files), random.randint(1, 3))):
        if path.is_symlink() or not path.is_file():
            continue
        if random.random() < _STRANGE_FILES:
            _strange_file(path, random)
        else:
            path.write_bytes(mutated(path.read_bytes(), random))


def _strange_file(path: Path, random: Random) -> None:
    path.unlink()
    match random.choice(_LINKS):
        case "self":
            path.symlink_to(path.name)
        case "parent":
            path.symlink_to("..", target_is_directory=True)
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case _:
            path.symlink_to("nowhere.yaml")


def tree(folder: Path) -> Mapping[str, bytes]:
    """What is below a folder: names with what the files have; links and others as what they are."""
    found: dict[str, bytes] = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = b"-> " + os.fsencode(path.readlink())
            else:
                found[key] = path.read_bytes() if path.is_file() else b"no file"
    return found
