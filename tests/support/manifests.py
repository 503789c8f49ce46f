"""What the tests apply: the proven objects of one volume, and plain KubeStash manifests."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from stashgen.api.base import JsonObject

_ONE_VOLUME = Path(__file__).parent / "data" / "one_volume.yaml"


def namespace(name: str) -> JsonObject:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def claim(namespace: str, name: str) -> JsonObject:
    """A PersistentVolumeClaim with a volume behind it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Bound"},
    }


@cache
def _one_volume() -> str:
    return json.dumps(list(yaml.safe_load_all(_ONE_VOLUME.read_text(encoding="utf-8"))))


def one_volume(namespace: str) -> list[JsonObject]:
    """The compiled set of claim ``library``, moved to a namespace; the claims are not part."""
    objects = json.loads(_one_volume())
    for obj in objects:
        _move(obj, namespace)
    return cast("list[JsonObject]", objects)


def _move(value: object, namespace: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "namespace" and item == "demo":
                value[key] = namespace
            elif isinstance(item, str) and item == "--namespace=demo":
                value[key] = f"--namespace={namespace}"
            else:
                _move(item, namespace)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item == "--namespace=demo":
                value[index] = f"--namespace={namespace}"
            else:
                _move(item, namespace)


def storage(namespace: str, name: str = "local", claim: str = "backup-store") -> JsonObject:
    """A plain BackupStorage on a claim."""
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "BackupStorage",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "storage": {
                "provider": "local",
                "local": {"mountPath": f"/{name}", "persistentVolumeClaim": {"claimName": claim}},
            },
            "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
        },
    }


def retention(namespace: str, name: str = "keep-2", last: int = 2) -> JsonObject:
    """A plain RetentionPolicy."""
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "RetentionPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"successfulSnapshots": {"last": last}},
    }


def session(
    namespace: str,
    name: str = "backup",
    *,
    schedule: str = "17 * * * *",
    copies: Sequence[str] = ("local",),
    claim: str = "library",
    more: Mapping[str, object] | None = None,
) -> JsonObject:
    """One entry of ``spec.sessions``; a copy's repository is named ``repo-<storage>``."""
    repositories = [
        {
            "name": f"repo-{copy}",
            "backend": copy,
            "directory": f"{namespace}/{claim}/{copy}",
            "encryptionSecret": {"name": "restic-key", "namespace": namespace},
        }
        for copy in copies
    ]
    return cast(
        "JsonObject",
        {
            "name": name,
            "scheduler": {"schedule": schedule, "jobTemplate": {"backoffLimit": 1}},
            "sessionHistoryLimit": 3,
            "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]},
            "repositories": repositories,
            **(more or {}),
        },
    )


def configuration(
    namespace: str,
    *sessions: JsonObject,
    name: str = "library-backup",
    claim: str = "library",
    copies: Sequence[str] = ("local",),
    paused: bool = False,
) -> JsonObject:
    """A plain BackupConfiguration as KubeStash's guide writes it."""
    backends = [
        {
            "name": copy,
            "storageRef": {"name": copy, "namespace": namespace},
            "retentionPolicy": {"name": "keep-2", "namespace": namespace},
        }
        for copy in copies
    ]
    return cast(
        "JsonObject",
        {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "BackupConfiguration",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "target": {
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": claim,
                    "namespace": namespace,
                },
                "backends": backends,
                "sessions": list(sessions) or [session(namespace, copies=copies, claim=claim)],
                "paused": paused,
            },
        },
    )


def restore(
    namespace: str,
    name: str,
    *,
    claim: str = "library",
    snapshot: str = "latest",
    repository: str = "repo-local",
    more: Mapping[str, object] | None = None,
) -> JsonObject:
    """A plain RestoreSession."""
    return cast(
        "JsonObject",
        {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "RestoreSession",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "target": {
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": claim,
                    "namespace": namespace,
                },
                "dataSource": {"repository": repository, "snapshot": snapshot},
                "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
                **(more or {}),
            },
        },
    )


def restore_request(namespace: str, name: str, **spec: object) -> JsonObject:
    """A RestoreRequest of the whole volume, until two hours after the tests' beginning."""
    claim = spec.pop("claim", "library")
    wanted = {
        "nonce": "incident-42",
        "notAfter": "2026-03-01T14:00:00Z",
        "repository": "repo-local",
        "snapshot": "latest",
        "target": {"name": claim},
        "mode": "Overwrite",
        "onMissing": "Fail",
    }
    return cast(
        "JsonObject",
        {
            "apiVersion": "stashgen.dev/v1alpha1",
            "kind": "RestoreRequest",
            "metadata": {"name": name, "namespace": namespace},
            "spec": wanted | spec,
        },
    )
