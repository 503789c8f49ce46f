"""Restores that end badly say how far they came, and only if something was written."""

import os
import random
import shutil
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart
from tests.support.restore_ledger import ORDER, ledger, ledger_file
from tests.support.workbench import (
    NOW,
    Ended,
    Json,
    Workbench,
    holding,
    kill_pod,
    overwriting,
    prepared,
    snapshot_name,
    wait_until,
)

FILES = 30
_SLOW = 'case " $* " in *" restore "*) exec restic --limit-download=3000 "$@";; esac'


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Workbench:
    """A backup of thirty files in small packs."""
    workbench = prepared(Workbench(tmp_path_factory.mktemp("history")), template)
    for number in range(FILES):
        (workbench.volume / f"f{number:02}").write_bytes(os.urandom(300_000))
    workbench.wrap_restic('case " $* " in *" backup "*) exec restic --pack-size=4 "$@";; esac')
    workbench.backup(0).succeeded()
    return workbench


@pytest.fixture
def bench(history: Workbench) -> Workbench:
    """The volume, of which the first half of each file has changed since, and a slow storage."""
    workbench = history
    shutil.rmtree(workbench.directory / ".stashgen/restores", ignore_errors=True)
    # A test before may have killed the holder of one.
    for lock in (workbench.repository / "locks").iterdir():
        lock.unlink()
    shutil.rmtree(workbench.volume)
    workbench.volume.mkdir()
    for number in range(FILES):
        (workbench.volume / f"f{number:02}").write_bytes(b"changed")
    workbench.wrap_restic(_SLOW)
    workbench.worker = ("-m", "stashgen_controller.worker.main")
    return workbench


def start(bench: Workbench, **more: Json) -> "subprocess.Popen[str]":
    name = snapshot_name(0)
    plan = {"snapshot": bench.record(name), "restoreSession": "restore", **more}
    return bench.start(bench.restore_args(name), plan, 100)


def restore(bench: Workbench, **more: Json) -> Ended:
    return bench.wait(start(bench, **more))


def sizes(bench: Workbench) -> list[int]:
    return [path.stat().st_size for path in sorted(bench.volume.iterdir())]


def is_untouched(bench: Workbench) -> bool:
    return all(path.read_bytes() == b"changed" for path in bench.volume.iterdir())


def is_whole(bench: Workbench) -> bool:
    return sizes(bench) == [300_000] * FILES


def interrupted(bench: Workbench, **more: Json) -> Ended:
    process = start(bench, **more)
    wait_until("a restored file", lambda: 300_000 in sizes(bench))
    process.send_signal(signal.SIGTERM)
    return bench.wait(process)


@pytest.mark.parametrize("more", [{}, {"order": ORDER}])
def test_an_interrupted_restore_says_how_far_it_came(bench: Workbench, more: Json) -> None:
    ended = interrupted(bench, **more)
    assert ended.reason == ErrorClass.INTERRUPTED
    part = ended.result.restored
    assert part is not None
    # Folders count too.
    assert FILES < part.total_files < FILES + 20
    assert 0 <= part.files < FILES
    assert not is_whole(bench)
    assert restore(bench, **more).succeeded().result.restored is None
    assert is_whole(bench)


def test_a_restore_that_is_not_resumed_says_how_far_it_came_before(bench: Workbench) -> None:
    part = interrupted(bench, order=ORDER).result.restored
    assert part is not None
    assert ledger(bench)["restored"] == part.to_wire()
    ended = restore(bench, order={**ORDER, "notAfter": "2026-08-01T00:00:00Z"})
    assert ended.reason == ErrorClass.DEADLINE_EXCEEDED
    assert ended.text == (
        "notAfter 2026-08-01T00:00:00Z has passed: the interrupted restore is not resumed"
    )
    assert ended.result.restored == part
    restore(bench, order=ORDER).succeeded()
    assert "restored" not in ledger(bench)


def test_a_file_that_cannot_be_written_is_missing_from_the_count(bench: Workbench) -> None:
    (bench.volume / "f07").unlink()
    (bench.volume / "f07/in-the-way").mkdir(parents=True)
    ended = restore(bench)
    assert ended.code == 1
    part = ended.result.restored
    assert part is not None
    assert part.total_files - part.files == 1


def test_after_a_killed_worker_nobody_knows_how_far_it_came(bench: Workbench) -> None:
    process = start(bench, order=ORDER)
    wait_until("a restored file", lambda: 300_000 in sizes(bench))
    kill_pod(process)
    bench.password.write_text("guess", encoding="utf-8")
    try:
        ended = restore(bench, order=ORDER)
    finally:
        bench.password.write_text("correct horse", encoding="utf-8")
    assert ended.reason == ErrorClass.WRONG_PASSWORD
    assert ended.result.restored == RestoredPart()


@pytest.mark.parametrize("order", [{"notAfter": "2026-08-01T00:00:00Z"}, {"mode": "OnlyIfEmpty"}])
def test_what_is_refused_before_the_first_byte_restores_no_part(
    bench: Workbench, order: Json
) -> None:
    ended = restore(bench, order={**ORDER, **order})
    assert ended.reason in {ErrorClass.EXPIRED, ErrorClass.NOT_EMPTY}
    assert ended.result.restored is None
    assert is_untouched(bench)


def test_a_lock_that_stays_restores_no_part(bench: Workbench) -> None:
    deadline = f"{NOW + timedelta(days=100, seconds=8):%Y-%m-%dT%H:%M:%SZ}"
    with holding(bench, exclusive=True):
        ended = restore(bench, deadline=deadline)
    assert ended.reason == ErrorClass.LOCKED
    assert ended.result.restored is None
    assert is_untouched(bench)


def test_a_storage_that_replaces_records_begins_no_requested_restore(bench: Workbench) -> None:
    overwriting(bench)
    ended = restore(bench, order=ORDER)
    assert ended.reason == ErrorClass.CREATE_ONLY_IGNORED
    assert not ledger_file(bench).exists()
    assert is_untouched(bench)


def test_nobody_prunes_while_a_restore_reads(bench: Workbench) -> None:
    bench.wrap_restic(_SLOW.replace("3000", "600"))
    process = start(bench)
    wait_until("a restored file", lambda: 300_000 in sizes(bench))
    done = bench.restic_process("forget", "--prune", "latest")
    assert process.poll() is None
    assert done.returncode == 11
    bench.wait(process).succeeded()
    assert is_whole(bench)


@pytest.mark.parametrize("seed", range(6))
def test_wherever_it_is_stopped_the_report_is_true(bench: Workbench, seed: int) -> None:
    delay = random.Random(seed).uniform(0.2, 4)
    process = start(bench, order=ORDER)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    ended = bench.wait(process)
    if ended.code == 0:
        assert is_whole(bench)
    elif ended.result.restored is None:
        assert is_untouched(bench), (ended.message, sizes(bench))
    assert bench.locks() == []
    restore(bench, order=ORDER).succeeded()
    assert is_whole(bench)
