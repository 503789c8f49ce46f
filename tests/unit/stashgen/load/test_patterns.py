"""Which files a pattern finds, on a real folder."""

import os
from pathlib import Path, PurePosixPath

import pytest

from stashgen.load.patterns import Finder, segments_of

_FILES = (
    "a.yaml",
    "clusters/prod/a.yaml",
    "clusters/prod/apps/b.yml",
    "clusters/prod/apps/deep/c.json",
    "clusters/prod/apps/README.md",
    "clusters/prod/.hidden/d.yaml",
    "clusters/prod/.e.yaml",
    "clusters/test/f.yaml",
    "rendered/prod/g.yaml",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in _FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def found(root: Path, pattern: str, excluded: str | None = None) -> list[str]:
    folder = PurePosixPath(excluded) if excluded is not None else None
    return [str(path) for path in Finder(root, folder).files(pattern)]


@pytest.mark.parametrize("pattern", ["", "/a", "..", "a/../b", "a/..", "a\\b", "a\0b"])
def test_patterns_that_may_leave_the_project_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        segments_of(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("nothing", []),
        ("clusters/*.yaml", []),
        ("a.yaml/x", []),
        ("a.yaml", ["a.yaml"]),
        ("./clusters//test/", ["clusters/test/f.yaml"]),
        ("clusters/*/*.yaml", ["clusters/prod/a.yaml", "clusters/test/f.yaml"]),
        ("clusters/prod/**/*.yml", ["clusters/prod/apps/b.yml"]),
        ("clusters/prod/**/README.md", ["clusters/prod/apps/README.md"]),
        ("**/c.json", ["clusters/prod/apps/deep/c.json"]),
        ("**/prod/**/deep/**/*.json", ["clusters/prod/apps/deep/c.json"]),
        ("clusters/[pt]*/?.yaml", ["clusters/prod/a.yaml", "clusters/test/f.yaml"]),
        ("clusters/prod/.hidden/*", ["clusters/prod/.hidden/d.yaml"]),
        ("clusters/prod/.*.yaml", ["clusters/prod/.e.yaml"]),
        (
            "clusters/prod",
            ["clusters/prod/a.yaml", "clusters/prod/apps/b.yml", "clusters/prod/apps/deep/c.json"],
        ),
        ("clusters/prod/apps/**", ["clusters/prod/apps/b.yml", "clusters/prod/apps/deep/c.json"]),
    ],
)
def test_a_pattern_finds_what_a_shell_finds_and_a_folder_its_manifests(
    root: Path, pattern: str, expected: list[str]
) -> None:
    assert found(root, pattern) == expected


@pytest.mark.parametrize("pattern", ["rendered", "rendered/**/*.yaml", "rendered/prod/g.yaml"])
def test_the_output_folder_is_never_an_input(root: Path, pattern: str) -> None:
    assert found(root, pattern) == ["rendered/prod/g.yaml"]
    assert found(root, pattern, excluded="rendered") == []
    (root / "link").symlink_to("rendered")
    assert found(root, pattern.replace("rendered", "link"), excluded="rendered") == []


def test_links_are_followed_inside_the_project_only(root: Path) -> None:
    outside = root.parent / f"{root.name}-outside"
    outside.mkdir()
    (outside / "x.yaml").write_text("")
    folder = root / "links"
    folder.mkdir()
    (folder / "inside").symlink_to("../clusters/test")
    (folder / "escape").symlink_to(outside)
    (folder / "file.yaml").symlink_to(outside / "x.yaml")
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "self.yaml").symlink_to("self.yaml")
    finder = Finder(root)
    assert [str(path) for path in finder.files("links")] == ["links/inside/f.yaml"]
    assert sorted(path.name for path in finder.refused) == [
        "escape",
        "file.yaml",
        "gone.yaml",
        "self.yaml",
    ]


def test_a_ring_of_links_ends_and_no_file_is_found_twice(root: Path) -> None:
    (root / "clusters" / "prod" / "ring").symlink_to("..")
    (root / "clusters" / "again.yaml").symlink_to("prod/a.yaml")
    assert found(root, "clusters/**/*.yaml") == ["clusters/again.yaml", "clusters/test/f.yaml"]
    assert len(found(root, "clusters")) == 4


def test_what_is_neither_file_nor_folder_is_refused(root: Path) -> None:
    os.mkfifo(root / "clusters" / "pipe.yaml")
    finder = Finder(root)
    assert list(finder.files("clusters/*.yaml")) == []
    assert finder.refused == {PurePosixPath("clusters/pipe.yaml")}


def test_the_order_does_not_depend_on_the_pattern(root: Path) -> None:
    names = found(root, "**/*.yaml")
    assert names == sorted(names, key=PurePosixPath)
