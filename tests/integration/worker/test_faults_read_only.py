"""A storage on a volume that is mounted read-only."""

import time

from tests.support.faults import fault
from tests.support.workbench import Workbench, snapshot_name

# So long restic itself tries to lock the repository, for each of its commands.
_RESTIC_TRIES_SECONDS = 900.0


def mounted_read_only(workbench: Workbench) -> None:
    """Give the worker a mount namespace in which the storage cannot be written to."""
    folder = workbench.storage
    script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
    workbench.prefix = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "--")


def test_backups_and_prunes_end_at_once_and_restores_work(workbench: Workbench) -> None:
    (workbench.volume / "file").write_text("x")
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    (workbench.volume / "file").write_text("changed")
    mounted_read_only(workbench)
    begin = time.monotonic()
    backup = workbench.backup(1)
    upkeep = workbench.upkeep(2)
    retain = workbench.retain(3, "--keep-last=1")
    assert time.monotonic() - begin < _RESTIC_TRIES_SECONDS
    assert {backup.reason, upkeep.reason, retain.reason} == {"AccessDenied"}
    component = backup.result.components["dump"]
    fault("The volume of a storage is mounted read-only").check(
        [{"phase": "Failed"}, {"error": component.error}]
    )
    assert workbench.resync().succeeded().result.resync is not None
    workbench.restore(record).succeeded()
    assert (workbench.volume / "file").read_text() == "x"
    workbench.prefix = ()
    assert workbench.locks() == []
    assert [item["tags"] for item in workbench.restic("snapshots", "--no-lock")]
