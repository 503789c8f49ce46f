"""Backup and restore through our worker beside bare restic: same data, same settings, in turns.

A ``restic`` on the PATH of both notes what each command took and hands over to the real one, so
that both sides are measured alike: the restic part apart from what a Job adds to it.
"""

import os
import random
import resource
import shlex
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.workbench import Workbench, snapshot_name

_ROUNDS = 5
_SMALL_FILES, _SMALL_BYTES = 25_000, (200, 12_000)
_TEXT_FILES, _TEXT_BYTES = 400, 1 << 20
_LARGE_FILES, _LARGE_BYTES = 4, 108 << 20
_FOLDERS = 250
_SHIM = """#!/bin/sh
begin=$(date +%s%N)
{real} "$@"
code=$?
end=$(date +%s%N)
{{ echo "$begin $end"; times; echo "$*" | tr '\\n' ' '; echo; }} >> {log}
exit $code
"""


@dataclass(frozen=True, slots=True)
class _Command:
    """One restic command: what it took, by the clock and of the processor."""

    name: str
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class _Job:
    """One worker: its restic part, the other restic commands, and the rest, which is ours."""

    part: _Command
    others: list[_Command]
    own_cpu_seconds: float


class _Meter:
    """The restic in between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"
        real = shutil.which("restic")
        if real is None:
            raise RuntimeError("restic is not on PATH")
        text = _SHIM.format(real=shlex.quote(real), log=shlex.quote(str(self._log)))
        shim = folder / "restic"
        shim.write_text(text, encoding="utf-8")
        shim.chmod(0o755)

    def take(self) -> list[_Command]:
        """The commands since the last call."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        self._log.unlink()
        return [_command(*lines[at : at + 4]) for at in range(0, len(lines), 4)]


def run() -> Iterator[dict[str, object]]:
    """Ratios of throughput for backup and restore, then what a Job costs beside them."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "bin").mkdir()
        meter = _Meter(root / "bin")
        bench = Workbench(root / "job", preloaded=False)
        bench.environment["PATH"] = f"{meter.folder}:{os.environ['PATH']}"
        _make_data(bench.volume)
        size, files = _measure(bench.volume)
        template = root / "template"
        bench.init_repository().succeeded()
        shutil.copytree(bench.storage, template)
        meter.take()
        yield from _backups(bench, meter, template, size, files)
        yield from _restores(bench, meter, size, files)
        yield from _fixed(bench, meter, template)


def _backups(
    bench: Workbench, meter: _Meter, template: Path, size: int, files: int
) -> Iterator[dict[str, object]]:
    def fresh() -> None:
        shutil.rmtree(bench.storage)
        shutil.rmtree(bench.scratch)
        bench.scratch.mkdir()
        shutil.copytree(template, bench.storage)

    def bare() -> _Command:
        fresh()
        _bare(bench, meter, "backup", str(bench.volume), "--host=host-0")
        return _only(meter, "backup")

    def ours() -> _Job:
        fresh()
        return _job(meter, "backup", lambda: bench.backup(0).succeeded())

    # The last one is ours: its Snapshot is what the restores bring back.
    yield _compare("backup", bare, ours, size, files)


def _restores(
    bench: Workbench, meter: _Meter, size: int, files: int
) -> Iterator[dict[str, object]]:
    record = bench.record(snapshot_name(0))
    (stats,) = record["status"]["components"]["dump"]["resticStats"]

    def emptied() -> None:
        shutil.rmtree(bench.volume)
        bench.volume.mkdir()

    def bare() -> _Command:
        emptied()
        _bare(bench, meter, "restore", stats["summary"]["id"], "--target=/", "--sparse")
        return _only(meter, "restore")

    def ours() -> _Job:
        emptied()
        return _job(meter, "restore", lambda: bench.restore(record).succeeded())

    yield _compare("restore", bare, ours, size, files)


def _fixed(bench: Workbench, meter: _Meter, template: Path) -> Iterator[dict[str, object]]:
    """What a Job costs even if there is nothing to do."""
    shutil.rmtree(bench.storage)
    shutil.copytree(template, bench.storage)
    shutil.rmtree(bench.volume)
    bench.volume.mkdir()
    jobs = [_job(meter, "backup", lambda: bench.backup(0).succeeded()) for _ in range(_ROUNDS)]
    yield _cost("backup of an empty volume", jobs)
    record = bench.record(snapshot_name(0))
    jobs = [
        _job(meter, "restore", lambda: bench.restore(record).succeeded()) for _ in range(_ROUNDS)
    ]
    yield _cost("restore of an empty volume", jobs)


def _compare(
    verb: str, bare: Callable[[], _Command], ours: Callable[[], _Job], size: int, files: int
) -> dict[str, object]:
    """Both in turns; who begins changes, so that neither always finds the warmer machine.

    The ratio is of the fastest of each side: what else the machine does only makes slower.
    """
    pairs: list[tuple[_Command, _Job]] = []
    for number in range(_ROUNDS):
        if number % 2:
            job = ours()
            pairs.append((bare(), job))
        else:
            command = bare()
            pairs.append((command, ours()))
    fastest = min(command.seconds for command, _ in pairs)
    ratio = fastest / min(job.part.seconds for _, job in pairs)
    ratios = [command.seconds / job.part.seconds for command, job in pairs]
    cpu = [command.cpu_seconds / job.part.cpu_seconds for command, job in pairs]
    return {
        "benchmark": f"worker {verb}",
        "bytes": size,
        "files": files,
        "rounds": _ROUNDS,
        "bare_mb_per_second": round(_rate(size, [command for command, _ in pairs]), 1),
        "worker_mb_per_second": round(_rate(size, [job.part for _, job in pairs]), 1),
        "throughput_ratio": round(ratio, 3),
        "throughput_ratio_of_each_round": [round(item, 3) for item in ratios],
        "cpu_ratio": round(statistics.median(cpu), 3),
    } | _added([job for _, job in pairs])


def _cost(case: str, jobs: list[_Job]) -> dict[str, object]:
    return {"benchmark": "worker fixed cost", "case": case, "rounds": len(jobs)} | _added(jobs)


def _added(jobs: list[_Job]) -> dict[str, object]:
    """What the Jobs took beside their restic part."""
    closing = [sum(item.cpu_seconds for item in job.others) for job in jobs]
    return {
        "worker_cpu_seconds": round(statistics.median(job.own_cpu_seconds for job in jobs), 3),
        "other_restic_commands": [item.name for item in jobs[0].others],
        "other_restic_cpu_seconds": round(statistics.median(closing), 3),
    }


def _rate(size: int, commands: list[_Command]) -> float:
    return max(size / 1e6 / item.seconds for item in commands)


def _job(meter: _Meter, verb: str, work: Callable[[], object]) -> _Job:
    before = _children_cpu()
    work()
    total = _children_cpu() - before
    commands = meter.take()
    part = next(item for item in commands if item.name == verb)
    restic = sum(item.cpu_seconds for item in commands)
    return _Job(part, [item for item in commands if item is not part], total - restic)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _bare(bench: Workbench, meter: _Meter, *args: str) -> None:
    """Restic as the worker calls it, with nobody around it but a reader of what it prints."""
    flags = ["--json", "--cache-dir", f"{bench.scratch}/restic-cache", "--cleanup-cache"]
    subprocess.run(
        [str(meter.folder / "restic"), *flags, "--retry-lock=300s", *args],
        env=bench.restic_environment() | {"RESTIC_PROGRESS_FPS": "0.1"},
        capture_output=True,
        check=True,
    )


def _only(meter: _Meter, name: str) -> _Command:
    (command,) = meter.take()
    if command.name != name:
        raise RuntimeError(f"expected restic {name}, saw {command.name}")
    return command


def _command(clock: str, _shell: str, times: str, args: str) -> _Command:
    begin, end = map(int, clock.split())
    names = ("backup", "restore", "check", "stats", "version", "cat", "init", "unlock")
    name = next(word for word in args.split() if word in names)
    return _Command(name, (end - begin) / 1e9, sum(map(_seconds, times.split())))


def _seconds(text: str) -> float:
    """What the shell's ``times`` prints: ``0m1.250000s``."""
    minutes, _, seconds = text.rstrip("s").partition("m")
    return int(minutes) * 60 + float(seconds)


def _make_data(folder: Path) -> None:
    """1 GB: many small files, text that compresses, and large files that do not."""
    source = random.Random(20260504)
    words = [source.randbytes(4).hex() for _ in range(2000)]
    for number in range(_SMALL_FILES):
        path = folder / "small" / str(number % _FOLDERS) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(source.randint(*_SMALL_BYTES)))
    for number in range(_TEXT_FILES):
        path = folder / "text" / f"{number}.log"
        path.parent.mkdir(exist_ok=True)
        count = _TEXT_BYTES // 9
        path.write_text(" ".join(source.choices(words, k=count)), encoding="ascii")
    for number in range(_LARGE_FILES):
        path = folder / f"large-{number}"
        path.write_bytes(source.randbytes(_LARGE_BYTES))


def _measure(folder: Path) -> tuple[int, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), len(files)
