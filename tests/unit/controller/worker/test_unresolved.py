import os
from pathlib import Path

import pytest

from stashgen_controller.worker.unresolved import unresolved


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that nothing is found at, whatever their folder lists."""
    names: set[str] = set()
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.name in names:
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    return names


def test_what_is_no_longer_listed_is_gone_and_what_is_found_again_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "back").touch()
    (tmp_path / "private").touch(mode=0)
    (tmp_path / "dangling").symlink_to("nowhere")
    names = ("back", "private", "dangling", "gone", "gone/below")
    assert unresolved([f"{tmp_path}/{name}" for name in names]) == []


def test_listed_names_that_are_never_found_are_named_in_order(
    tmp_path: Path, lost: set[str]
) -> None:
    for name in ("b", "a", "sub/c", "fine"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    lost |= {"a", "b", "c"}
    asked = [f"{tmp_path}/{name}" for name in ("sub/c", "b", "gone", "a", "fine")]
    assert unresolved(asked) == [f"{tmp_path}/{name}" for name in ("a", "b", "sub/c")]


def test_a_file_that_comes_and_goes_all_the_time_is_not_unresolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed, gone when it is looked at, and there again."""
    (tmp_path / "busy").touch()
    looks = iter((True, True, False))
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if next(looks, False):
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    assert unresolved([f"{tmp_path}/busy"]) == []


def test_a_name_of_strange_bytes_is_found_by_what_restic_prints_of_it(
    tmp_path: Path, lost: set[str]
) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    for name in (b"x\xc3", b"y\xc3"):
        (folder / os.fsdecode(name)).touch()
    lost.add(os.fsdecode(b"x\xc3"))
    shown = [
        f"{tmp_path}/\N{REPLACEMENT CHARACTER}/{name}\N{REPLACEMENT CHARACTER}" for name in "xy"
    ]
    assert unresolved(shown) == [shown[0]]
