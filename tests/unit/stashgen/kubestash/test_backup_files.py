"""Paths and patterns as restic takes them; what it refuses was compared with restic 0.19."""

import pytest

from stashgen.kubestash.backup_files import why_no_path, why_no_pattern


@pytest.mark.parametrize(
    "pattern",
    ["*.tmp", "cache/**", "/kubestash-data/a", "[a-c]*", "[^a]", "[\\]]", "a\\[", "]", "a-[b\\-c]"],
)
def test_pattern_that_restic_reads(pattern: str) -> None:
    assert why_no_pattern(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "**",
        "/*",
        "!a",
        "[",
        "a[",
        "[]",
        "[^]",
        "[^]a]",
        "[]a]",
        "[a-",
        "[a-]",
        "[-a]",
        "x/[a/b]",
        "a\\",
    ],
)
def test_pattern_that_restic_refuses_or_that_leaves_nothing(pattern: str) -> None:
    why = why_no_pattern(pattern)
    assert why is not None
    assert repr(pattern) in why


@pytest.mark.parametrize("path", ["/kubestash-data", "/kubestash-data/a b/-x", "/kubestash-data/"])
def test_path_in_the_volume(path: str) -> None:
    assert why_no_path(path) is None


@pytest.mark.parametrize("path", ["", "/", "data", "/kubestash-data2", "/kubestash-data/../etc"])
def test_path_that_is_not_in_the_volume(path: str) -> None:
    assert why_no_path(path) is not None
