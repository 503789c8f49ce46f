"""Argo CD with a large output: an ApplicationSet over the namespaces, and one Application of all.

    python -m tests.bench argocd --namespaces 40 --volumes 25

The real Argo CD on a real cluster, from a local Git server, with the objects of docs/gitops.md.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.gitops import (
    OUTPUT,
    LargeOutput,
    Size,
    peak_memory_mb,
    prepared,
    seconds_until,
    size_of,
)
from tests.cluster.argocd.document import documented
from tests.cluster.argocd.git_server import serving
from tests.cluster.argocd.server import NAMESPACE, argocd
from tests.cluster.kube import Kube
from tools.cluster.layout import API_URL

Json = Any
_PROGRAMS = ("application-controller", "repo-server", "applicationset-controller")


def run(options: Sequence[str] = ()) -> Iterator[dict[str, object]]:
    """A line for the first sync and one for a commit that changes every volume, in both ways."""
    size = size_of("argocd", options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = LargeOutput(folder, size)
        with prepared(output.namespaces()) as kube, serving(output.served) as url:
            for way, manifest, number in (
                ("ApplicationSet over namespaces", _set, size.namespaces),
                ("one Application, directory.recurse", _whole, 1),
            ):
                state = folder / manifest.__name__
                state.mkdir()
                with argocd(kube, state):
                    kube.apply(NAMESPACE, manifest(f"{url}/platform.git"))
                    yield from _measured(kube, output, size, way, number)


def _measured(
    kube: Kube, output: LargeOutput, size: Size, way: str, number: int
) -> Iterator[dict[str, object]]:
    for case in ("first sync", "every volume"):
        if case == "every volume":
            output.change_all()
            _refresh(kube)
        seconds = seconds_until(
            partial(_are_synced, kube, output.commit, number),
            size.limit_seconds,
            partial(_summary, kube),
        )
        yield {
            "benchmark": "argocd",
            "way": way,
            "case": case,
            "volumes": size.volumes,
            "namespaces": size.namespaces,
            "objects": output.objects,
            "seconds": round(seconds),
            **{
                f"{program.replace('-', '_')}_peak_memory_mb": peak_memory_mb(
                    f"ARGOCD_BINARY_NAME=argocd-{program}"
                )
                for program in _PROGRAMS
            },
        }


def _set(url: str) -> Mapping[str, Json]:
    found = documented("argocd/backups-by-namespace.yaml")
    (generator,) = found["spec"]["generators"]
    generator["git"] |= {"repoURL": url, "directories": [{"path": f"{OUTPUT}/*"}]}
    spec = found["spec"]["template"]["spec"]
    spec["source"]["repoURL"] = url
    spec["destination"] = {"server": API_URL}
    return {**found}


def _whole(url: str) -> Mapping[str, Json]:
    found = documented("argocd/backups.yaml")
    found["spec"]["source"] |= {"repoURL": url, "path": OUTPUT} | _DIRECTORY
    found["spec"]["destination"] = {"server": API_URL}
    return {**found}


# Not as kustomize builds it, which takes minutes for so many: the files as they are.
_DIRECTORY = {
    "directory": {"recurse": True, "exclude": "{kustomization.yaml,*/kustomization.yaml}"}
}


def _refresh(kube: Kube) -> None:
    """As a webhook of the Git server does."""
    kube.kubectl(
        "annotate", f"--namespace={NAMESPACE}", "application", "--all", "--overwrite",
        "argocd.argoproj.io/refresh=normal",
    )  # fmt: skip


def _applications(kube: Kube) -> list[Json]:
    text = kube.kubectl("get", f"--namespace={NAMESPACE}", "application", "--output=json")
    found: list[Json] = json.loads(text)["items"]
    return found


def _are_synced(kube: Kube, commit: str, number: int) -> bool:
    found = _applications(kube)
    return len(found) == number and all(_is_synced(one, commit) for one in found)


def _is_synced(item: Json, commit: str) -> bool:
    status = item.get("status", {})
    sync, operation = status.get("sync", {}), status.get("operationState", {})
    return (sync.get("status"), sync.get("revision"), operation.get("phase")) == (
        "Synced",
        commit,
        "Succeeded",
    )


def _summary(kube: Kube) -> str:
    said: Counter[str] = Counter()
    for item in _applications(kube):
        status = item.get("status", {})
        state = (
            status.get("sync", {}).get("status"),
            status.get("operationState", {}).get("phase"),
        )
        said[f"{state} {status.get('operationState', {}).get('message', '')[:300]}"] += 1
        for condition in status.get("conditions", ()):
            said[condition["message"][:300]] += 1
    return "\n".join(f"{number} {text}" for text, number in said.most_common(10))
