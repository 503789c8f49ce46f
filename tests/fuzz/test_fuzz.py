"""A short run of the inputs; each that broke a promise stays here by its own test elsewhere."""

import random
import shutil
from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.project import cases, tree, write_mutated
from tests.fuzz.run import MOST_SECONDS, fuzz

_INPUTS = 240


def test_every_promise_is_kept() -> None:
    broken = [found for seed in range(_INPUTS) if (found := fuzz(seed)) is not None]
    assert broken == []


def test_the_same_number_is_the_same_input(tmp_path: Path) -> None:
    case = cases()[0]
    for name in ("one", "two"):
        write_mutated(case, tmp_path / name, random.Random(5))
    assert tree(tmp_path / "one") == tree(tmp_path / "two") != tree(case)


def _fuzz_with(command: object, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    shutil.copytree(cases()[0], folder / "project")
    monkeypatch.setattr(run, "stashgen", command)
    found = run.check_command(7, folder / "project", ["check"])
    assert found is not None
    return found.why


def test_bugs_hangs_and_changed_trees_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(_: object) -> int:
        (tmp_path / "b" / "project" / "new").write_text("")
        return 0

    def hang(_: object) -> int:
        while True:
            pass

    monkeypatch.setattr(run, "MOST_SECONDS", MOST_SECONDS / 100)
    found = [
        _fuzz_with(command, monkeypatch, tmp_path / name)
        for name, command in (("a", lambda _: 3), ("b", change), ("c", hang))
    ]
    assert found == ["exit code 3", "the tree is another", "it takes too long"]
