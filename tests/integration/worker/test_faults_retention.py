"""Retention goes wrong: what the table of docs/faults.md says of it, with the real restic."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.faults import fault
from tests.support.workbench import (
    NOW,
    SESSION,
    Ended,
    Workbench,
    holding,
    kill_pod,
    overwriting,
    prepared,
    snapshot_name,
    wait_until,
    with_storage_clock,
)


@pytest.fixture
def bench(tmp_path: Path, history: Workbench) -> Workbench:
    """A copy of the history, and a volume of the same size."""
    workbench = prepared(Workbench(tmp_path), history.storage)
    (workbench.volume / "file").write_bytes(os.urandom(20_000))
    return workbench


def count(bench: Workbench) -> int:
    return len(bench.restic("snapshots", "--no-lock"))


def locked(bench: Workbench) -> Ended:
    with holding(bench):
        deadline = f"{NOW + timedelta(days=3, seconds=16):%Y-%m-%dT%H:%M:%SZ}"
        return bench.retain(3, "--keep-last=1", deadline=deadline)


def shrunk(bench: Workbench) -> Ended:
    (bench.volume / "file").write_bytes(b"")
    bench.backup(4).succeeded()
    return bench.retain(4, "--keep-last=1")


def back(bench: Workbench) -> Ended:
    return bench.retain(2, "--keep-last=1")


def ahead(bench: Workbench) -> Ended:
    return bench.retain(400, "--max-retention-period=30d")


def all_ahead(bench: Workbench) -> Ended:
    bench.backup(3650).succeeded()
    return bench.retain(3650, "--max-retention-period=30d")


def other_clock(bench: Workbench) -> Ended:
    with_storage_clock(bench, timedelta(days=-1))
    return bench.retain(3, "--keep-last=1")


def overwritten(bench: Workbench) -> Ended:
    overwriting(bench)
    return bench.retain(3, "--keep-last=1")


@pytest.mark.parametrize(
    ("row", "happens"),
    [
        ("Somebody else holds the lock of restic", locked),
        ("The volume loses more than half of its data", shrunk),
        ("The clock of a node went back", back),
        ("The clock of a node jumps ahead of the last backup", ahead),
        ("All clocks jump ahead", all_ahead),
        ("The storage's clock differs from the node's", other_clock),
        ("The storage stops refusing to overwrite", overwritten),
    ],
)
def test_retention_says_why_it_removes_nothing(
    bench: Workbench, row: str, happens: Callable[[Workbench], Ended]
) -> None:
    ended = happens(bench)
    assert ended.result.error is not None
    said = ended.result.error.why.text
    fault(row).check([{"phase": "Succeeded", "error": said}])
    assert count(bench) >= 4
    assert not list((bench.directory / ".stashgen").rglob("removal.json"))


def test_a_killed_run_is_completed_by_the_next(bench: Workbench) -> None:
    fault("The retention run is killed").check([{"phase": "Succeeded"}])
    bench.wrap_restic('case " $* " in *" forget "*) restic "$@"; exec sleep 600;; esac')
    args = bench.maintain_args("retain", "--keep-last=1")
    process = bench.start(args, {"session": SESSION}, 3)
    wait_until("the end of restic", lambda: count(bench) == 1 and not bench.locks())
    kill_pod(process)
    assert len(list((bench.directory / "snapshots").iterdir())) == 4
    del bench.environment["PATH"]
    found = bench.retain(3, "--keep-last=9").succeeded().result.retention
    assert found is not None
    assert found.removed == tuple(map(snapshot_name, range(3)))
