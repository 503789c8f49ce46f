"""What a worker needs beside restic, with as much as it will ever see at once."""

import os

import pytest

from tests.support.peak_memory import MOST_MEMORY_KB, WITH_PEAK, peak_kb
from tests.support.workbench import Json, Workbench, snapshot_manifest, snapshot_name


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """A workbench whose worker says how large it was."""
    workbench.worker = ("-c", WITH_PEAK)
    return workbench


def test_the_worker_stays_small_with_many_files_and_errors(bench: Workbench) -> None:
    for number in range(10_000):
        (bench.volume / str(number)).touch()
    error = '{"message_type":"error","error":{"message":"open: no"},"during":"archival",'
    error += '"item":"/%d"}\\n'
    loud = bench.root / "bin"
    loud.mkdir()
    (loud / "errors").write_text("".join(error % number for number in range(20_000)))
    path = os.environ["PATH"]
    (loud / "restic").write_text(
        f"#!/bin/sh\nPATH={path}\n"
        f'case "$*" in *" backup "*) cat {loud}/errors >&2;; esac\nexec restic "$@"\n'
    )
    (loud / "restic").chmod(0o755)
    bench.environment["PATH"] = f"{loud}:{path}"
    ended = bench.backup(0, args=["--on-unreadable=warn"]).succeeded()
    assert peak_kb(ended) <= MOST_MEMORY_KB


def test_retention_stays_small_with_a_long_history(bench: Workbench) -> None:
    """A year of hourly backups, of which restic has one: the records are what there is a lot of."""
    bench.backup(0).succeeded()
    real = bench.record(snapshot_name(0))
    for hour in range(1, 2_000):
        record: Json = snapshot_manifest(hour / 24)
        record["status"] = real["status"]
        text = str(record).replace("True", "true").replace("False", "false")
        (bench.directory / f"snapshots/{snapshot_name(hour / 24)}.yaml").write_text(text)
    ended = bench.retain(1, "--keep-last=1").succeeded()
    assert peak_kb(ended) <= MOST_MEMORY_KB
