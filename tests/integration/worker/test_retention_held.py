"""When retention holds back with the real restic, and what lets it go on."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import Ended, Workbench, prepared, snapshot_name


@pytest.fixture
def bench(tmp_path: Path, history: Workbench) -> Workbench:
    """A copy of the history, and an empty volume."""
    return prepared(Workbench(tmp_path), history.storage)


def count(bench: Workbench) -> int:
    return len(bench.restic("snapshots", "--no-lock"))


def removed(ended: Ended) -> Sequence[str]:
    found = ended.succeeded().result.retention
    assert found is not None
    return found.removed


def names(*days: float) -> tuple[str, ...]:
    return tuple(map(snapshot_name, days))


def test_an_emptied_volume_holds_until_its_size_is_accepted(bench: Workbench) -> None:
    for day in (4, 5, 35):
        bench.backup(day).succeeded()
        ended = bench.retain(day, "--keep-last=1", accepted_gap=snapshot_name(35))
        assert ended.reason == ErrorClass.RETENTION_HELD
        assert ended.text == (
            f"the volume shrank from 19.531 KiB to 0 B with Snapshot {snapshot_name(4)}: nothing "
            "is removed. If that is right, annotate the BackupConfiguration with "
            f"stashgen.dev/accept-smaller: {snapshot_name(4)}"
        )
    for other in (snapshot_name(3), "another"):
        ended = bench.retain(35, "--keep-last=1", accepted_smaller=other)
        assert ended.reason == ErrorClass.RETENTION_HELD
    assert count(bench) == 7
    accepted = {"accepted_smaller": snapshot_name(4), "accepted_gap": snapshot_name(35)}
    assert removed(bench.retain(35, "--keep-last=1", **accepted)) == names(0, 1, 2, 3, 4, 5)


def test_a_size_that_was_accepted_stays_so_without_its_snapshot(bench: Workbench) -> None:
    for day in (4, 5):
        bench.backup(day).succeeded()
    accepted = {"accepted_smaller": snapshot_name(4), "pinned_snapshots": names(0)}
    assert removed(bench.retain(5, "--keep-last=1", **accepted)) == names(1, 2, 3, 4)
    bench.backup(6).succeeded()
    assert removed(bench.retain(6, "--keep-last=1", pinned_snapshots=names(0))) == names(5)


def test_a_volume_that_has_grown_again_goes_on(bench: Workbench) -> None:
    bench.backup(4).succeeded()
    (bench.volume / "file").write_bytes(os.urandom(20_000))
    bench.backup(5).succeeded()
    assert removed(bench.retain(5, "--keep-last=1")) == names(0, 1, 2, 3, 4)


@pytest.mark.parametrize("day", [8, 3650])
def test_nothing_is_removed_when_the_clock_jumped_ahead_of_the_backup(
    bench: Workbench, day: float
) -> None:
    ended = bench.retain(day, "--max-retention-period=1d")
    assert ended.reason == ErrorClass.RETENTION_HELD
    assert "the clock may have jumped ahead" in ended.text
    assert count(bench) == 4


def test_nothing_is_removed_when_the_clock_jumped_before_the_backup(bench: Workbench) -> None:
    (bench.volume / "file").write_bytes(os.urandom(20_000))
    for day in (3650, 3651):
        bench.backup(day).succeeded()
        ended = bench.retain(day, "--max-retention-period=30d")
        assert ended.reason == ErrorClass.RETENTION_HELD
        assert f"stashgen.dev/accept-gap: {snapshot_name(3650)}" in ended.text
    assert count(bench) == 6
    accepted = {"accepted_gap": snapshot_name(3650)}
    assert removed(bench.retain(3651, "--max-retention-period=30d", **accepted)) == names(*range(4))
