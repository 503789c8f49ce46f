"""What the benchmarks of Argo CD and Flux share: a large output in Git, and a cluster for it."""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.build import count_objects, run_build, write_project
from tests.cluster.argocd.git_repository import GitRepository
from tests.cluster.installation import are_established
from tests.cluster.kube import Kube
from tests.support.place import ROOT

CLUSTER = "bench"
OUTPUT = f"rendered/{CLUSTER}"
_STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to apply, and how long that may take."""

    namespaces: int
    volumes_each: int
    limit_seconds: float

    @property
    def volumes(self) -> int:
        """All volumes."""
        return self.namespaces * self.volumes_each


def size_of(benchmark: str, options: Sequence[str]) -> Size:
    """The size that a command line asks for."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.bench {benchmark}")
    parser.add_argument("--namespaces", type=int, default=40)
    parser.add_argument("--volumes", type=int, default=25, help="volumes of a namespace")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="a phase")
    args = parser.parse_args(options)
    return Size(args.namespaces, args.volumes, args.timeout)


class LargeOutput:
    """A Git repository with the output for many volumes; no session of it ever runs."""

    def __init__(self, folder: Path, size: Size, flux_source: str = "") -> None:
        (folder / "git").mkdir()
        self.git = GitRepository(folder / "work-tree", folder / "git" / "platform.git")
        self.served = folder / "git"
        self._size = size
        self._cluster = {"flux": {"source": flux_source}} if flux_source else {}
        self._minutes = 60
        self.commit = self._build("Back up everything")
        output = self.git.work_tree / OUTPUT
        kustomizations = [*output.rglob("kustomization.yaml")]
        self.objects = count_objects(output) - len(kustomizations)

    def change_all(self) -> None:
        """Change the session of all volumes, build and push."""
        self._minutes += 1
        self.commit = self._build("Give backups another minute")

    def namespaces(self) -> list[str]:
        """Of the volumes."""
        folders = (self.git.work_tree / OUTPUT).iterdir()
        return sorted(one.name for one in folders if one.is_dir() and one.name[0] != "_")

    def _build(self, subject: str) -> str:
        project, size = self.git.work_tree, self._size
        session = {"suspend": True, "timeout": f"{self._minutes}m"}
        write_project(project, size.namespaces, size.volumes_each, session, self._cluster)
        run_build(project)
        return self.git.push(subject)


@contextmanager
def prepared(namespaces: Sequence[str]) -> Iterator[Kube]:
    """A running cluster with our CRDs and the namespaces of the volumes, which go afterwards."""
    kube = Kube()
    kube.cluster("up")
    deploy = ROOT / "controller" / "deploy"
    kube.kubectl("apply", "--server-side", f"--filename={deploy / 'crds'}")
    kube.wait_until(lambda: are_established(kube))
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces
    ]
    every = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    kube.kubectl("apply", "--filename=-", content=every)
    try:
        yield kube
    finally:
        kube.kubectl("delete", "--filename=-", "--wait=false", content=every)


def seconds_until(is_so: Callable[[], bool], limit: float, otherwise: Callable[[], str]) -> float:
    """How long it takes until it is so.

    Raises:
        RuntimeError: longer than the limit.
    """
    begin = time.monotonic()
    while not is_so():
        if time.monotonic() > begin + limit:
            raise RuntimeError(f"not so after {limit:.0f} s: {otherwise()}")
        time.sleep(_STEP_SECONDS)
    return time.monotonic() - begin


def peak_memory_mb(variable: str) -> float:
    """The peak of the resident memory of the process that has this in its environment."""
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            if variable.encode() not in (process / "environ").read_bytes().split(b"\0"):
                continue
            status = (process / "status").read_text(encoding="utf-8")
        except OSError:
            continue
        (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return round(int(peak.split()[1]) / 1024, 1)
    raise RuntimeError(f"no process has {variable}")
