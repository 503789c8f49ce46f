"""Flux with a large output: the real kustomize-controller, a Kustomization for each namespace.

    python -m tests.bench flux --namespaces 40 --volumes 25

Its source-controller is played: an artifact is a commit's tree in a tar.gz, which a file server
offers and the status of a GitRepository names (fluxcd.io, source.toolkit.fluxcd.io/v1).
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.bench.gitops import (
    LargeOutput,
    Size,
    peak_memory_mb,
    prepared,
    seconds_until,
    size_of,
)
from tests.cluster.argocd.document import documented
from tests.cluster.argocd.programs import running
from tests.cluster.installation import are_established
from tests.cluster.kube import Kube
from tests.support.http_server import served
from tests.support.ports import free_ports
from tools.cluster import packages
from tools.go.build import HERE, ensure

Json = Any
_NAMESPACE = "flux-system"
_SOURCE = "platform"
_KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"
_SOURCES = "github.com/fluxcd/source-controller"
_MARK = "STASHGEN_BENCH=flux"


def run(options: Sequence[str] = ()) -> Iterator[dict[str, object]]:
    """One line for the first commit, one for a commit that changes every volume."""
    size = size_of("flux", options)
    packages.ensure({"setpriv": "util-linux"})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = LargeOutput(folder, size, _SOURCE)
        namespaces = output.namespaces()
        with prepared([_NAMESPACE, *namespaces]) as kube, _flux(kube, folder) as publish:
            for case in ("first commit", "every volume"):
                if case == "every volume":
                    output.change_all()
                revision = f"main@sha1:{output.commit}"
                publish(output.git.work_tree, revision)
                seconds = seconds_until(
                    partial(_are_ready, kube, revision, len(namespaces) + 1),
                    size.limit_seconds,
                    partial(_summary, kube),
                )
                yield _line(case, size, output, seconds)


def _line(case: str, size: Size, output: LargeOutput, seconds: float) -> dict[str, object]:
    return {
        "benchmark": "flux",
        "case": case,
        "volumes": size.volumes,
        "namespaces": size.namespaces,
        "objects": output.objects,
        "seconds": round(seconds),
        "kustomize_controller_peak_memory_mb": peak_memory_mb(_MARK),
    }


class _Publisher:
    """Offers a tree as the artifact of the GitRepository."""

    def __init__(self, kube: Kube, folder: Path, url: str) -> None:
        self._kube = kube
        self._folder = folder
        self._url = url

    def __call__(self, tree: Path, revision: str) -> None:
        name = f"{revision.rpartition(':')[2]}.tar.gz"
        with tarfile.open(self._folder / name, "w:gz") as archive:
            archive.add(tree / "rendered", "rendered")
        content = (self._folder / name).read_bytes()
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        artifact = {
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "lastUpdateTime": now,
            "path": name,
            "revision": revision,
            "size": len(content),
            "url": f"{self._url}/{name}",
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "played",
            "lastTransitionTime": now,
        }
        status = {"artifact": artifact, "conditions": [ready], "observedGeneration": 1}
        self._kube.kubectl(
            "patch", f"--namespace={_NAMESPACE}", "gitrepository", _SOURCE, "--type=merge",
            "--subresource=status", f"--patch={json.dumps({'status': status})}",
        )  # fmt: skip


@contextmanager
def _flux(kube: Kube, folder: Path) -> Iterator[_Publisher]:
    """The controller, the source and the Kustomization of docs/gitops.md; they go afterwards."""
    crds = [f"--filename={ensure('flux') / 'config' / 'crd' / 'bases'}"]
    crds += [f"--filename={path}" for path in _source_crds()]
    kube.kubectl("apply", "--server-side", *crds)
    kube.wait_until(lambda: are_established(kube))
    health, metrics = free_ports(2)
    (folder / "artifacts").mkdir()
    (folder / "tmp").mkdir()
    environment = {
        "KUBECONFIG": str(kube.layout.kubeconfig),
        "RUNTIME_NAMESPACE": _NAMESPACE,
        "TMPDIR": str(folder / "tmp"),
        **dict([_MARK.split("=", 1)]),
    }
    command = [
        str(ensure("flux") / "kustomize-controller"),
        f"--health-addr=127.0.0.1:{health}",
        f"--metrics-addr=127.0.0.1:{metrics}",
        "--no-remote-bases",
    ]
    try:
        with (
            _files_served(folder / "artifacts") as url,
            running(command, folder / "flux.log", environment, health),
        ):
            kube.apply(_NAMESPACE, _git_repository(), _kustomization())
            yield _Publisher(kube, folder / "artifacts", url)
    finally:
        # What they applied goes with the namespaces: nobody is there to prune it.
        for item in _all(kube):
            kube.kubectl(
                "patch", f"--namespace={_NAMESPACE}", _KUSTOMIZATIONS, item["metadata"]["name"],
                "--type=merge", '--patch={"metadata":{"finalizers":[]}}',
            )  # fmt: skip
        kube.kubectl("delete", "--ignore-not-found", "--wait=false", *crds)


def _source_crds() -> list[Path]:
    """The CRDs of all sources, which the controller watches, from their module."""
    edited = ["go", "list", "-m", "-f", "{{.Version}}", f"{_SOURCES}/api"]
    version = _output(edited)
    found = json.loads(_output(["go", "mod", "download", "-json", f"{_SOURCES}@{version}"]))
    return [*Path(found["Dir"], "config", "crd", "bases").glob("*.yaml")]


def _output(command: Sequence[str]) -> str:
    return subprocess.run(
        command, cwd=HERE / "flux", check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def _git_repository() -> Mapping[str, Json]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": _SOURCE, "namespace": _NAMESPACE},
        "spec": {"interval": "1h", "url": "https://git.example.com/platform.git"},
    }


def _kustomization() -> Mapping[str, Json]:
    """That of docs/gitops.md, for a project at the root and without the health expressions."""
    found = documented("flux/backups-by-namespace.yaml")
    spec = {key: value for key, value in found["spec"].items() if key != "components"}
    return {**found, "spec": {**spec, "path": "rendered/bench/_flux"}}


def _all(kube: Kube) -> list[Json]:
    text = kube.kubectl("get", f"--namespace={_NAMESPACE}", _KUSTOMIZATIONS, "--output=json")
    found: list[Json] = json.loads(text)["items"]
    return found


def _are_ready(kube: Kube, revision: str, number: int) -> bool:
    """Whether all Kustomizations have applied a revision, and what they applied is Current."""
    found = _all(kube)
    return len(found) == number and all(_is_ready(one, revision) for one in found)


def _is_ready(item: Json, revision: str) -> bool:
    status = item.get("status", {})
    ready = [one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"]
    return ready == ["True"] and status.get("lastAppliedRevision") == revision


def _summary(kube: Kube) -> str:
    said = [
        f"{one['metadata']['name']}: {condition['message']}"
        for one in _all(kube)
        for condition in one.get("status", {}).get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] != "True"
    ]
    return "\n".join(said[:10])


@contextmanager
def _files_served(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        """Files of the folder, without a log."""

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    handler = partial(Handler, directory=str(folder))
    try:
        with served(handler) as address:
            yield address
    finally:
        shutil.rmtree(folder)
