"""What a plan and the reports cost beside a build: 10,000 volumes, of which all change.

Two folders with their output, as two revisions are: the second one has another schedule and
retention, so that every volume differs.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.build import run_build, run_process, write_project

_NAMESPACES = 100
_VOLUMES_EACH = 100
_EDITS = (('every: "4h"', 'every: "6h"'), ("daily: 14", "daily: 7"))


def run() -> Iterator[dict[str, object]]:
    """One line for each report, and one each for folders that are equal and that differ."""
    with tempfile.TemporaryDirectory() as name:
        before, after = Path(name, "before"), Path(name, "after")
        write_project(before, _NAMESPACES, _VOLUMES_EACH)
        build = run_build(before)
        for report in (("coverage",), ("schedule",), ("retention", "--change=2")):
            arguments = ("report", *report, "--project", str(before))
            yield _line(report[0], build.cpu_seconds, *arguments)
        shutil.copytree(before, after)
        plan = ("plan", str(before), str(after))
        yield _line("plan, nothing changes", build.cpu_seconds, *plan)
        for path in (after / "policies").iterdir():
            text = path.read_text(encoding="utf-8")
            for old, new in _EDITS:
                if old not in text:
                    raise ValueError(f"{path.name} has no {old}")
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")
        run_build(after)
        yield _line("plan, every volume changes", build.cpu_seconds, *plan)


def _line(case: str, build_seconds: float, *arguments: str) -> dict[str, object]:
    measured = run_process(sys.executable, "-m", "stashgen", *arguments)
    return {
        "benchmark": "plan",
        "case": case,
        "volumes": _NAMESPACES * _VOLUMES_EACH,
        "build_cpu_seconds": round(build_seconds, 3),
        "cpu_seconds": round(measured.cpu_seconds, 3),
        "cpu_ratio": round(measured.cpu_seconds / build_seconds, 3),
        "peak_memory_mb": round(measured.peak_bytes / 1e6, 1),
    }
