"""How long a build takes: 1,000 volumes through the command, as a commit hook runs it."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stashgen.yaml.emitter import emit, emit_all

_NAMESPACES = 10
_VOLUMES_EACH = 100
_OURS = "stashgen.dev/v1alpha1"
_ROOT = Path(__file__).parents[2]
# Linux counts it in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Run:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run() -> Iterator[dict[str, object]]:
    """One line for a build into an empty folder, one for a build that changes nothing."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        write_project(project, _NAMESPACES, _VOLUMES_EACH)
        for case in ("fresh", "unchanged"):
            measured = run_build(project)
            objects = count_objects(project / "rendered")
            yield {
                "benchmark": "build",
                "case": case,
                "volumes": _NAMESPACES * _VOLUMES_EACH,
                "objects": objects,
                "seconds": round(measured.seconds, 3),
                "cpu_seconds": round(measured.cpu_seconds, 3),
                "objects_per_second": round(objects / measured.seconds),
                "peak_memory_mb": round(measured.peak_bytes / 1e6, 1),
            }


def run_build(project: Path) -> Run:
    """``stashgen build`` of a project, by itself."""
    arguments = ["-m", "stashgen", "build", "--project", str(project)]
    return run_process(sys.executable, *arguments)


def run_process(program: str, *arguments: str) -> Run:
    """Run a program whose standard output nobody needs.

    Raises:
        RuntimeError: it failed.
    """
    begin = time.perf_counter()
    process = os.posix_spawn(
        program,
        [program, *arguments],
        os.environ | {"PYTHONPATH": str(_ROOT)},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - begin
    if status != 0:
        raise RuntimeError(f"{program} failed with status {status}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, _peak(usage))


def _peak(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * _RSS_UNIT


def count_objects(folder: Path) -> int:
    """Documents of all files: each but a file's first begins with a separator."""
    return sum(1 + path.read_bytes().count(b"\n---\n") for path in folder.rglob("*.yaml"))


def write_project(
    folder: Path,
    number_of_namespaces: int,
    volumes_each: int,
    session: Mapping[str, object] | None = None,
    cluster: Mapping[str, object] | None = None,
) -> None:
    """A namespace has a storage, a policy and its claims, one file each.

    Args:
        folder: Of the project.
        number_of_namespaces: All of one cluster.
        volumes_each: Volumes of a namespace.
        session: Further fields of all policies' session.
        cluster: Further fields of the cluster.
    """
    namespaces = [f"team-{number}" for number in range(number_of_namespaces)]
    inventory = {"manifests": ["clusters/bench/**/*.yaml"]}
    written = {"name": "bench", "id": "ben1", "inventory": [inventory], **(cluster or {})}
    spec = {"defaults": {"encryption": {"secretName": "restic-key"}}, "clusters": [written]}
    _write(folder / "stashgen.yaml", emit(_object("Project", "bench", spec)))
    for namespace in namespaces:
        policies = [_storage(namespace), _policy(namespace, session or {})]
        _write(folder / "policies" / f"{namespace}.yaml", emit_all(policies))
        for number in range(volumes_each):
            claim = f"data-postgres-analytics-primary-{number}"
            path = folder / "clusters" / "bench" / namespace / f"{claim}.yaml"
            _write(path, emit(_claim(namespace, claim)))


def _storage(namespace: str) -> dict[str, object]:
    local = {"persistentVolumeClaim": {"claimName": "backup-store"}}
    backend = {"provider": "local", "local": local}
    return _object("Storage", namespace, {"namespace": namespace, "backend": backend})


def _policy(namespace: str, more: Mapping[str, object]) -> dict[str, object]:
    copy = {"storage": namespace, "keep": {"daily": 14, "weekly": 8}}
    session = {"name": "backup", "every": "4h", "copies": [copy], **more}
    select = {"namespaces": {"names": [namespace]}}
    return _object("BackupPolicy", namespace, {"select": select, "sessions": [session]})


def _claim(namespace: str, name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "postgres"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }


def _object(kind: str, name: str, spec: object) -> dict[str, object]:
    return {"apiVersion": _OURS, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
