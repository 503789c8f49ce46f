import pytest

from stashgen_controller.worker.restic.complaints import Complaints, Where, add_up, where

_STORE = "/kubestash-backend/shop/library"
_ROOT = "/kubestash-data"
_FILE = f"{_ROOT}/orders.db"
_PACK = "<data/4d250f34c4>"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"open {_FILE}: permission denied", Where.SOURCE),
        (f"read {_FILE}: input/output error", Where.SOURCE),
        (f"open {_FILE}: stale NFS file handle", Where.SOURCE),
        (f'{_FILE}: unsupported file type "irregular"', Where.SOURCE),
        (f"can not obtain extended attribute user.x for {_FILE}: permission denied", Where.SOURCE),
        (f"open {_FILE}: no such file or directory", Where.MISSING),
        (f"failed to save {_FILE}: read {_FILE}: no such file or directory", Where.MISSING),
        (f"xattr.get {_FILE} user.x: no such file or directory", Where.MISSING),
        (f'file "{_FILE}" changed type, refusing to archive', Where.NOWHERE),
        (f'failed to save {_FILE}: node type "dir" is wrong', Where.NOWHERE),
        (f"failed to save {_FILE}: Save({_PACK}): permission denied", Where.STORAGE),
        (f"{_FILE}: open {_STORE}/data/4d: no such file or directory", Where.STORAGE),
        (
            f"{_FILE}: tree 1a could not be loaded; the repository could be damaged: no such file",
            Where.STORAGE,
        ),
        (f"parts of {_FILE} not found in the repository index; storing it again", Where.STORAGE),
    ],
)
def test_where_a_backup_failed(text: str, place: Where) -> None:
    assert where("archival", _FILE, text, _STORE) is place
    assert where("scan", _FILE, text, _STORE) in {Where.NOWHERE, Where.MISSING}


def test_the_scan_names_what_is_not_found_and_is_no_judge_of_anything_else() -> None:
    """The archiver leaves out such a file without a word."""
    gone, denied = "no such file or directory", "permission denied"
    assert where("scan", _FILE, f"lstat {_FILE}: {gone}", _STORE) is Where.MISSING
    assert where("scan", _FILE, f"lstat {_FILE}: {denied}", _STORE) is Where.NOWHERE


@pytest.mark.parametrize(
    "name", ["x: no such file or directory", "<data/4d>", "the repository could be damaged"]
)
def test_a_name_that_looks_like_an_error_is_only_a_name(name: str) -> None:
    item = f"{_ROOT}/{name}"
    assert where("archival", item, f"open {item}: permission denied", _STORE) is Where.SOURCE
    assert where("restore", item, f"open {item}: permission denied", _STORE) is Where.TARGET


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"lchown {_FILE}: operation not permitted", Where.METADATA),
        (f"chmod {_FILE}: operation not permitted", Where.METADATA),
        (f"xattr.LSet {_FILE} security.ima: operation not permitted", Where.METADATA),
        (f"xattr.LRemove {_FILE} system.nfs4_acl: permission denied", Where.METADATA),
        (f'failed to restore timestamp of "{_FILE}": operation not permitted', Where.METADATA),
        (f"open {_FILE}: permission denied", Where.TARGET),
        (f"link {_ROOT}/a {_FILE}: operation not permitted", Where.TARGET),
        (f"mkdir {_ROOT}: read-only file system", Where.TARGET),
        (f"chmod {_STORE}/data: operation not permitted", Where.STORAGE),
        (f"ReadFull({_PACK}): open {_STORE}/data/4d: permission denied", Where.STORAGE),
        ("dial tcp: connection refused", Where.STORAGE),
    ],
)
def test_where_a_restore_failed(text: str, place: Where) -> None:
    assert where("restore", _FILE, text, _STORE) is place


def test_a_tree_that_cannot_be_read_is_no_fault_of_the_target() -> None:
    text = f"ReadFull({_PACK}): open {_STORE}/data/4d: no such file or directory"
    assert where("restore", "/", text, _STORE) is Where.STORAGE
    assert where("restore", "/", "The specified key does not exist.", "s3:b/c") is Where.STORAGE


def test_files_count_once_and_the_first_are_named_below_the_root() -> None:
    found = Complaints()
    for number in (*range(7), 0):
        found.add(f"{_ROOT}/{number}", f"{number}")
    files = found.files(_ROOT)
    assert files is not None
    assert (found.reports, files.count, files.first) == (8, 7, ("0", "1", "2", "3", "4"))
    assert files.text == "7 files: 0, 1, 2, 3, 4 and 2 more"
    assert Complaints().files(_ROOT) is None


def test_long_and_unprintable_names_are_shortened_and_replaced() -> None:
    found = Complaints()
    found.add(f"{_ROOT}/a\n\x1b[31m", "")
    found.add(f"{_ROOT}/{'x' * 5000}", "")
    files = found.files(_ROOT)
    assert files is not None
    assert files.first[0] == "a��[31m"
    assert len(files.first[1]) == 100


def test_the_files_of_several_paths_are_added_up() -> None:
    one = Complaints()
    one.add("/a", "")
    files = one.files("/")
    both = add_up(None, files, files)
    assert both is not None
    assert (both.count, both.first) == (2, ("a", "a"))
    assert add_up(None, None) is None
