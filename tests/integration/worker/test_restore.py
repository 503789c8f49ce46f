"""Restores with the real restic: everything that a tree can hold comes back."""

import os
import shutil
import stat
from pathlib import Path

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import COMPONENT, Workbench, snapshot_name

_ODD_NAMES = (
    "with space",
    "new\nline",
    "-dash",
    "quote'\"",
    "ünïcode-☃",
    "back\\slash",
    "*?[glob]",
    "tab\t",
    "$HOME",
    "x" * 255,
)
_OLD = 1_000_000_000_123_456_789


def fill(root: Path) -> None:
    """A tree with what real volumes have and simple copies lose."""
    (root / "sub/deeper").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "file").write_bytes(b"content")
    (root / "nothing").touch()
    for name in _ODD_NAMES:
        (root / "sub" / name).write_text(name, encoding="utf-8")
    raw = os.fsencode(root / "sub") + b"/not-utf8-\xff\xfe"
    with open(raw, "wb") as file:  # noqa: PTH123 (a Path takes no bytes)
        file.write(b"raw")
    (root / "link").symlink_to("file")
    (root / "absolute").symlink_to("/etc/hostname")
    (root / "dangling").symlink_to("nowhere")
    (root / "folder-link").symlink_to("sub")
    os.link(root / "file", root / "hard")
    os.link(root / "file", root / "sub/deeper/hard")
    for name, mode in (("secret", 0o600), ("setuid", 0o4755), ("sticky", 0o1777), ("none", 0)):
        path = root / name
        path.write_text(name, encoding="utf-8")
        path.chmod(mode)
    with (root / "sparse").open("wb") as file:
        file.truncate(8 << 20)
        file.seek(4 << 20)
        file.write(b"middle")
    if os.geteuid() == 0:
        os.chown(root / "secret", 1234, 4321)
        os.chown(root / "dangling", 1234, 4321, follow_symlinks=False)
    os.utime(root / "file", ns=(_OLD, _OLD))
    os.utime(root / "link", ns=(_OLD, _OLD), follow_symlinks=False)
    os.utime(root / "sub/deeper", ns=(_OLD, _OLD))
    root.chmod(0o2775)
    os.utime(root, ns=(_OLD, _OLD))


def described(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that must be equal of a tree, by relative path; owners only where we may set them."""
    found: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, list[bytes]] = {}
    base = os.fsencode(root)
    paths = [base]
    for folder, folders, files in os.walk(base):
        paths += [folder + b"/" + name for name in (*folders, *files)]
    for path in paths:
        info = os.lstat(path)
        name = os.path.relpath(path, base)
        content: bytes = b""
        if stat.S_ISLNK(info.st_mode):
            content = os.fsencode(Path(os.fsdecode(path)).readlink())
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as file:  # noqa: PTH123 (a Path takes no bytes)
                content = file.read()
            inodes.setdefault(info.st_ino, []).append(name)
        owner = (info.st_uid, info.st_gid) if os.geteuid() == 0 else None
        found[name] = (oct(info.st_mode), info.st_mtime_ns, content, owner)
    for names in inodes.values():
        for name in names:
            found[name] += (tuple(sorted(names)),)
    return found


def test_a_restore_brings_everything_back(workbench: Workbench) -> None:
    fill(workbench.volume)
    before = described(workbench.volume)
    workbench.backup(0).succeeded()
    shutil.rmtree(workbench.volume)
    workbench.volume.mkdir()

    result = workbench.restore(workbench.record(snapshot_name(0))).succeeded().result
    assert result.components[COMPONENT].phase == "Succeeded"
    assert described(workbench.volume) == before
    assert len(before) > 25


def test_holes_of_a_sparse_file_are_not_filled(workbench: Workbench) -> None:
    with (workbench.volume / "sparse").open("wb") as file:
        file.truncate(64 << 20)
    workbench.backup(0).succeeded()
    (workbench.volume / "sparse").unlink()
    workbench.restore(workbench.record(snapshot_name(0))).succeeded()
    info = (workbench.volume / "sparse").stat()
    assert info.st_size == 64 << 20
    assert info.st_blocks * 512 < 1 << 20


def test_into_a_volume_in_use_its_own_files_stay_and_changed_ones_go_back(
    workbench: Workbench,
) -> None:
    for name in ("same", "changed", "deleted"):
        (workbench.volume / name).write_text("backed up", encoding="utf-8")
    (workbench.volume / "was-a-file").write_text("backed up", encoding="utf-8")
    workbench.backup(0).succeeded()
    (workbench.volume / "changed").write_text("later and longer", encoding="utf-8")
    (workbench.volume / "deleted").unlink()
    (workbench.volume / "extra").write_text("later", encoding="utf-8")

    workbench.restore(workbench.record(snapshot_name(0))).succeeded()
    contents = {path.name: path.read_text(encoding="utf-8") for path in workbench.volume.iterdir()}
    assert contents == {
        "same": "backed up",
        "changed": "backed up",
        "deleted": "backed up",
        "was-a-file": "backed up",
        "extra": "later",
    }


def test_each_snapshot_has_its_own_state(workbench: Workbench) -> None:
    for day, content in enumerate(("first", "second")):
        (workbench.volume / "file").write_text(content, encoding="utf-8")
        workbench.backup(day).succeeded()
    for day, content in enumerate(("first", "second")):
        workbench.restore(workbench.record(snapshot_name(day))).succeeded()
        assert (workbench.volume / "file").read_text(encoding="utf-8") == content


def test_an_empty_volume_is_backed_up_and_restored(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    workbench.restore(workbench.record(snapshot_name(0))).succeeded()
    assert list(workbench.volume.iterdir()) == []


def test_a_snapshot_without_the_component_is_not_a_success(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    del record["status"]["components"]
    ended = workbench.restore(record)
    assert ended.reason == ErrorClass.NO_SNAPSHOT
    assert COMPONENT in ended.text


def test_a_file_that_cannot_be_written_fails_the_restore(workbench: Workbench) -> None:
    (workbench.volume / "file").write_bytes(os.urandom(2 << 20))
    workbench.backup(0).succeeded()
    (workbench.volume / "file").unlink()
    workbench.prefix = ("prlimit", f"--fsize={1 << 20}")
    ended = workbench.restore(workbench.record(snapshot_name(0)))
    assert ended.reason == ErrorClass.TARGET_FULL
    assert workbench.locks() == []
