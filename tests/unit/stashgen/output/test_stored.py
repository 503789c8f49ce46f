"""A folder's files stay what they were when they were read, in memory or not."""

from pathlib import Path, PurePosixPath

import pytest

from stashgen.diagnostics import ToolError
from stashgen.output.stored import StoredFiles

_SMALL, _LARGE = PurePosixPath("small"), PurePosixPath("a/large")


@pytest.fixture
def stored(tmp_path: Path) -> StoredFiles:
    """One file that fits into memory, and one that does not any more."""
    made = StoredFiles(tmp_path, most_bytes=10)
    for path, content in ((_SMALL, b"1234567"), (_LARGE, b"abcdefgh")):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        made.add(path, content, file.stat())
    return made


def test_every_file_is_there_with_its_content(stored: StoredFiles) -> None:
    assert stored == {_SMALL: b"1234567", _LARGE: b"abcdefgh"}
    assert [*stored] == [_SMALL, _LARGE]
    assert len(stored) == 2
    assert PurePosixPath("other") not in stored
    with pytest.raises(KeyError):
        stored[PurePosixPath("other")]


def test_a_file_in_memory_is_not_read_again(stored: StoredFiles, tmp_path: Path) -> None:
    (tmp_path / _SMALL).unlink()
    assert stored[_SMALL] == b"1234567"


def test_a_file_that_changed_is_not_taken_for_what_it_was(
    stored: StoredFiles, tmp_path: Path
) -> None:
    (tmp_path / _LARGE).write_bytes(b"ABCDEFGHI")
    with pytest.raises(ToolError, match="was changed by something else in the meantime"):
        stored[_LARGE]


def test_another_file_of_the_same_size_is_another_one(stored: StoredFiles, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"ABCDEFGH")
    (tmp_path / "new").replace(tmp_path / _LARGE)
    with pytest.raises(ToolError, match="was changed"):
        stored[_LARGE]


def test_a_file_that_went_or_became_a_link_is_an_error(stored: StoredFiles, tmp_path: Path) -> None:
    (tmp_path / _LARGE).unlink()
    with pytest.raises(ToolError, match=r"cannot read .*large again: No such file"):
        stored[_LARGE]
    (tmp_path / _LARGE).symlink_to(tmp_path / _SMALL)
    with pytest.raises(ToolError, match=r"cannot read .*large again"):
        stored[_LARGE]
