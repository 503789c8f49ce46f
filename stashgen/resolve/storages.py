"""A storage in one cluster, its templates filled in."""

from typing import cast

from stashgen.api.base import JsonObject
from stashgen.kubestash.layout import join
from stashgen.model import ResolvedStorage
from stashgen.policy.project import Cluster
from stashgen.policy.shared import Job
from stashgen.policy.storage import Storage
from stashgen.policy.template import fill
from stashgen.resolve.jobs import for_storage
from stashgen.yaml_out import emit


def resolve_storage(storage: Storage, cluster: Cluster, defaults: Job | None) -> ResolvedStorage:
    """The BackupStorage of a cluster."""
    spec = storage.spec
    local = spec.backend.local
    sub_path = join(fill(local.sub_path, cluster_values(cluster)))
    block: JsonObject = {"mountPath": local.mount_path, "subPath": sub_path}
    sources = {
        "persistentVolumeClaim": _claim(local.persistent_volume_claim),
        "nfs": local.nfs,
        "hostPath": local.host_path,
    }
    block |= {key: value for key, value in sources.items() if value is not None}
    return ResolvedStorage(
        cluster=cluster,
        name=storage.metadata.name,
        namespace=spec.namespace,
        local=block,
        job=for_storage(defaults, spec.job),
    )


def cluster_values(cluster: Cluster) -> dict[str, str]:
    """The values of a template's names that every cluster has."""
    return {"cluster.id": cluster.id, "cluster.name": cluster.name}


def place_of(storage: ResolvedStorage, directory: str) -> tuple[str, str, str, str]:
    """Where a directory really is: equal for two storages on the same volume."""
    source = {
        key: value for key, value in storage.local.items() if key not in {"mountPath", "subPath"}
    }
    path = join(str(storage.local["subPath"]), directory)
    return (storage.cluster.id, storage.namespace, emit(source), path)


def claim_of(storage: ResolvedStorage) -> str | None:
    """The claim that a storage keeps its copies on, in its own namespace."""
    claim = cast("JsonObject | None", storage.local.get("persistentVolumeClaim"))
    return str(claim.get("claimName")) if claim is not None else None


def _claim(claim: JsonObject | None) -> JsonObject | None:
    """KubeStash's schema has ``readOnly`` without omitempty: an operator would add it."""
    return {**claim, "readOnly": claim.get("readOnly", False)} if claim is not None else None
