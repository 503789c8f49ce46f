"""Signals to the worker while the real restic works, and what is left of its lock."""

import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import (
    COMPONENT,
    NOW,
    SESSION,
    Workbench,
    child_of,
    holding,
    kill_pod,
    snapshot_name,
    wait_until,
)

_LARGE = 400 << 20


@pytest.fixture
def large(workbench: Workbench) -> Workbench:
    """A volume that takes restic seconds: bytes that cannot be compressed or deduplicated."""
    block = os.urandom(1 << 20)
    with (workbench.volume / "large").open("wb") as file:
        for number in range(_LARGE >> 20):
            mixed = bytes(byte ^ (number & 0xFF) for byte in block[:256])
            file.write(mixed + block[256 + number :] + block[: number + 256])
    return workbench


def started(workbench: Workbench, day: float = 0) -> "subprocess.Popen[str]":
    """A backup whose restic holds its lock and has written data."""
    process = workbench.start(workbench.backup_args(day), workbench.backup_plan(day), day)
    wait_until("restic's lock", workbench.locks)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_has_restic_release_its_lock_and_is_reported(
    large: Workbench, number: signal.Signals
) -> None:
    process = started(large)
    process.send_signal(number)
    ended = large.wait(process)
    assert ended.reason == ErrorClass.INTERRUPTED
    assert "exit code 130" in ended.text
    assert large.locks() == []
    assert large.restic_process("list", "locks", "--no-lock").stdout == ""
    assert large.restic("snapshots", "--no-lock") == []
    assert ended.result.components[COMPONENT].phase == "Failed"
    assert not ended.result.uploaded


def test_a_second_signal_changes_nothing(large: Workbench) -> None:
    process = started(large)
    for _ in range(5):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    assert large.wait(process).reason == ErrorClass.INTERRUPTED
    assert large.locks() == []


def test_a_signal_before_restic_starts_leaves_the_repository_alone(large: Workbench) -> None:
    process = large.start(large.backup_args(0), large.backup_plan(0))
    status = Path(f"/proc/{process.pid}/status")
    bit = 1 << (signal.SIGTERM - 1)

    def is_caught() -> bool:
        lines = status.read_text(encoding="ascii").splitlines()
        caught = next(line for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) & bit)

    wait_until("the handler", is_caught)
    process.send_signal(signal.SIGTERM)
    assert large.wait(process).reason == ErrorClass.INTERRUPTED
    assert large.locks() == []
    assert large.restic("snapshots", "--no-lock") == []


def test_the_deadline_ends_restic_as_a_signal_does(large: Workbench) -> None:
    deadline = NOW + timedelta(seconds=2)
    ended = large.backup(0, deadline=f"{deadline:%Y-%m-%dT%H:%M:%SZ}")
    assert ended.reason == ErrorClass.DEADLINE_EXCEEDED
    assert large.locks() == []


def test_a_killed_worker_leaves_a_lock_that_the_next_backup_and_retention_survive(
    large: Workbench,
) -> None:
    process = started(large)
    kill_pod(process)
    assert large.message_file.read_bytes() == b""
    assert len(large.locks()) == 1

    (large.volume / "large").unlink()
    for day in (1, 2):
        large.backup(day).succeeded()
    assert large.locks() == []
    removed = large.retain(3, "--keep-last=1").succeeded().result.retention
    assert removed is not None
    assert removed.removed == (snapshot_name(1),)


def test_a_live_lock_is_waited_for_and_then_told_as_such(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    workbench.backup(1).succeeded()
    with holding(workbench):
        deadline = NOW + timedelta(days=2, seconds=16)
        started_at = time.monotonic()
        ended = workbench.retain(2, "--keep-last=1", deadline=f"{deadline:%Y-%m-%dT%H:%M:%SZ}")
        assert time.monotonic() - started_at > 2
        assert ended.reason == ErrorClass.LOCKED
        assert len(workbench.locks()) == 1
    assert len(workbench.restic("snapshots", "--no-lock")) == 2


def test_a_lock_that_is_released_in_time_only_delays(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    workbench.backup(1).succeeded()
    with holding(workbench) as holder:
        args = workbench.maintain_args("retain", "--keep-last=1")
        process = workbench.start(args, {"session": SESSION}, 2)
        wait_until("restic", lambda: child_of(process.pid, "restic"))
        time.sleep(1)
        assert process.poll() is None
        holder.send_signal(signal.SIGTERM)
        workbench.wait(process).succeeded()
    assert len(workbench.restic("snapshots", "--no-lock")) == 1


def test_nobody_prunes_under_a_check(workbench: Workbench) -> None:
    for day in range(3):
        (workbench.volume / "file").write_bytes(os.urandom(300_000))
        workbench.backup(day).succeeded()
    checking = workbench.root / "checking"
    slow = "exec restic --limit-download=2 --no-cache"
    script = f'case " $* " in *" check "*) touch {checking}; {slow} "$@";; esac'
    workbench.wrap_restic(script)
    process = workbench.start(workbench.backup_args(3), workbench.backup_plan(3, check=True), 3)
    wait_until("restic's check", checking.exists)
    wait_until("its lock", workbench.locks)
    done = workbench.restic_process("forget", "--prune", "--keep-last=1")
    assert process.poll() is None
    assert done.returncode == 11
    workbench.wait(process).succeeded()
    assert workbench.restic("check", "--no-lock")["num_errors"] == 0


def test_a_check_waits_for_a_lock_and_a_good_backup_is_not_called_damaged(
    workbench: Workbench,
) -> None:
    (workbench.volume / "file").write_bytes(os.urandom(300_000))
    workbench.backup(0).succeeded()
    with holding(workbench) as holder:
        process = workbench.start(workbench.backup_args(1), workbench.backup_plan(1, check=True), 1)
        wait_until("the new snapshot", lambda: len(snapshots(workbench)) == 2)
        time.sleep(2)
        assert process.poll() is None
        holder.send_signal(signal.SIGTERM)
        workbench.wait(process).succeeded()

    with holding(workbench):
        deadline = f"{NOW + timedelta(days=2, seconds=25):%Y-%m-%dT%H:%M:%SZ}"
        ended = workbench.backup(2, deadline=deadline, check=True)
    assert ended.reason == ErrorClass.LOCKED
    component = ended.result.components[COMPONENT]
    assert (component.phase, component.integrity) == ("Failed", None)


def snapshots(workbench: Workbench) -> list[Path]:
    return list((workbench.repository / "snapshots").iterdir())


def test_a_lock_of_another_host_goes_only_if_its_pod_is_known_to_be_gone(
    workbench: Workbench,
) -> None:
    workbench.backup(0).succeeded()
    workbench.backup(1).succeeded()
    with holding(workbench, host="backup-abcde") as holder:
        holder.kill()
        holder.wait()
        deadline = f"{NOW + timedelta(days=2, seconds=16):%Y-%m-%dT%H:%M:%SZ}"
        ended = workbench.retain(
            2, "--keep-last=1", deadline=deadline, terminatedPods=["other-fghij"]
        )
        assert ended.reason == ErrorClass.LOCKED
        workbench.retain(2, "--keep-last=1", terminatedPods=["backup-abcde"]).succeeded()
    assert workbench.locks() == []


@pytest.mark.parametrize(("gone", "left"), [("backup-abcde", 0), ("other-fghij", 1)])
def test_a_restore_removes_the_lock_of_a_pod_that_is_gone_and_no_other(
    workbench: Workbench, gone: str, left: int
) -> None:
    workbench.backup(0).succeeded()
    with holding(workbench, host="backup-abcde") as holder:
        holder.kill()
        holder.wait()
        workbench.restore(workbench.record(snapshot_name(0)), terminatedPods=[gone]).succeeded()
    assert len(workbench.locks()) == left
