"""What a build costs beside ``helm template`` of the same objects, and how it grows.

    python -m tests.bench compile --volumes 1000 10000 100000

Helm's chart is the output itself: the files of one namespace with its names, directory and
schedules in values, so that both make the same documents, which is checked. A build writes each
volume into a file of its own, Helm all of them into nothing. Both sides run in turns.

``start`` is how long ``stashgen check`` of a project of one volume takes beside Python itself.
"""

import argparse
import hashlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from stashgen.yaml.emitter import emit
from tests.bench.build import Run, run_build, run_process, write_project

_VOLUMES_EACH = 100
_DEFAULT = (1_000, 10_000)
_ROUNDS = 3
_STARTS = 11
_FIRST = "team-0"
_NAMES = {
    "repository": re.compile(r"; repositories: (\S+)"),
    "claim": re.compile(r"; volume: [^/]+/[^/]+/([^;]+);"),
    "configuration": re.compile(r"kind: BackupConfiguration\nmetadata:\n  name: (\S+)"),
    "schedule": re.compile(r"schedule: \"([^\"]+)\""),
}


def run(options: Sequence[str] = ()) -> Iterator[dict[str, object]]:
    """A line for each number of volumes and case, then the start.

    Raises:
        RuntimeError: helm is missing, or its documents are others.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench compile")
    parser.add_argument("--volumes", type=int, nargs="+", default=_DEFAULT)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    args = parser.parse_args(options)
    yield from _start()
    for volumes in args.volumes:
        yield from _beside_helm(volumes, args.rounds)


def _beside_helm(volumes: int, rounds: int) -> Iterator[dict[str, object]]:
    helm = shutil.which("helm")
    if helm is None:
        raise RuntimeError("helm is not on PATH")
    with tempfile.TemporaryDirectory() as name:
        project, chart = Path(name, "project"), Path(name, "chart")
        write_project(project, -(-volumes // _VOLUMES_EACH), min(volumes, _VOLUMES_EACH))
        cluster = project / "rendered" / "bench"

        def cold() -> Run:
            shutil.rmtree(project / "rendered", ignore_errors=True)
            return run_build(project)

        def policy() -> Run:
            path = project / "policies" / f"{_FIRST}.yaml"
            text = path.read_text(encoding="utf-8")
            old, new = (
                ("daily: 14", "daily: 15") if "daily: 14" in text else ("daily: 15", "daily: 14")
            )
            path.write_text(text.replace(old, new), encoding="utf-8")
            return run_build(project)

        cold()
        _write_chart(cluster, chart)
        _compare(helm, cluster, chart)
        cases: dict[str, Callable[[], Run]] = {
            "cold": cold,
            "unchanged": lambda: run_build(project),
            "one policy changed": policy,
            "helm": lambda: run_process(helm, "template", "backups", str(chart)),
        }
        found: dict[str, list[Run]] = {case: [] for case in cases}
        for _ in range(rounds):
            for case, measure in cases.items():
                found[case].append(measure())
    peer = found.pop("helm")
    for case, measured in found.items():
        yield {
            "benchmark": "compile",
            "case": case,
            "volumes": volumes,
            "seconds": round(statistics.median(one.seconds for one in measured), 2),
            "cpu_seconds": round(_cpu(measured), 2),
            "peak_memory_mb": round(max(one.peak_bytes for one in measured) / 1e6),
            "helm_cpu_seconds": round(_cpu(peer), 2),
            "helm_peak_memory_mb": round(max(one.peak_bytes for one in peer) / 1e6),
            "cpu_ratio_to_helm": round(_cpu(measured) / _cpu(peer), 3),
            "cpu_ratio_to_cold": round(_cpu(measured) / _cpu(found["cold"]), 3),
        }


def _cpu(measured: Iterable[Run]) -> float:
    return statistics.median(one.cpu_seconds for one in measured)


def _write_chart(cluster: Path, chart: Path) -> None:
    """A chart of two templates: what a namespace has once, and a volume."""
    namespaces: dict[str, list[dict[str, str]]] = {}
    for path in sorted(cluster.glob("*/data-*.yaml")):
        text = path.read_text(encoding="utf-8")
        found = {name: pattern.search(text) for name, pattern in _NAMES.items()}
        values = {name: match[1] for name, match in found.items() if match is not None}
        namespaces.setdefault(path.parent.name, []).append(values)
    folder = cluster / _FIRST
    volume = _template(folder / f"{namespaces[_FIRST][0]['claim']}.yaml", namespaces[_FIRST][0])
    shared = [_template(path, {}) for path in sorted(folder.glob("_*.yaml"))]
    listed = {"namespaces": [{"name": name, "volumes": each} for name, each in namespaces.items()]}
    files = {
        "Chart.yaml": emit({"apiVersion": "v2", "name": "backups", "version": "1.0.0"}),
        "values.yaml": emit(listed),
        "templates/objects.yaml": "{{- range $namespace := .Values.namespaces }}\n"
        + "".join(f"---\n{text}" for text in shared)
        + "{{- range .volumes }}\n---\n"
        + volume
        + "{{- end }}\n{{- end }}\n",
    }
    for name, text in files.items():
        path = chart / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _template(path: Path, values: dict[str, str]) -> str:
    text = path.read_text(encoding="utf-8").split("\n", 2)[2]
    for name, value in values.items():
        text = text.replace(value, f"{{{{ .{name} }}}}")
    return text.replace(_FIRST, "{{ $namespace.name }}")


def _compare(helm: str, cluster: Path, chart: Path) -> None:
    """Both sides have the same documents, in whatever order."""
    ours = _sum(
        line
        for path in sorted(cluster.glob("*/*.yaml"))
        if path.name != "kustomization.yaml"
        for line in ("---", *path.read_text(encoding="utf-8").splitlines())
    )
    process = subprocess.Popen(
        [helm, "template", "backups", str(chart)], stdout=subprocess.PIPE, encoding="utf-8"
    )
    if process.stdout is None:
        raise RuntimeError("helm has no output")
    theirs = _sum(line.rstrip("\n") for line in process.stdout)
    if process.wait() != 0 or ours != theirs:
        raise RuntimeError(f"helm makes other documents: {theirs} in place of {ours}")


def _sum(lines: Iterable[str]) -> tuple[int, int]:
    """How many documents there are, and a sum that is the same in whatever order they come."""
    number, total, digest = 0, 0, hashlib.sha256()
    for line in lines:
        if line == "---":
            total += int.from_bytes(digest.digest()[:8])
            number, digest = number + 1, hashlib.sha256()
        elif line and not line.startswith("#"):
            digest.update(line.encode() + b"\n")
    return number, (total + int.from_bytes(digest.digest()[:8])) % 2**64


def _start() -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        write_project(project, 1, 1)
        run_build(project)
        check = ("-m", "stashgen", "check", "--project", str(project))
        commands = {
            "python": ("-c", "pass"),
            "pydantic": ("-c", "from pydantic import BaseModel"),
            "check": check,
        }
        found: dict[str, list[Run]] = {case: [] for case in commands}
        for _ in range(_STARTS):
            for case, arguments in commands.items():
                found[case].append(run_process(sys.executable, *arguments))
    seconds = {case: _cpu(measured) for case, measured in found.items()}
    yield {
        "benchmark": "compile",
        "case": "start",
        "volumes": 1,
        **{f"{case}_cpu_seconds": round(value, 3) for case, value in seconds.items()},
        "ratio_to_python": round(seconds["check"] / seconds["python"], 1),
        "ratio_to_pydantic": round(seconds["check"] / seconds["pydantic"], 2),
    }
