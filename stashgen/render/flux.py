"""Flux Kustomizations: one for each namespace of a cluster.

kustomize compares each object with all others of one build, so that 5,000 volumes in one
Kustomization would take hours; each namespace by itself takes seconds.
"""

from pathlib import PurePosixPath

from stashgen.api.base import JsonObject
from stashgen.kubestash.names import cut_with_hash
from stashgen.policy.project import Flux

# No namespace name has a dot.
_OF_CLUSTER = "backups.cluster"


def flux_kustomization(flux: Flux, folder: PurePosixPath, *, strict: bool) -> JsonObject:
    """The Kustomization that applies one folder of the output (kustomize.toolkit.fluxcd.io/v1).

    In a strict cluster the admission policies come before the namespaces.

    Args:
        flux: The cluster's settings.
        folder: The folder to apply, relative to the Git repository of the project: its last part
            is a namespace, or the folder of the cluster's own objects.
        strict: Whether there is a folder of the cluster's own objects.
    """
    is_namespace = not folder.name.startswith("_")
    first = [*flux.depends_on, *([_OF_CLUSTER] if strict and is_namespace else [])]
    name = cut_with_hash(f"backups-{folder.name}") if is_namespace else _OF_CLUSTER
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": flux.namespace},
        "spec": {
            **({"dependsOn": [{"name": item} for item in first]} if first else {}),
            "sourceRef": {"kind": "GitRepository", "name": flux.source},
            "path": f"./{folder}",
            "interval": "1h",
            "retryInterval": "2m",
            "timeout": "5m",
            "prune": True,
            "wait": True,
        },
    }
