"""A plain RestoreSession writes once, also where its pod comes back with an older etcd."""

import json
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import Ended, Workbench, overwriting, snapshot_name

_UID = "5f2b7c4e-8d7e-4c8e-9a52-0f3f8f1c2b11"


@pytest.fixture
def used(workbench: Workbench) -> Workbench:
    """A volume with a backup, changed since."""
    (workbench.volume / "file").write_text("backed up", encoding="utf-8")
    workbench.backup(0).succeeded()
    (workbench.volume / "file").write_text("lost", encoding="utf-8")
    return workbench


def restore(bench: Workbench, uid: str = _UID) -> Ended:
    return bench.restore(bench.record(snapshot_name(0)), sessionUid=uid)


def content(bench: Workbench) -> str:
    return (bench.volume / "file").read_text(encoding="utf-8")


def record(bench: Workbench) -> Path:
    (found,) = bench.root.rglob(f"restores/session-{_UID}.json")
    return found


@pytest.mark.parametrize("replaces", [False, True])
def test_a_session_that_comes_back_overwrites_nothing(used: Workbench, *, replaces: bool) -> None:
    if replaces:
        overwriting(used)
    assert restore(used).succeeded().result.restored_before is None
    assert content(used) == "backed up"
    (used.volume / "file").write_text("worked on since", encoding="utf-8")
    done = json.loads(record(used).read_text("utf-8"))["done"]
    again = restore(used).succeeded().result
    assert again.restored_before is not None
    assert again.restored_before.message == (
        f"already restored at {done}; nothing was written this time"
    )
    assert content(used) == "worked on since"
    # Another session is another restore.
    restore(used, "another").succeeded()
    assert content(used) == "backed up"


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("{}", ErrorClass.INVALID_BUCKET),
        (" " * (2 << 20), ErrorClass.INVALID_BUCKET),
        ("", ErrorClass.RECORD_EXISTS),
    ],
    ids=["empty", "long", "begun"],
)
def test_a_session_that_began_and_did_not_finish_is_not_begun_again(
    used: Workbench, left: str, reason: ErrorClass
) -> None:
    restore(used).succeeded()
    known = json.loads(record(used).read_text("utf-8"))
    del known["done"]
    record(used).write_text(left or json.dumps(known), encoding="utf-8")
    (used.volume / "file").write_text("half", encoding="utf-8")
    ended = restore(used)
    assert ended.reason == reason
    assert content(used) == "half"
    # The volume is not taken for whole.
    assert ended.result.restored is not None
