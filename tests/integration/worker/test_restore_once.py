"""A requested restore: the bucket's record makes that it happens at most once."""

import json
import os
import threading
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.restore_ledger import NONCE, ORDER, ledger, ledger_file
from tests.support.workbench import (
    CLAIM_UID,
    CLUSTER_UID,
    Ended,
    Json,
    Workbench,
    child_of,
    kill_pod,
    snapshot_name,
    wait_until,
)


@pytest.fixture
def used(workbench: Workbench) -> Workbench:
    """A volume with two backups, changed since."""
    for day, text in enumerate(("first", "second")):
        (workbench.volume / "file").write_text(text, encoding="utf-8")
        workbench.backup(day).succeeded()
    (workbench.volume / "file").write_text("lost", encoding="utf-8")
    return workbench


def restore(bench: Workbench, day: int = 0, order: Json = None, **plan: Json) -> Ended:
    """Restore the Snapshot of a day by an order."""
    record = bench.record(snapshot_name(day))
    return bench.restore(record, order={**ORDER, **(order or {})}, **plan)


def content(bench: Workbench) -> str:
    return (bench.volume / "file").read_text(encoding="utf-8")


def began(bench: Workbench, **changes: Json) -> None:
    """Leave the record of a restore that was interrupted."""
    restore(bench).succeeded()
    record = {key: value for key, value in ledger(bench).items() if key != "done"}
    ledger_file(bench).write_text(json.dumps({**record, "state": "writing", **changes}), "utf-8")
    (bench.volume / "file").write_text("half", encoding="utf-8")


def test_a_restore_that_was_done_writes_nothing_and_says_when(used: Workbench) -> None:
    ended = restore(used).succeeded()
    assert content(used) == "first"
    assert ended.result.restored_before is None
    record = ledger(used)
    assert record == {
        "version": "v1",
        "state": "done",
        "order": ORDER,
        "snapshot": snapshot_name(0),
        "claimUid": CLAIM_UID,
        "clusterUid": CLUSTER_UID,
        "begun": record["begun"],
        "done": record["done"],
        "files": record["files"],
        "sizeBytes": len("first"),
    }

    (used.volume / "file").write_text("worked on since", encoding="utf-8")
    used.password.unlink()
    # Another snapshot may be the latest by now: the act was done all the same.
    ended = restore(used, 1).succeeded()
    assert ended.result.restored_before is not None
    assert ended.result.restored_before.message == (
        f"already restored at {record['done']} from Snapshot {snapshot_name(0)}; "
        "nothing was written this time"
    )
    assert content(used) == "worked on since"
    assert ledger(used) == record


def test_a_rebuilt_cluster_finds_it_done_and_does_not_become_the_writer(used: Workbench) -> None:
    restore(used, adopt=True).succeeded()
    writer = (used.directory / ".stashgen" / "writer.json").read_bytes()
    (used.volume / "file").write_text("new cluster", encoding="utf-8")
    ended = restore(used, clusterUid="other", claimUid="new", adopt=True).succeeded()
    assert ended.result.restored_before is not None
    assert f"into volume {CLAIM_UID} of cluster {CLUSTER_UID}" in (
        ended.result.restored_before.message
    )
    assert content(used) == "new cluster"
    assert (used.directory / ".stashgen" / "writer.json").read_bytes() == writer


@pytest.mark.parametrize(
    "order",
    [
        {"request": "another"},
        {"namespace": "elsewhere"},
        {"target": "library-copy"},
        {"snapshot": "some-snapshot"},
        {"mode": "OnlyIfEmpty"},
    ],
)
@pytest.mark.parametrize("is_done", [True, False])
def test_a_nonce_stands_for_one_act(used: Workbench, order: Json, is_done: bool) -> None:
    if is_done:
        restore(used).succeeded()
    else:
        began(used)
    before, record = content(used), ledger(used)
    ended = restore(used, order=order)
    assert ended.reason == ErrorClass.NONCE_REUSED
    assert "RestoreRequest demo/back" in ended.text
    assert "use a new nonce" in ended.text
    assert (content(used), ledger(used)) == (before, record)


def test_an_interrupted_restore_is_resumed_by_the_same_act(used: Workbench) -> None:
    began(used)
    # Its mode looked at the volume before the first byte was written.
    restore(used, order={"notAfter": "2026-10-01T00:00:00Z"}).succeeded()
    assert content(used) == "first"
    assert ledger(used)["state"] == "done"


@pytest.mark.parametrize(
    ("day", "plan"), [(1, {}), (0, {"claimUid": "new-volume"}), (0, {"clusterUid": "rebuilt"})]
)
def test_an_interrupted_restore_is_not_resumed_elsewhere(
    used: Workbench, day: int, plan: Json
) -> None:
    began(used)
    ended = restore(used, day, **plan)
    assert ended.reason == ErrorClass.NONCE_REUSED
    assert "was started at" in ended.text
    assert "did not finish" in ended.text
    assert content(used) == "half"
    assert ledger(used)["state"] == "writing"


def test_nothing_starts_after_its_time(used: Workbench) -> None:
    ended = restore(used, order={"notAfter": "2026-08-01T00:00:00Z"})
    assert ended.reason == ErrorClass.EXPIRED
    assert ended.text == "notAfter 2026-08-01T00:00:00Z has passed"
    assert content(used) == "lost"
    assert not ledger_file(used).exists()


def test_a_volume_with_files_is_refused_by_the_mode_for_empty_ones(used: Workbench) -> None:
    (used.volume / "lost+found").mkdir()
    only = {"mode": "OnlyIfEmpty"}
    ended = restore(used, order=only)
    assert ended.reason == ErrorClass.NOT_EMPTY
    assert "the volume contains file" in ended.text
    assert content(used) == "lost"
    assert not ledger_file(used).exists()

    (used.volume / "file").unlink()
    restore(used, order=only).succeeded()
    assert content(used) == "first"


def test_what_restic_does_not_have_begins_nothing(used: Workbench) -> None:
    used.restic("forget", "latest")
    ended = restore(used, 1)
    assert ended.reason == ErrorClass.NO_SNAPSHOT
    assert not ledger_file(used).exists()
    assert content(used) == "lost"


def test_a_snapshot_without_the_component_begins_nothing(used: Workbench) -> None:
    record = used.record(snapshot_name(0))
    del record["status"]["components"]
    ended = used.restore(record, order=ORDER)
    assert ended.reason == ErrorClass.NO_SNAPSHOT
    assert not ledger_file(used).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 99_999, '{"state": "done"}'])
def test_a_record_that_nobody_can_read_stops_the_restore(used: Workbench, text: str) -> None:
    ledger_file(used).parent.mkdir(parents=True)
    ledger_file(used).write_text(text, encoding="utf-8")
    ended = restore(used)
    assert ended.reason == ErrorClass.INVALID_BUCKET
    assert NONCE in ended.text
    assert content(used) == "lost"


def test_a_nonce_that_leaves_its_folder_is_no_order(used: Workbench) -> None:
    ended = restore(used, order={"nonce": "../../../writer"})
    assert ended.reason == ErrorClass.INTERNAL
    assert content(used) == "lost"


def test_of_two_that_begin_at_once_one_writes(used: Workbench, tmp_path: Path) -> None:
    benches = [used, Workbench(tmp_path / "other")]
    benches[1].storage_args = used.storage_args
    endings: list[Ended] = []
    record = used.record(snapshot_name(0))
    barrier = threading.Barrier(2)

    def run(bench: Workbench) -> None:
        barrier.wait()
        plan = {"claimUid": str(bench.root)}
        endings.append(bench.restore(record, order=ORDER, **plan))

    threads = [threading.Thread(target=run, args=(bench,)) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [ended for ended in endings if ended.code == 0 and not ended.result.restored_before]
    assert len(written) == 1, [ended.message for ended in endings]
    others = [ended for ended in endings if ended is not written[0]]
    assert all(ended.code == 0 or ended.reason == ErrorClass.NONCE_REUSED for ended in others)


def test_a_killed_worker_is_followed_by_one_that_completes_it(workbench: Workbench) -> None:
    large = workbench.volume / "large"
    large.write_bytes(os.urandom(200 << 20))
    whole = large.read_bytes()
    workbench.backup(0).succeeded()
    large.unlink()
    kill_while_restoring(workbench)
    assert workbench.message_file.read_bytes() == b""
    assert ledger(workbench)["state"] == "writing"
    assert not large.exists() or large.read_bytes() != whole

    restore(workbench).succeeded()
    assert large.read_bytes() == whole
    assert ledger(workbench)["state"] == "done"


def kill_while_restoring(bench: Workbench) -> None:
    """Kill the worker and its restic with -9 once the volume is being written."""
    record = bench.record(snapshot_name(0))
    plan = {"snapshot": record, "restoreSession": "restore", "order": ORDER}
    process = bench.start(bench.restore_args(snapshot_name(0)), plan, 100)
    wait_until("the record", ledger_file(bench).exists)
    large = bench.volume / "large"
    wait_until("the first bytes", lambda: child_of(process.pid, "restic") and large.exists())
    kill_pod(process)
