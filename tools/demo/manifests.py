"""What the demo's people write: claims, a policy's repository, and plain KubeStash manifests."""

import base64
from pathlib import Path
from typing import Any

from stashgen.yaml.emitter import emit, emit_all

Json = dict[str, Any]


def namespace(name: str) -> Json:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def key_secret(namespace: str, name: str, password: str) -> Json:
    """The Secret with restic's password; it is never written to git."""
    data = {"RESTIC_PASSWORD": base64.b64encode(password.encode()).decode()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def claim(namespace: str, name: str, *, mode: str = "ReadWriteOnce") -> Json:
    """A PersistentVolumeClaim of 5 GiB."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": [mode],
            "resources": {"requests": {"storage": "5Gi"}},
            "volumeMode": "Filesystem",
        },
    }


def user_repository(namespace: str, volume: str, storage_claim: str) -> dict[Path, str]:
    """The files of a platform team's git repository: project, storage, policy, inventory.

    The policy runs the Jobs as root, so that a restore can give files back to every owner.
    """
    ours = "stashgen.dev/v1alpha1"
    project = {
        "apiVersion": ours,
        "kind": "Project",
        "metadata": {"name": "demo"},
        "spec": {
            "policies": ["policies"],
            "defaults": {
                "encryption": {"secretName": "restic-key"},
                # One node: any will do.
                "job": {"runAs": {"user": 0, "group": 0}, "affinity": {}},
            },
            "clusters": [
                {
                    "name": "demo",
                    "id": "dem1",
                    "inventory": [{"manifests": ["clusters/demo/**/*.yaml"]}],
                }
            ],
        },
    }
    storage = {
        "apiVersion": ours,
        "kind": "Storage",
        "metadata": {"name": "local"},
        "spec": {
            "namespace": namespace,
            "job": {"runAs": {"user": 0, "group": 0}},
            "backend": {
                "provider": "local",
                "local": {"persistentVolumeClaim": {"claimName": storage_claim}},
            },
        },
    }
    policy = {
        "apiVersion": ours,
        "kind": "BackupPolicy",
        "metadata": {"name": "hourly"},
        "spec": {
            "select": {"exclude": [{"volumes": {"names": [storage_claim]}}]},
            "sessions": [
                {
                    "name": "backup",
                    "every": "1h",
                    "timeout": "1h",
                    "copies": [{"storage": "local", "keep": {"last": 2}}],
                }
            ],
        },
    }
    return {
        Path("stashgen.yaml"): emit(project),
        Path("policies/storage.yaml"): emit(storage),
        Path("policies/hourly.yaml"): emit(policy),
        Path(f"clusters/demo/{namespace}/claims.yaml"): emit_all(
            [claim(namespace, volume), claim(namespace, storage_claim, mode="ReadWriteMany")]
        ),
    }


def plain_manifests(namespace: str, volume: str, storage_claim: str) -> list[Json]:
    """What KubeStash's guide to stand-alone volumes has people write, on a local storage.

    Besides the storage, two things differ from the guide's example: the backup runs as root, for
    the demo's volume has files that only their owner may read, and nothing is to be wiped.
    """
    group, version = "kubestash.com", "v1alpha1"
    secret = {"name": "encrypt-secret", "namespace": namespace}
    return [
        {
            "apiVersion": f"storage.{group}/{version}",
            "kind": "BackupStorage",
            "metadata": {"name": "local-storage", "namespace": namespace},
            "spec": {
                "storage": {
                    "provider": "local",
                    "local": {
                        "mountPath": "/kubestash/storage",
                        "persistentVolumeClaim": {"claimName": storage_claim},
                    },
                },
                "usagePolicy": {"allowedNamespaces": {"from": "All"}},
                "default": True,
            },
        },
        {
            "apiVersion": f"storage.{group}/{version}",
            "kind": "RetentionPolicy",
            "metadata": {"name": "demo-retention", "namespace": namespace},
            "spec": {
                "default": True,
                "failedSnapshots": {"last": 2},
                "maxRetentionPeriod": "2mo",
                "successfulSnapshots": {"last": 2},
                "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
            },
        },
        {
            "apiVersion": f"core.{group}/{version}",
            "kind": "BackupConfiguration",
            "metadata": {"name": f"{volume}-backup", "namespace": namespace},
            "spec": {
                "target": {
                    "apiGroup": "",
                    "kind": "PersistentVolumeClaim",
                    "name": volume,
                    "namespace": namespace,
                },
                "backends": [
                    {
                        "name": "local-backend",
                        "storageRef": {"name": "local-storage", "namespace": namespace},
                        "retentionPolicy": {"name": "demo-retention", "namespace": namespace},
                    }
                ],
                "sessions": [
                    {
                        "name": "frequent-backup",
                        "sessionHistoryLimit": 3,
                        "scheduler": {
                            "schedule": "*/5 * * * *",
                            "jobTemplate": {"backoffLimit": 1},
                        },
                        "repositories": [
                            {
                                "name": "local-repository",
                                "backend": "local-backend",
                                "directory": "/pvc-backup-demo",
                                "encryptionSecret": secret,
                            }
                        ],
                        "addon": {
                            "name": "pvc-addon",
                            "tasks": [{"name": "logical-backup"}],
                            "jobTemplate": {
                                "spec": {"securityContext": {"runAsUser": 0, "runAsGroup": 0}}
                            },
                        },
                    }
                ],
            },
        },
    ]


def restore_session(
    namespace: str,
    name: str,
    *,
    claim: str,
    repository: str,
    snapshot: str,
    secret: str,
) -> Json:
    """A RestoreSession of a snapshot, by name or ``latest``, into a claim."""
    return {
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
            "dataSource": {
                "repository": repository,
                "snapshot": snapshot,
                "encryptionSecret": {"name": secret, "namespace": namespace},
            },
            "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
        },
    }
