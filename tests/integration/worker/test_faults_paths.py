"""Paths of a volume that are not what they seem."""

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.faults import fault
from tests.support.workbench import Ended, Workbench, snapshot_name


def back_up(workbench: Workbench, day: float, *paths: str) -> Ended:
    given = ",".join(f"{workbench.volume}/{path}" for path in paths)
    args = [arg for arg in workbench.backup_args(day) if not arg.startswith("--paths=")]
    return workbench.run([*args, f"--paths={given}"], workbench.backup_plan(day), day)


@pytest.mark.parametrize("path", ["current", "current/data"])
@pytest.mark.parametrize("target", ["v2", "/etc"])
def test_a_path_through_a_link_is_no_backup(workbench: Workbench, path: str, target: str) -> None:
    (workbench.volume / "v2" / "data").mkdir(parents=True)
    (workbench.volume / "v2" / "data" / "file").write_text("x")
    (workbench.volume / "current").symlink_to(target)
    ended = back_up(workbench, 0, "v2", path)
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert workbench.restic("snapshots", "--no-lock") == []
    # No Snapshot without data has a record: the status is the result's.
    component = ended.result.components["dump"]
    fault("A path of the policy is a symbolic link").check(
        [{"phase": "Failed"}, {"error": component.error}]
    )
    # Links in a path are part of what is backed up.
    (workbench.volume / "v2" / "link").symlink_to("data")
    back_up(workbench, 1, "v2").succeeded()
    assert workbench.record(snapshot_name(1))["status"]["phase"] == "Succeeded"


def test_a_path_that_cannot_be_looked_at_is_for_restic_to_report(workbench: Workbench) -> None:
    (workbench.volume / "file").write_text("x")
    ended = back_up(workbench, 0, "x" * 300)
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
