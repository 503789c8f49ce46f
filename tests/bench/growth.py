"""What a backup costs as its repository grows, beside bare restic on the same repository.

Each backup is of a volume in which the same number of files has changed. Bytes are all that the
processes of a side read, of files and of each other, which on a local storage are the repository's
and the volume's: of the latter both sides read the same. What a worker adds is a fixed number of
seconds, so their ratio says something of a volume only beside its size: there are two.
"""

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.workbench import Workbench

_ROUNDS = 5
_CHANGED = 100
# The real restic, and what it and the shell around it read (proc(5), io).
_SHIM = """#!/bin/sh
{real} "$@"
code=$?
sed -n 's/^rchar: //p' /proc/$$/io >> {log}
exit $code
"""


@dataclass(frozen=True, slots=True)
class _Cost:
    read_bytes: int
    commands: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Volume:
    """Files of one size, and the numbers of backups at which is measured."""

    files: int
    file_bytes: int
    steps: Sequence[int]


_VOLUMES = (_Volume(2_000, 4_000, (1, 10, 50, 100, 200)), _Volume(20_000, 25_000, (10, 50)))


def run() -> Iterator[dict[str, object]]:
    """One line for each volume and size of the history."""
    for volume in _VOLUMES:
        yield from _grow(volume)


def _grow(volume: _Volume) -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Workbench(folder / "job", preloaded=False)
        shim, log = folder / "bin" / "restic", folder / "read"
        shim.parent.mkdir()
        shim.write_text(_SHIM.format(real=shutil.which("restic"), log=log), encoding="utf-8")
        shim.chmod(0o755)
        bench.init_repository().succeeded()
        source = random.Random(20260504)
        for number in range(volume.files):
            _write(bench.volume / str(number), source, volume.file_bytes)
        made = 0
        for wanted in volume.steps:
            for _ in range(made, wanted - 1):
                _change(bench.volume, source, volume)
                _bare(bench, "restic")
            bench.environment["PATH"] = f"{shim.parent}:{os.environ['PATH']}"
            yield {
                "benchmark": "worker growth",
                "files": volume.files,
                "bytes": volume.files * volume.file_bytes,
                "backups": wanted,
            } | _compare(bench, shim, log, lambda: _change(bench.volume, source, volume), wanted)
            bench.environment.pop("PATH")
            made = wanted - 1 + 2 * _ROUNDS


def _compare(
    bench: Workbench, shim: Path, log: Path, change: Callable[[], None], wanted: int
) -> dict[str, object]:
    """Both in turns, each after as many changes; who begins alternates."""
    bare: list[_Cost] = []
    ours: list[_Cost] = []
    day = float(wanted)

    def worker() -> None:
        nonlocal day
        day += 0.01
        bench.backup(day).succeeded()

    for number in range(_ROUNDS):
        sides = [(bare, lambda: _bare(bench, str(shim))), (ours, worker)]
        for costs, work in sides if number % 2 else reversed(sides):
            change()
            shutil.rmtree(bench.scratch)
            bench.scratch.mkdir()
            costs.append(_measured(log, work))
    fetched = [statistics.median(item.read_bytes for item in side) for side in (bare, ours)]
    # What else the machine does only makes slower.
    seconds = [min(item.seconds for item in side) for side in (bare, ours)]
    return {
        "bare_read_bytes": round(fetched[0]),
        "worker_read_bytes": round(fetched[1]),
        "read_bytes_ratio": round(fetched[1] / fetched[0], 3),
        "bare_seconds": round(seconds[0], 3),
        "worker_seconds": round(seconds[1], 3),
        "seconds_ratio": round(seconds[1] / seconds[0], 3),
        "added_seconds": round(seconds[1] - seconds[0], 3),
        "worker_restic_commands": ours[0].commands,
    }


def _measured(log: Path, work: Callable[[], None]) -> _Cost:
    log.unlink(missing_ok=True)
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    read = [int(line) for line in log.read_text(encoding="utf-8").split()]
    return _Cost(sum(read), len(read), seconds)


def _bare(bench: Workbench, restic: str) -> None:
    flags = ["--json", "--cache-dir", f"{bench.scratch}/restic-cache", "--cleanup-cache"]
    subprocess.run(
        [restic, *flags, "--retry-lock=300s", "backup", str(bench.volume), "--host=host-0"],
        env=bench.restic_environment() | {"RESTIC_PROGRESS_FPS": "0.1"},
        capture_output=True,
        check=True,
    )


def _change(folder: Path, source: random.Random, volume: _Volume) -> None:
    for number in range(_CHANGED):
        _write(folder / str(number), source, volume.file_bytes)


def _write(path: Path, source: random.Random, size_bytes: int) -> None:
    path.write_bytes(source.randbytes(size_bytes))
