"""What the inventory makes of kustomizations is what kustomize makes of them, or unknown."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from stashgen.inventory import collect
from stashgen.model.source import Source
from stashgen.yaml.documents import Document, read_documents
from tests.support.project import claim, documents

_NAMES = ("data", "logs", "old")
_SET = """---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: queue}
spec:
  serviceName: queue
  selector: {matchLabels: {app: queue}}
  template:
    metadata: {labels: {app: queue}}
    spec:
      containers: [{name: queue, image: example.com/queue}]
      volumes: [{name: logs, persistentVolumeClaim: {claimName: logs}}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}]
"""
_CLAIM = "kind: PersistentVolumeClaim"
# The last three may change which claims there are.
_PATCHES = (
    "- path: remove.yaml\n",
    *(
        f"- target: {{{target}}}\n  patch: |-\n    {patch}\n"
        for target, patch in (
            ("kind: Deployment", "- {op: remove, path: /metadata/labels}"),
            (f"{_CLAIM}, name: l.*", "- {op: add, path: /spec/storageClassName, value: fast}"),
            ("name: data", "- {op: add, path: /metadata/annotations, value: {a: b}}"),
            ("kind: StatefulSet", "- {op: add, path: /spec/replicas, value: 2}"),
            (f"{_CLAIM}, name: data", "- {op: replace, path: /metadata/name, value: other}"),
            (_CLAIM, f"{{apiVersion: v1, {_CLAIM}, metadata: {{name: any, labels: {{a: b}}}}}}"),
        )
    ),
)


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No API server is asked here."""


def _project(chance: random.Random) -> dict[str, str]:
    """A base, perhaps a component, and one overlay: every file by its path."""
    claims = "".join(claim(name, more="labels: {own: label}") for name in _NAMES)
    remove = "$patch: delete\n" + claim(chance.choice(_NAMES)).removeprefix("---\n")
    if chance.random() < 0.7:
        claims, remove = (text.replace(", namespace: demo", "") for text in (claims, remove))
    files = {"base/claims.yaml": claims, "base/set.yaml": _SET}
    files["base/kustomization.yaml"] = "resources: [claims.yaml, set.yaml]\n" + _changes(chance)
    files["base/remove.yaml"] = remove
    if chance.random() < 0.4:
        files["part/kustomization.yaml"] = (
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            "labels: [{pairs: {part: a}}]\n" + _changes(chance, may_patch=False)
        )
        files["base/kustomization.yaml"] += "components: [../part]\n"
    if chance.random() < 0.7:
        files["over/kustomization.yaml"] = "resources: [../base]\n" + _changes(
            chance, may_patch=False
        )
    return files


def _changes(chance: random.Random, *, may_patch: bool = True) -> str:
    lines = [
        text
        for text in (
            f"namespace: {chance.choice(('one', 'two'))}\n",
            f"namePrefix: {chance.choice('pq')}-\n",
            f"nameSuffix: -{chance.choice('st')}\n",
            f"labels: [{{pairs: {{added: {chance.choice('xz')}}}, includeTemplates: true}}]\n"
            * may_patch,
            f"commonLabels: {{common: {chance.choice('xz')}}}\n",
            "replicas: [{name: queue, count: 3}]\n",
        )
        if chance.random() < 0.35
    ]
    chosen = [one for one in _PATCHES if may_patch and chance.random() < 0.1]
    patches = "".join(chosen)
    return "".join(lines) + (f"patches:\n{patches}" if patches else "")


def _built(root: Path) -> Iterator[tuple[str, str, str]]:
    """The claims that kustomize makes, and those of StatefulSets: namespace, name, labels."""
    top = "over" if (root / "over").exists() else "base"
    ran = subprocess.run(
        ["kubectl", "kustomize", top], cwd=root, capture_output=True, check=True, timeout=60
    )
    read = read_documents(ran.stdout, PurePosixPath("built.yaml"), dirty=True)
    assert read.findings == ()
    (project,) = documents("kind: Project", "stashgen.yaml")
    namespaces = {"c": {PurePosixPath("built.yaml"): "default"}}
    yield from _taken(Source(project, (), {"c": read.value}, namespaces=namespaces))[0]


def _taken(source: Source) -> tuple[set[tuple[str, str, str]], bool]:
    outcome = collect(source)
    found = {
        (one.key.namespace, one.key.name, str(sorted(one.labels.items())))
        for one in outcome.value.volumes
    }
    return found, bool(outcome.value.unknown)


@pytest.mark.parametrize("seed", range(40))
def test_known_volumes_are_those_that_kustomize_makes(seed: int, tmp_path: Path) -> None:
    files = _project(random.Random(seed))
    found: list[Document] = []
    for name, text in sorted(files.items()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found += documents(text, name)
    (project,) = documents("kind: Project", "stashgen.yaml")
    namespaces = {"c": {PurePosixPath(name): "default" for name in files}}
    known, is_partial = _taken(Source(project, (), {"c": tuple(found)}, namespaces=namespaces))
    built = set(_built(tmp_path))
    assert known <= built
    assert is_partial or known == built
