"""Protected volumes as GitOps would apply them: compiled once for a namespace, then copied.

The namespaces differ in nothing but their name, so that thousands of volumes cost one build.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from stashgen.api import resources as known
from stashgen.api.resources import Resource
from stashgen.yaml.emitter import emit, emit_all
from tests.bench.controller_load.raw_api import Json, RawApi

_ROOT = Path(__file__).parents[3]
_OURS = "stashgen.dev/v1alpha1"
_MODEL = "bench-0000"
_STORE = "backup-store"
_THREADS = 4
_RESOURCES = {
    resource.kind: resource
    for resource in (
        *known.KUBESTASH,
        known.PERSISTENT_VOLUME_CLAIMS,
        known.SERVICE_ACCOUNTS,
        known.ROLES,
        known.ROLE_BINDINGS,
        known.POD_TEMPLATES,
        known.CRON_JOBS,
    )
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How many volumes there are, where, and what is kept of them.

    Attributes:
        volumes: All of them.
        per_namespace: Of them in one namespace, which has a storage of its own.
        keep_last: Snapshots that the policy keeps of a volume.
        history_limit: BackupSessions that are kept of a volume.
    """

    volumes: int
    per_namespace: int
    keep_last: int
    history_limit: int

    @property
    def namespaces(self) -> int:
        """How many there are."""
        return -(-self.volumes // self.per_namespace)


def compile_namespace(shape: Shape, volumes: int) -> list[tuple[Resource, Json]]:
    """The objects of one namespace with so many volumes, its claims included."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        claims = [_claim(f"data-{number:04}") for number in range(volumes)]
        _write_project(project, shape, claims)
        subprocess.run(
            [sys.executable, "-m", "stashgen", "build", "--project", str(project)],
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
            check=True,
            capture_output=True,
        )
        rendered = [
            item
            for path in sorted((project / "rendered").rglob("*.yaml"))
            for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))
            if item["kind"] != "Kustomization"
        ]
    return [(_RESOURCES[item["kind"]], item) for item in [*claims, _claim(_STORE), *rendered]]


def store(api: RawApi, shape: Shape) -> int:
    """Create all volumes with everything that belongs to them; says how many objects that are."""
    model = compile_namespace(shape, min(shape.volumes, shape.per_namespace))
    made = list(_copies(model, shape))
    for number in range(shape.namespaces):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _name(number)}}
        api.post(known.NAMESPACES.path(), manifest)
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(lambda pair: _create(api, *pair), made):
            pass
    return len(made) + shape.namespaces


def _create(api: RawApi, path: str, item: Json) -> None:
    """Create an object; a claim gets its volume, in place of the controller that is not there."""
    api.post(path, item)
    if item["kind"] == "PersistentVolumeClaim":
        api.patch(f"{path}/{item['metadata']['name']}/status", {"status": {"phase": "Bound"}})


def _copies(model: list[tuple[Resource, Json]], shape: Shape) -> Iterator[tuple[str, Json]]:
    """The model's objects in each namespace; the last one may have fewer volumes."""
    texts = [(resource, json.dumps(item)) for resource, item in model]
    rest = shape.volumes % shape.per_namespace or shape.per_namespace
    smaller = [(resource, json.dumps(item)) for resource, item in compile_namespace(shape, rest)]
    for number in range(shape.namespaces):
        name = _name(number)
        for resource, text in smaller if number == shape.namespaces - 1 else texts:
            yield resource.path(name), json.loads(text.replace(_MODEL, name))


def _name(number: int) -> str:
    return f"bench-{number:04}"


def _write_project(folder: Path, shape: Shape, claims: list[Json]) -> None:
    inventory = {"manifests": ["cluster/*.yaml"]}
    cluster = {"name": "bench", "id": "ben1", "inventory": [inventory]}
    defaults = {"encryption": {"secretName": "restic-key"}}
    _write(
        folder / "stashgen.yaml",
        emit(_object("Project", "bench", {"defaults": defaults, "clusters": [cluster]})),
    )
    local = {"persistentVolumeClaim": {"claimName": _STORE}}
    storage = {"namespace": _MODEL, "backend": {"provider": "local", "local": local}}
    session = {
        "name": "backup",
        "every": "4h",
        "historyLimit": shape.history_limit,
        "copies": [{"storage": "local", "keep": {"last": shape.keep_last}}],
    }
    select = {"namespaces": {"names": [_MODEL]}}
    policies = [
        _object("Storage", "local", storage),
        _object("BackupPolicy", "bench", {"select": select, "sessions": [session]}),
    ]
    _write(folder / "policies" / "bench.yaml", emit_all(policies))
    _write(folder / "cluster" / "claims.yaml", emit_all(claims))


def _claim(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": _MODEL, "labels": {"app": "postgres"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }


def _object(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": _OURS, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
