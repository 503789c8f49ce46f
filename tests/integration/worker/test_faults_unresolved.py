"""Volumes on which restic misses files without a word."""

import os
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.faults import fault
from tests.support.unresolvable import unresolvable
from tests.support.workbench import COMPONENT, Json, Workbench, snapshot_name

_WARN = "--on-unreadable=warn"


def unreadable(workbench: Workbench, day: float) -> Json:
    record = workbench.record(snapshot_name(day))
    return record["status"]["components"][COMPONENT].get("unreadable")


@pytest.mark.parametrize("call", ["newfstatat", "openat"])
def test_what_a_folder_lists_but_nobody_finds_is_unreadable(
    workbench: Workbench, call: str
) -> None:
    """A CIFS or FUSE mount; restic takes it for deleted and says nothing, exit code 0."""
    folder = workbench.volume / "sub"
    folder.mkdir()
    (folder / "good").write_text("x")
    (folder / "lost").write_text("x")
    # The second backup has a parent to compare with.
    (workbench.volume / "before").write_text("x")
    workbench.backup(0).succeeded()
    (folder / "lost").write_text("changed")
    workbench.prefix = unresolvable("sub/lost", call)
    ended = workbench.backup(1)
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert unreadable(workbench, 1) == {"count": 1, "first": ["sub/lost"]}
    record = workbench.record(snapshot_name(1))
    fault("The volume lists names that it cannot find (CIFS, FUSE)").check(
        [{"phase": "Failed"}, record["status"]]
    )
    workbench.backup(2, args=[_WARN]).succeeded()
    assert unreadable(workbench, 2) == {"count": 1, "first": ["sub/lost"]}
    workbench.backup(3, args=["--exclude=lost"]).succeeded()
    assert unreadable(workbench, 3) is None


def test_a_name_that_is_no_text_can_be_unresolvable_too(workbench: Workbench) -> None:
    """restic prints it with another letter in the place of each strange byte."""
    folder = os.fsencode(workbench.volume) + b"/\xfe\xe9"
    Path(os.fsdecode(folder)).mkdir()
    Path(os.fsdecode(folder + b"/lost\xff\xfe")).write_text("x")
    Path(os.fsdecode(folder + b"/good\xff")).write_text("x")
    workbench.prefix = unresolvable("/lost")
    ended = workbench.backup(0, args=[_WARN]).succeeded()
    found = ended.result.components[COMPONENT].unreadable
    assert found is not None
    assert (found.count, found.first) == (1, ("\ufffd\ufffd/lost\ufffd\ufffd",))
