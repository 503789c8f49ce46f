"""A project of one volume, written and built: for tests with a real API server or cluster."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stashgen.yaml.emitter import emit, emit_all
from tests.support.place import ROOT

Json = Any
NOBODY = 65534
DATA, STORE, KEY = "library", "backup-store", "restic-key"


def compile_project(
    namespace: str,
    folder: Path,
    *,
    backend: Json = None,
    keep: int = 2,
    is_strict: bool = False,
) -> Path:
    """Write a project and build it; where the cluster's objects are.

    Args:
        namespace: Of the volume and its storage.
        folder: For the project.
        backend: The part of the storage's spec that says where it is; without one, a volume.
        keep: How many backups the policy keeps.
        is_strict: The API server compares each Job with the pods in git.
    """
    ours = "stashgen.dev/v1alpha1"
    project = project_manifest(is_strict=is_strict)
    storage = {
        "apiVersion": ours,
        "kind": "Storage",
        "metadata": {"name": "local"},
        "spec": {"namespace": namespace, **(backend or _local())},
    }
    policy = {
        "apiVersion": ours,
        "kind": "BackupPolicy",
        "metadata": {"name": "hourly"},
        "spec": {
            "select": {"volumes": {"names": [DATA]}},
            "sessions": [
                {
                    "name": "backup",
                    "every": "1h",
                    "timeout": "10m",
                    "copies": [{"storage": "local", "keep": {"last": keep}}],
                }
            ],
        },
    }
    claims = [
        {**item, "metadata": {**item["metadata"], "namespace": namespace}}
        for item in (claim(DATA, "ReadWriteOnce"), claim(STORE, "ReadWriteMany"))
    ]
    files = {
        "stashgen.yaml": emit(project),
        "policies/storage.yaml": emit(storage),
        "policies/hourly.yaml": emit(policy),
        "clusters/e2e/claims.yaml": emit_all(claims),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    build = [sys.executable, "-m", "stashgen", "build", "--project", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True)
    return folder / "rendered" / "e2e"


def project_manifest(
    *, is_strict: bool = False, image: str | None = None, retired: Sequence[Json] = ()
) -> Json:
    """The Project of one cluster, whose Jobs run as the volumes' owner.

    Args:
        is_strict: The API server compares each Job with the pods in git.
        image: Of all Jobs, in place of the controller's own.
        retired: Volumes whose backups have ended.
    """
    job = {"runAs": {"user": NOBODY, "group": NOBODY}} | ({"image": image} if image else {})
    return {
        "apiVersion": "stashgen.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": "e2e"},
        "spec": {
            "policies": ["policies"],
            "defaults": {"encryption": {"secretName": KEY}, "job": job},
            "clusters": [
                {
                    "name": "e2e",
                    "id": "e2e1",
                    "strict": is_strict,
                    "inventory": [{"manifests": ["clusters/e2e/**/*.yaml"]}],
                }
            ],
            "retired": list(retired),
        },
    }


def _local() -> Json:
    claim = {"persistentVolumeClaim": {"claimName": STORE}}
    return {"backend": {"provider": "local", "local": claim}}


def claim(name: str, mode: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}},
    }
