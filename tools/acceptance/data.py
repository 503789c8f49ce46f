"""A real tree of files, what such trees lack added, and whether two trees are the same."""

import hashlib
import math
import os
import shutil
import stat
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

LEAST_FILES = 10_000
_SOMEBODY = 12345


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it is compared; ``link`` is a symlink's target, ``peers`` its hard links."""

    kind: int
    mode: int
    mtime_ns: int
    size: int
    digest: str
    link: str
    peers: tuple[str, ...]
    owner: tuple[int, int] | None


def is_root() -> bool:
    """Whether owners can be set and compared."""
    return os.geteuid() == 0


def real_files() -> Path:
    """A folder of real files: Go's own sources, else Python's library."""
    if shutil.which("go"):
        done = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=False)
        source = Path(done.stdout.strip(), "src")
        if done.returncode == 0 and _count(source) >= LEAST_FILES:
            return source
    return Path(sysconfig.get_path("stdlib"))


def make_tree(target: Path, source: Path) -> int:
    """Fill a folder with at least 10,000 files and some odd ones; returns how many there are.

    A source with fewer files (a distribution's Python without its tests) is copied several times.
    """
    tree = target / "tree"
    shutil.copytree(source, tree, symlinks=True)
    for number in range(1, math.ceil(LEAST_FILES / max(1, _count(source)))):
        shutil.copytree(source, tree / f"copy-{number}", symlinks=True)
    odd = target / "odd"
    odd.mkdir()
    (odd / "file").write_text("hello\n")
    (odd / "symlink").symlink_to("file")
    (odd / "dangling").symlink_to("nowhere/at/all")
    (odd / "hard-link").hardlink_to(odd / "file")
    (odd / "private").write_text("secret\n")
    (odd / "private").chmod(0o600)
    (odd / "set-uid").write_text("#!/bin/sh\n")
    (odd / "empty").touch()
    (odd / "empty-folder").mkdir(mode=0o700)
    (odd / "sparse").touch()
    os.truncate(odd / "sparse", 1 << 20)
    for name in ("with space", "new\nline", "-dash", "ünï", "q'uo\"te", "*star?", "back\\slash"):
        (odd / name).write_text(name)
    if is_root():
        os.chown(odd / "set-uid", _SOMEBODY, _SOMEBODY)
        os.chown(odd / "symlink", _SOMEBODY, _SOMEBODY, follow_symlinks=False)
    (odd / "set-uid").chmod(0o4755)
    os.utime(odd / "empty", ns=(0, 1_234_567_890_123_456_789))
    return _count(target)


def change_tree(target: Path) -> None:
    """What a day does to a volume: new, changed, renamed, removed files."""
    odd = target / "odd"
    (odd / "new").write_text("new\n")
    (odd / "private").write_text("changed\n")
    (odd / "with space").rename(odd / "renamed")
    (odd / "-dash").unlink()
    (odd / "empty-folder" / "no-longer-empty").write_text("x")


def lose_data(target: Path) -> int:
    """Delete half of everything; returns how many files are gone."""
    removed = 0
    for folder in sorted((target / "tree").iterdir())[::2]:
        if folder.is_dir():
            removed += sum(len(files) for _, _, files in os.walk(folder))
            shutil.rmtree(folder)
        else:
            folder.unlink()
            removed += 1
    (target / "odd" / "private").unlink()
    return removed + 1


def read_tree(root: Path) -> dict[str, Entry]:
    """Everything below a folder and the folder itself, by relative path."""
    paths = [root]
    for folder, folders, files in os.walk(root):
        paths += [Path(folder, name) for name in (*folders, *files)]
    links: dict[tuple[int, int], list[str]] = {}
    infos = {}
    for path in paths:
        info = path.lstat()
        name = str(path.relative_to(root))
        infos[name] = (path, info)
        if info.st_nlink > 1 and stat.S_ISREG(info.st_mode):
            links.setdefault((info.st_dev, info.st_ino), []).append(name)
    return {name: _entry(path, info, links) for name, (path, info) in infos.items()}


def differences(expected: dict[str, Entry], found: dict[str, Entry]) -> list[str]:
    """What is not equal, at most a few words each."""
    wrong = [f"missing {name!r}" for name in expected.keys() - found.keys()]
    wrong += [f"unexpected {name!r}" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        if expected[name] != found[name]:
            wrong.append(f"{name!r}: {expected[name]} became {found[name]}")
    return sorted(wrong)


def _entry(path: Path, info: os.stat_result, links: dict[tuple[int, int], list[str]]) -> Entry:
    is_file = stat.S_ISREG(info.st_mode)
    return Entry(
        kind=stat.S_IFMT(info.st_mode),
        mode=stat.S_IMODE(info.st_mode),
        mtime_ns=info.st_mtime_ns,
        size=info.st_size if is_file else 0,
        digest=hashlib.sha256(path.read_bytes()).hexdigest() if is_file else "",
        link=str(path.readlink()) if stat.S_ISLNK(info.st_mode) else "",
        peers=tuple(sorted(links.get((info.st_dev, info.st_ino), ()))),
        owner=(info.st_uid, info.st_gid) if is_root() else None,
    )


def _count(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
