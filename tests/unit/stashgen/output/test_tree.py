"""The output folder: only marked files are touched, and no file is ever seen half written."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from stashgen.diagnostics import Outcome, ToolError
from stashgen.model.manifest import FileTree
from stashgen.output.header import GENERATED_HEADER, with_header
from stashgen.output.tree import Differences, WriteReport, compare, read_output
from stashgen.output.tree import write_tree as write_output

OURS = with_header("test", None, b"")
THEIRS = with_header("other", None, b"")


def read_tree(root: Path) -> FileTree:
    return read_output(root, "test").generated


def write_tree(root: Path, files: FileTree) -> Outcome[WriteReport]:
    return write_output(read_output(root, "test"), files)


def tree(**files: str) -> dict[PurePosixPath, bytes]:
    return {PurePosixPath(n.replace("__", "/")): OURS + t.encode() for n, t in files.items()}


def paths(*names: str) -> tuple[PurePosixPath, ...]:
    return tuple(PurePosixPath(name) for name in names)


def put(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def codes(root: Path, files: Mapping[PurePosixPath, bytes]) -> list[tuple[str, str]]:
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    outcome = write_tree(root, files)
    assert outcome.value == WriteReport()
    assert {path: path.lstat().st_mtime_ns for path in root.rglob("*")} == before
    return [
        (f"{f.code}", f.position.path.relative_to(root.as_posix()).as_posix())
        for f in outcome.findings
    ]


def test_a_first_build_writes_everything(tmp_path: Path) -> None:
    root = tmp_path / "rendered"
    files = tree(a="1", c__ns__v="2", c__ns__w="3")
    outcome = write_tree(root, files)
    assert outcome.findings == ()
    assert outcome.value == WriteReport(written=paths("a", "c/ns/v", "c/ns/w"))
    assert read_tree(root) == files
    assert everything(root) == {"a", "c", "c/ns", "c/ns/v", "c/ns/w"}


def test_a_second_build_touches_only_what_changed(tmp_path: Path) -> None:
    write_tree(tmp_path, tree(a="1", b="2", d__e__f="3"))
    before = (tmp_path / "a").stat()
    outcome = write_tree(tmp_path, tree(a="1", b="changed", c="new"))
    assert outcome.value == WriteReport(
        written=paths("b", "c"), deleted=paths("d/e/f"), unchanged=1
    )
    after = (tmp_path / "a").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert everything(tmp_path) == {"a", "b", "c"}


def test_compare_tells_missing_stale_and_extra_files() -> None:
    same = tree(a="1", b="2")
    assert compare(same, same) == Differences(missing=(), stale=(), extra=())
    found = compare(tree(a="1", b="new", c="3"), tree(a="1", b="2", z="9"))
    assert found == Differences(missing=paths("c"), stale=paths("b"), extra=paths("z"))


def test_files_of_others_are_neither_read_nor_deleted_and_keep_their_folders(
    tmp_path: Path,
) -> None:
    others = {
        "README.md": b"mine",
        "ns/notes.txt": b"x",
        "ns/empty.yaml": b"",
        "ns/almost.yaml": GENERATED_HEADER + b" not\n",
        ".git/config": OURS,
    }
    put(tmp_path, others)
    write_tree(tmp_path, tree(ns__a="1"))
    assert read_tree(tmp_path) == tree(ns__a="1")
    outcome = write_tree(tmp_path, {})
    assert outcome.value.deleted == paths("ns/a")
    for name, content in others.items():
        assert (tmp_path / name).read_bytes() == content


def test_a_generated_file_with_carriage_returns_is_still_ours(tmp_path: Path) -> None:
    put(tmp_path, {"a": OURS.replace(b"\n", b"\r\n") + b"x: 1\r\n"})
    assert write_tree(tmp_path, tree(a="x: 1\n")).value.written == paths("a")


@pytest.mark.parametrize(
    ("others", "files", "in_the_way"),
    [
        ({"a": b"mine"}, tree(a="1", b="2"), "a"),
        ({"a": b""}, tree(a="1"), "a"),
        ({"ns": b"mine"}, tree(ns__a="1"), "ns"),
        ({"a/mine": b"x", "a/ours": OURS}, tree(a="1"), "a/mine"),
    ],
)
def test_a_file_of_somebody_else_in_the_way_stops_the_build_before_it_writes(
    tmp_path: Path,
    others: dict[str, bytes],
    files: dict[PurePosixPath, bytes],
    in_the_way: str,
) -> None:
    put(tmp_path, others)
    assert codes(tmp_path, files) == [("SG601", in_the_way)]


@pytest.mark.parametrize(
    ("others", "files", "in_the_way"),
    [
        ({"a": THEIRS}, tree(a="1", b="2"), "a"),
        ({"ns": THEIRS}, tree(ns__a="1"), "ns"),
        ({"a/theirs": THEIRS}, tree(a="1"), "a/theirs"),
        # Of whom it is nobody knows: it may be one of ours that should go.
        ({"old": GENERATED_HEADER + b"\nx: 1\n"}, tree(a="1"), "old"),
        ({"old": b"\xef\xbb\xbf" + OURS}, tree(a="1"), "old"),
        ({"old": b"<<<<<<< HEAD\n" + OURS}, tree(a="1"), "old"),
        ({"old": b"\r\n" + OURS.replace(b"\n", b"\r\n")}, tree(a="1"), "old"),
    ],
)
def test_a_file_of_another_project_is_never_replaced(
    tmp_path: Path,
    others: dict[str, bytes],
    files: dict[PurePosixPath, bytes],
    in_the_way: str,
) -> None:
    put(tmp_path, others)
    assert codes(tmp_path, files) == [("SG603", in_the_way)]


def test_files_of_another_project_beside_ours_stay(tmp_path: Path) -> None:
    put(tmp_path, {"other/ns/a": THEIRS})
    assert write_tree(tmp_path, tree(ns__a="1")).ok
    assert write_tree(tmp_path, {}).value.deleted == paths("ns/a")
    assert everything(tmp_path) == {"other", "other/ns", "other/ns/a"}


def test_no_link_is_written_through_or_read(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    put(outside, {"a": OURS + b"theirs"})
    root.mkdir()
    (root / "ns").symlink_to(outside)
    (root / "a").symlink_to(outside / "a")
    (root / "dangling").symlink_to("nowhere")
    assert read_tree(root) == {}
    assert codes(root, tree(ns__a="1")) == [("SG602", "ns")]
    assert codes(root, tree(a="1")) == [("SG602", "a")]
    assert codes(root, tree(dangling="1")) == [("SG602", "dangling")]
    assert write_tree(root, tree(b="1")).value.written == paths("b")
    assert (outside / "a").read_bytes() == OURS + b"theirs"
    assert (root / "ns").is_symlink()


def test_a_file_may_become_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    first, second = tree(a="1", b__c__d="2"), tree(a__x="3", b="4")
    (tmp_path / "b" / "empty").mkdir(parents=True)
    write_tree(tmp_path, first)
    assert write_tree(tmp_path, second).ok
    assert read_tree(tmp_path) == second
    assert write_tree(tmp_path, first).ok
    assert read_tree(tmp_path) == first


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "."])
def test_a_path_that_leaves_the_folder_is_a_bug_of_the_caller(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a path below"):
        write_tree(tmp_path, {PurePosixPath(path): OURS})


def test_content_without_the_mark_is_a_bug_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="header"):
        write_tree(tmp_path, {PurePosixPath("a"): b"x"})
    with pytest.raises(ValueError, match="header"):
        write_tree(tmp_path, {PurePosixPath("a"): THEIRS})


def test_a_root_that_is_a_file_or_cannot_be_written_is_an_error_of_the_environment(
    tmp_path: Path,
) -> None:
    put(tmp_path, {"file": b"x"})
    with pytest.raises(ToolError, match="file"):
        read_tree(tmp_path / "file")
    with pytest.raises(ToolError, match="cannot write"):
        write_tree(Path("/proc/stashgen"), tree(a="1"))


def test_folders_without_a_file_yet_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    (tmp_path / "ns/inner").mkdir(parents=True)
    assert write_tree(tmp_path, tree(a="1")).ok
    assert everything(tmp_path) == {"a"}


def test_leftovers_of_an_interrupted_build_are_removed(tmp_path: Path) -> None:
    put(tmp_path, {"ns/.77.stashgen-tmp": b"half", "old/.1.stashgen-tmp": b"half"})
    outcome = write_tree(tmp_path, tree(ns__a="1"))
    assert outcome.value.leftovers == paths("ns/.77.stashgen-tmp", "old/.1.stashgen-tmp")
    assert everything(tmp_path) == {"ns", "ns/a"}


def test_a_failure_in_the_middle_leaves_whole_files_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, tree(a="old", b="old", gone="old"))
    real, calls = os.replace, []

    def interrupted(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    wanted = tree(a="new", b="new")
    with pytest.raises(KeyboardInterrupt):
        write_tree(tmp_path, wanted)
    assert read_tree(tmp_path) == tree(a="new", b="old", gone="old")
    assert everything(tmp_path) == {"a", "b", "gone"}
    monkeypatch.undo()
    assert write_tree(tmp_path, wanted).value == WriteReport(
        written=paths("b"), deleted=paths("gone"), unchanged=1
    )
