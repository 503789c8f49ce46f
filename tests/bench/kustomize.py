"""How long kustomize takes with the output: a whole cluster in one build, or each namespace."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.build import count_objects, run_build, run_process, write_project

_EACH = 25
_NAMESPACES = (2, 8, 16)


def run() -> Iterator[dict[str, object]]:
    """One line for each number of volumes."""
    program = shutil.which("kustomize")
    if program is None:
        raise RuntimeError("kustomize is not on PATH")
    for namespaces in _NAMESPACES:
        with tempfile.TemporaryDirectory() as name:
            project = Path(name)
            write_project(project, namespaces, _EACH)
            run_build(project)
            cluster = project / "rendered" / "bench"
            folders = sorted(path for path in cluster.iterdir() if path.is_dir())
            each = [run_process(program, "build", str(path)).cpu_seconds for path in folders]
            whole = run_process(program, "build", str(cluster)).cpu_seconds
            yield {
                "benchmark": "kustomize",
                "volumes": namespaces * _EACH,
                "objects": count_objects(cluster),
                "whole_cpu_seconds": round(whole, 2),
                "by_namespace_cpu_seconds": round(sum(each), 2),
                "slowest_namespace_cpu_seconds": round(max(each), 2),
                "ratio": round(whole / sum(each), 1),
            }
