"""A storage on a volume without hard links: SMB, exFAT and most FUSE file systems."""

import errno
from pathlib import Path

import pytest

from tests.support.denied import denied
from tests.support.workbench import Workbench, session_name, snapshot_name

_LINKS = ("link", "linkat")


@pytest.fixture
def linkless(tmp_path: Path) -> Workbench:
    """A worker whose storage refuses hard links, and restic with it."""
    return Workbench(tmp_path, prefix=denied(errno.EPERM, *_LINKS))


@pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_storage_without_hard_links_is_initialised(tmp_path: Path, error: int) -> None:
    bench = Workbench(tmp_path, prefix=denied(error, *_LINKS))
    bench.init_storage().succeeded()
    bench.init_storage().succeeded()
    assert not list(bench.storage.rglob("*.tmp"))


def test_volume_is_backed_up_restored_and_tidied_without_hard_links(linkless: Workbench) -> None:
    linkless.init()
    (linkless.volume / "book").write_text("words", encoding="utf-8")
    linkless.backup(0).succeeded()
    record = linkless.record(snapshot_name(0))
    linkless.backup(1).succeeded()
    (linkless.volume / "book").unlink()
    linkless.restore(record).succeeded()
    assert (linkless.volume / "book").read_text(encoding="utf-8") == "words"
    kept = linkless.retain(2, "--keep-last=1").succeeded().result.retention
    assert kept is not None
    assert kept.removed == (snapshot_name(0),)


def test_records_are_not_replaced_there_either(linkless: Workbench) -> None:
    linkless.init()
    linkless.backup(0).succeeded()
    again = linkless.backup(0, backupSession=session_name(0))
    assert again.reason == "RecordExists"


def test_storage_that_cannot_create_only_says_so(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, prefix=denied(errno.EPERM, *_LINKS, "renameat2"))
    ended = bench.init_storage()
    assert ended.reason == "CreateOnlyIgnored"
    assert "neither hard links nor renames that do not replace" in ended.text
    assert not [path for path in bench.storage.rglob("*") if path.is_file()]
