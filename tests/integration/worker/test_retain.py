"""Retention with the real restic: what goes, in which order, and when it refuses."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from stashgen.yaml import emitter
from stashgen_controller.protocol.run_result import ErrorClass, Retention
from stashgen_controller.worker.repository.removal import MOST_REMOVED
from tests.support.workbench import (
    COMPONENT,
    NOW,
    PATH,
    SESSION,
    Ended,
    Json,
    Workbench,
    child_of,
    holding,
    kill_pod,
    overwriting,
    prepared,
    snapshot_name,
    wait_until,
)


@pytest.fixture
def bench(tmp_path: Path, history: Workbench) -> Workbench:
    """A copy of the history."""
    return prepared(Workbench(tmp_path), history.storage)


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Workbench:
    """Twelve good backups, one a day."""
    workbench = prepared(Workbench(tmp_path_factory.mktemp("long")), template)
    for day in range(12):
        (workbench.volume / "file").write_bytes(os.urandom(200_000))
        workbench.backup(day).succeeded()
    return workbench


@pytest.fixture
def long(tmp_path: Path, long_history: Workbench) -> Workbench:
    """A copy of the longer history."""
    return prepared(Workbench(tmp_path), long_history.storage)


def retention(ended: Ended) -> Retention:
    found = ended.succeeded().result.retention
    assert found is not None
    return found


def records(bench: Workbench) -> list[str]:
    return sorted(path.stem for path in (bench.directory / "snapshots").iterdir())


def rewrite(bench: Workbench, name: str, record: Json) -> None:
    (bench.directory / "snapshots" / f"{name}.yaml").write_bytes(emitter.emit(record).encode())


def restic_count(bench: Workbench) -> int:
    return len(bench.restic("snapshots", "--no-lock"))


def test_what_the_policy_does_not_keep_goes_from_restic_and_the_bucket(bench: Workbench) -> None:
    done = retention(bench.retain(4, "--keep-last=2"))
    assert done.removed == (snapshot_name(0), snapshot_name(1))
    assert (done.kept, done.remaining, done.missing, done.ignored) == (2, 0, 0, 0)
    assert records(bench) == [snapshot_name(2), snapshot_name(3)]
    assert restic_count(bench) == 2
    assert bench.restic("check", "--no-lock")["num_errors"] == 0
    assert retention(bench.retain(5, "--keep-last=2")).removed == ()


def test_the_last_good_snapshot_stays_whatever_the_policy_says(bench: Workbench) -> None:
    done = retention(bench.retain(4, "--keep-last=0", "--max-retention-period=1h"))
    assert done.kept == 1
    assert records(bench) == [snapshot_name(3)]
    assert restic_count(bench) == 1


def announced(bench: Workbench, *days: int) -> None:
    """What a run leaves that was killed after it said what it was about to remove."""
    data = {snapshot_name(day): ids_of(bench, day) for day in days}
    path = removal_file(bench)
    path.parent.mkdir(parents=True)
    document = {"version": "v1", "data": data, "begun": "2026-05-08T00:00:00Z"}
    path.write_text(json.dumps(document), encoding="utf-8")


def left_to_remove(bench: Workbench) -> dict[str, list[str]]:
    """What the next run has to complete."""
    found: dict[str, list[str]] = json.loads(removal_file(bench).read_text("utf-8"))["data"]
    return found


def ids_of(bench: Workbench, day: int) -> list[str]:
    stats = bench.record(snapshot_name(day))["status"]["components"][COMPONENT]["resticStats"]
    return [item["summary"]["id"] for item in stats]


def removal_file(bench: Workbench) -> Path:
    return bench.directory / ".stashgen/retention" / SESSION / "removal.json"


def test_an_interrupted_run_is_completed_by_the_next(bench: Workbench) -> None:
    announced(bench, 0, 1)
    bench.restic_process("forget", *ids_of(bench, 0))
    before = records(bench)
    done = retention(bench.retain(4, "--keep-last=9"))
    # What restic still lists is judged anew, and this policy keeps it.
    assert done.removed == (snapshot_name(0),)
    assert (done.kept, done.missing) == (3, 0)
    assert records(bench) == before[1:]
    assert restic_count(bench) == 3
    assert left_to_remove(bench) == {}


def test_what_is_gone_is_told_again_by_the_next_runs(bench: Workbench) -> None:
    """A result may be lost with its pod."""
    first = retention(bench.retain(4, "--keep-last=2"))
    assert (len(first.removed), first.removed_before) == (2, ())
    for _ in range(2):
        later = retention(bench.retain(4, "--keep-last=2"))
        assert (later.removed, later.removed_before) == ((), first.removed)


def test_a_name_that_is_in_use_again_is_not_told_as_gone(bench: Workbench) -> None:
    first = retention(bench.retain(4, "--keep-last=2"))
    assert first.removed == (snapshot_name(0), snapshot_name(1))
    bench.backup(0).succeeded()
    assert retention(bench.retain(4, "--keep-last=9")).removed_before == (snapshot_name(1),)


def test_what_is_told_again_leaves_room_in_the_result(bench: Workbench) -> None:
    told = [f"{number:063}" for number in range(MOST_REMOVED)]
    announced(bench)
    document = {"version": "v1", "data": {}, "gone": told, "begun": "2026-05-08T00:00:00Z"}
    removal_file(bench).write_text(json.dumps(document), encoding="utf-8")
    done = retention(bench.retain(4, "--keep-last=1"))
    assert (done.removed, done.removed_before) == ((), tuple(told))
    assert done.remaining == 3
    # The next attempt of the same session knows that this was heard.
    done = retention(bench.retain(4, "--keep-last=1", attempt=2))
    assert (len(done.removed), done.removed_before) == (3, ())


def test_a_storage_that_fails_after_the_removal_of_a_record_hides_no_removal(
    bench: Workbench,
) -> None:
    announced(bench, 0, 1)
    bench.restic_process("forget", *ids_of(bench, 0), *ids_of(bench, 1))
    (bench.directory / f"snapshots/{snapshot_name(0)}.yaml").unlink()
    done = retention(bench.retain(4, "--keep-last=9"))
    assert (done.removed, done.removed_before) == ((snapshot_name(1),), (snapshot_name(0),))


def test_what_only_was_announced_is_judged_by_the_policy_of_the_run_that_removes(
    bench: Workbench,
) -> None:
    announced(bench, 0, 1, 2, 3)
    assert retention(bench.retain(4, "--keep-last=4")).removed == ()
    assert restic_count(bench) == len(records(bench)) == 4


def test_a_lost_snapshot_of_another_id_was_not_removed_by_retention(bench: Workbench) -> None:
    announced(bench, 1)
    text = removal_file(bench).read_text(encoding="utf-8")
    removal_file(bench).write_text(text.replace(ids_of(bench, 1)[0], "0" * 64), encoding="utf-8")
    bench.restic_process("forget", *ids_of(bench, 1))
    done = retention(bench.retain(4, "--keep-last=9"))
    assert (done.removed, done.missing) == ((), 1)
    assert snapshot_name(1) in records(bench)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 99_999, '{"data": {"a": 1}}', "x" * 2**21])
def test_an_announcement_that_nobody_can_read_completes_nothing(
    bench: Workbench, text: str
) -> None:
    announced(bench, 0)
    removal_file(bench).write_text(text, encoding="utf-8")
    bench.restic_process("forget", *ids_of(bench, 0))
    done = retention(bench.retain(4, "--keep-last=1"))
    assert done.removed == (snapshot_name(1), snapshot_name(2))
    assert done.missing == 1


def test_records_that_an_earlier_version_marked_are_judged_anew(bench: Workbench) -> None:
    for day in range(4):
        record = bench.record(snapshot_name(day))
        record["status"]["conditions"].append(
            {"type": "Pruning", "status": "True", "lastTransitionTime": "2026-05-08T00:00:00Z"}
        )
        rewrite(bench, snapshot_name(day), record)
    assert retention(bench.retain(4, "--keep-last=4")).removed == ()
    assert retention(bench.retain(4, "--keep-last=2")).removed == tuple(map(snapshot_name, (0, 1)))
    assert restic_count(bench) == 2


def test_a_run_that_did_not_get_the_lock_leaves_nothing_that_binds_the_next(
    bench: Workbench,
) -> None:
    before = {path.name: path.read_bytes() for path in (bench.directory / "snapshots").iterdir()}
    with holding(bench):
        deadline = f"{NOW + timedelta(days=4, seconds=16):%Y-%m-%dT%H:%M:%SZ}"
        assert bench.retain(4, "--keep-last=1", deadline=deadline).reason == ErrorClass.LOCKED
    assert not removal_file(bench).exists()
    after = {path.name: path.read_bytes() for path in (bench.directory / "snapshots").iterdir()}
    assert after == before
    assert retention(bench.retain(4, "--keep-last=100")).removed == ()
    assert restic_count(bench) == 4


def test_what_a_restore_needs_is_neither_removed_nor_counted(bench: Workbench) -> None:
    pinned = [snapshot_name(0), snapshot_name(3), "of-another-repository"]
    done = retention(bench.retain(4, "--keep-last=1", pinned_snapshots=pinned))
    assert (done.removed, done.kept) == ((snapshot_name(1),), 3)
    assert restic_count(bench) == 3
    assert bench.restic("check", "--no-lock")["num_errors"] == 0
    assert retention(bench.retain(4, "--keep-last=1")).removed == (
        snapshot_name(0),
        snapshot_name(2),
    )


def test_an_interrupted_removal_of_what_a_restore_needs_is_completed_after_it(
    bench: Workbench,
) -> None:
    announced(bench, 0)
    bench.restic_process("forget", *ids_of(bench, 0))
    needed = {"pinned_snapshots": [snapshot_name(0)]}
    assert retention(bench.retain(4, "--keep-last=2", **needed)).removed == (snapshot_name(1),)
    assert snapshot_name(0) in records(bench)
    assert retention(bench.retain(4, "--keep-last=2")).removed == (snapshot_name(0),)


def test_other_sessions_of_the_command_line_are_left_alone(bench: Workbench) -> None:
    night = bench.directory / PATH.replace(SESSION, "night")
    shutil.copytree(bench.repository, night)
    both = f"--sessions={SESSION},night"
    done = retention(bench.retain(4, "--keep-last=1", both, session="night"))
    assert done.removed == ()
    assert restic_count(bench) == len(records(bench)) == 4
    assert bench.retain(4, both, session="weekly").reason == ErrorClass.INTERNAL


def test_a_snapshot_that_restic_lost_does_not_count_as_kept(bench: Workbench) -> None:
    (stats,) = bench.record(snapshot_name(3))["status"]["components"][COMPONENT]["resticStats"]
    bench.restic_process("forget", stats["summary"]["id"])
    done = retention(bench.retain(4, "--keep-last=1"))
    assert done.missing == 1
    assert done.removed == (snapshot_name(0), snapshot_name(1))
    assert restic_count(bench) == 1
    assert snapshot_name(3) in records(bench)


def test_a_record_that_claims_anothers_data_does_not_take_it_along(bench: Workbench) -> None:
    liar = bench.record(snapshot_name(0))
    newest = bench.record(snapshot_name(3))["status"]["components"]
    liar["metadata"]["name"] = "liar"
    liar["status"]["components"] = newest
    liar["status"]["phase"] = "Failed"
    rewrite(bench, "liar", liar)
    done = retention(bench.retain(4, "--keep-last=4", "--keep-failed=0"))
    assert done.removed == ("liar",)
    assert restic_count(bench) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not: [valid",
        b"a: &a [*a]",
        b"kind: Secret",
        b"\xff\xfe",
        b"x: " + b"y" * (2 << 20),
        b"--- {}\n--- {}\n",
    ],
)
def test_a_file_that_is_no_record_is_counted_and_left_alone(
    bench: Workbench, content: bytes
) -> None:
    path = bench.directory / "snapshots/odd.yaml"
    path.write_bytes(content)
    done = retention(bench.retain(4, "--keep-last=3"))
    assert (done.ignored, done.removed) == (1, (snapshot_name(0),))
    assert path.read_bytes() == content


def test_a_storage_that_replaces_records_is_told_as_such(bench: Workbench) -> None:
    overwriting(bench)
    ended = bench.retain(4, "--keep-last=1")
    assert ended.reason == ErrorClass.CREATE_ONLY_IGNORED
    assert restic_count(bench) == len(records(bench)) == 4


def removal_begun(bench: Workbench) -> bool:
    return removal_file(bench).exists()


def forgetting(bench: Workbench) -> bool:
    return len(list((bench.repository / "snapshots").iterdir())) < 12


def deleting(bench: Workbench) -> bool:
    return len(records(bench)) < 12


def soon(bench: Workbench) -> bool:
    return len(bench.locks()) > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("point", [removal_begun, soon, forgetting, deleting])
def test_a_run_that_was_killed_is_completed_and_what_is_left_judged_anew(
    long: Workbench, point: Callable[[Workbench], bool], seed: int
) -> None:
    before = {path.name: path.read_bytes() for path in (long.directory / "snapshots").iterdir()}
    args = long.maintain_args("retain", "--keep-last=2")
    process = long.start(args, {"session": SESSION}, 11)
    wait_until("the point", lambda: point(long) or process.poll() is not None)
    time.sleep(random.Random(seed).uniform(0, 0.2) if seed else 0)
    kill_pod(process)

    there = {path.name for path in (long.repository / "snapshots").iterdir()}
    left = [day for day in range(12) if snapshot_name(day) in records(long)]
    whole = [day for day in left if there.issuperset(ids_of(long, day))]
    assert {10, 11} <= set(whole)
    # The policy was extended meanwhile.
    done = retention(long.retain(11, "--keep-last=100"))
    assert done.removed == tuple(snapshot_name(day) for day in left if day not in whole)
    assert done.removed_before == tuple(map(snapshot_name, range(12 - len(left))))
    assert (done.kept, done.missing, done.remaining) == (len(whole), 0, 0)
    after = {path.name: path.read_bytes() for path in (long.directory / "snapshots").iterdir()}
    assert after == {name: data for name, data in before.items() if name in after}
    assert len(after) == restic_count(long) == len(whole)
    assert long.restic("check", "--read-data", "--no-lock")["num_errors"] == 0
    assert not removal_file(long).exists() or left_to_remove(long) == {}


def test_times_are_restics_and_not_the_records(bench: Workbench) -> None:
    record = bench.record(snapshot_name(3))
    record["status"]["snapshotTime"] = "1999-01-01T00:00:00Z"
    rewrite(bench, snapshot_name(3), record)
    done = retention(bench.retain(4, "--keep-last=1"))
    assert snapshot_name(3) not in done.removed
    assert records(bench) == [snapshot_name(3)]


def test_a_failed_snapshot_goes_by_its_own_count(bench: Workbench) -> None:
    for day in (0, 1):
        record = bench.record(snapshot_name(day))
        record["status"]["phase"] = "Failed"
        rewrite(bench, snapshot_name(day), record)
    done = retention(bench.retain(4, "--keep-last=9", "--keep-failed=1"))
    assert done.removed == (snapshot_name(0),)
    assert restic_count(bench) == 3


def test_records_of_a_session_that_is_not_in_the_arguments_stay(bench: Workbench) -> None:
    record = bench.record(snapshot_name(0))
    record["spec"]["session"] = "weekly"
    record["status"]["components"][COMPONENT]["path"] = PATH.replace("backup", "weekly")
    rewrite(bench, snapshot_name(0), record)
    assert retention(bench.retain(4, "--keep-last=1")).removed == (
        snapshot_name(1),
        snapshot_name(2),
    )
    assert snapshot_name(0) in records(bench)


@pytest.fixture
def orphan(bench: Workbench) -> str:
    """What a worker left that was killed once restic had stored it; its id."""
    before = {item["id"] for item in bench.restic("snapshots", "--no-lock")}
    real = os.environ["PATH"]
    stopping = bench.root / "bin"
    stopping.mkdir()
    marker = bench.root / "has-stored"
    script = stopping / "restic"
    script.write_text(
        f"#!/bin/sh\nPATH={real}\n"
        'case " $* " in *" backup "*) restic "$@"; '
        f'touch {marker}; exec sleep 600;; esac\nexec restic "$@"\n'
    )
    script.chmod(0o755)
    bench.environment["PATH"] = f"{stopping}:{real}"
    process = bench.start(bench.backup_args(4), bench.backup_plan(4), 4)
    wait_until("the data", lambda: marker.exists() and child_of(process.pid, "sleep"))
    sleeping = child_of(process.pid, "sleep")
    process.kill()
    assert sleeping is not None
    os.kill(sleeping, signal.SIGKILL)
    assert bench.wait(process).code == -signal.SIGKILL
    del bench.environment["PATH"]
    assert snapshot_name(4) not in records(bench)
    (left,) = {item["id"] for item in bench.restic("snapshots", "--no-lock")} - before
    return str(left)


def failed(*days: int) -> Json:
    """What the cluster says of Snapshots whose workers left no record."""
    return [
        {"name": snapshot_name(day), "session": SESSION, "time": f"2026-05-{4 + day:02}T03:17:00Z"}
        for day in days
    ]


def test_what_a_killed_worker_left_goes_once_its_snapshot_has_failed(
    bench: Workbench, orphan: str
) -> None:
    tag = f"--tag=stashgen.dev/snapshot={snapshot_name(9)}"
    for mark in (tag, "--tag=by-hand", f"--tag=x{snapshot_name(4)}"):
        args = ("--time=2026-05-08 00:00:00", "--host=host-0", mark)
        assert bench.restic_process("backup", str(bench.volume), *args).returncode == 0
    before = {item["id"] for item in bench.restic("snapshots", "--no-lock")}
    assert retention(bench.retain(5, "--keep-last=9")).orphans == 0
    assert restic_count(bench) == len(before)
    done = retention(bench.retain(5, "--keep-last=9", unrecorded_failures=failed(4)))
    assert (done.orphans, done.removed, done.kept) == (1, (), 5)
    left = {item["id"] for item in bench.restic("snapshots", "--no-lock")}
    assert left == before - {orphan}
    assert bench.restic("check", "--no-lock")["num_errors"] == 0


def test_failed_ones_without_a_record_go_by_the_count_of_the_failed(bench: Workbench) -> None:
    done = retention(bench.retain(7, "--keep-last=9", unrecorded_failures=failed(4, 5, 6)))
    assert done.removed == (snapshot_name(4), snapshot_name(5))
    assert (done.orphans, done.kept) == (0, 5)
    assert len(records(bench)) == restic_count(bench) == 4


def test_nothing_that_has_a_record_goes_because_the_plan_says_that_it_failed(
    bench: Workbench,
) -> None:
    done = retention(bench.retain(5, "--keep-last=9", unrecorded_failures=failed(0, 1, 2, 3)))
    assert (done.removed, done.orphans, done.kept) == ((), 0, 4)
    assert restic_count(bench) == 4


def test_no_repository_means_no_retention(bench: Workbench) -> None:
    shutil.rmtree(bench.repository)
    assert bench.retain(4, "--keep-last=1").reason == ErrorClass.NO_REPOSITORY
    assert len(records(bench)) == 4


def test_a_period_that_is_none_removes_nothing(bench: Workbench) -> None:
    assert bench.retain(4, "--max-retention-period=soon").reason == ErrorClass.INTERNAL
    assert restic_count(bench) == 4
