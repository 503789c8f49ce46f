"""What a killed worker left in restic goes with retention, on the embedded cluster."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.snapshot import Snapshot, SnapshotStatus
from tests.integration.controller.protected_volume import Protected, parent_of
from tests.support.real_cluster import RealCluster

# restic in front of restic: once it has stored a backup, it does not end while somebody holds it.
_HELD = """#!/bin/sh
here="$(dirname "$0")"
case " $* " in
*" backup "*)
  "$here/real-restic" "$@"
  code=$?
  [ ! -e "$here/hold" ] || exec sleep 86399
  exit $code
  ;;
esac
exec "$here/real-restic" "$@"
"""


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose restic can be held right after a backup stored its snapshot."""
    folder = tmp_path_factory.mktemp("bin")
    restic = shutil.which("restic")
    assert restic is not None, "restic is not on PATH"
    shutil.copy(restic, folder / "real-restic")
    (folder / "restic").write_text(_HELD, encoding="utf-8")
    (folder / "restic").chmod(0o755)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, binaries: Path) -> Iterator[RealCluster]:
    """One embedded cluster whose pods have that restic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
        found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def kill_after_restic_stored(protected: Protected, hold: Path) -> str:
    """A session whose worker is killed between restic's snapshot and its record; its name."""
    hold.touch()
    session = protected.start_next()
    restic = protected.cluster.wait("the data", lambda: protected.process("sleep"))
    protected.cluster.wait("the pod's record", lambda: protected.pod(session))
    assert set(listed(protected)) - named(protected), "restic stored nothing"
    for process in (parent_of(restic), restic):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    hold.unlink()
    protected.cluster.wait(
        "the failure", lambda: protected.session(session).get("phase") == "Failed"
    )
    return f"repo-local-{session}"


def listed(protected: Protected) -> dict[str, str]:
    """What restic lists: the tag of each id."""
    found = protected.cluster.restic(protected.repository, "snapshots")
    return {
        str(item["id"]): ",".join(cast("list[str]", item["tags"]))
        for item in cast("list[JsonObject]", found)
    }


def named(protected: Protected) -> set[str]:
    """The ids that the Snapshot objects name."""
    found = map(Snapshot.from_wire, protected.cluster.items(known.SNAPSHOTS, protected.namespace))
    return {
        stats.summary.id
        for snapshot in found
        for component in ((snapshot.status or SnapshotStatus()).components or {}).values()
        for stats in component.restic_stats or ()
        if stats.summary is not None and stats.summary.id
    }


def test_restic_lists_what_the_snapshots_name_after_workers_were_killed(
    cluster: RealCluster, binaries: Path
) -> None:
    protected = Protected(cluster, "orphaned")
    assert set(listed(protected)) == named(protected)
    first, second = (kill_after_restic_stored(protected, binaries / "hold") for _ in range(2))
    # The retention of the failed session itself removes what its worker left.
    cluster.wait("its retention", lambda: set(listed(protected)) == named(protected))

    after = f"repo-local-{protected.finish_next()}"
    assert list(listed(protected).values()) == [f"stashgen.dev/snapshot={after}"]
    assert set(listed(protected)) == named(protected)
    # The policy keeps one failed Snapshot: its text is there to be read.
    there = cluster.wait(
        "the failed Snapshot's end",
        lambda: found if first not in (found := cluster.names(known.SNAPSHOTS, "orphaned")) else [],
    )
    assert there == sorted([second, after])
