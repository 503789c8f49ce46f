"""A storage in one cluster, its templates filled in."""

from typing import cast

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject
from stashgen.kubestash.backends import s3
from stashgen.kubestash.layout import join
from stashgen.model.resolved import ResolvedStorage
from stashgen.model.source import Authored
from stashgen.policy.project import Cluster, Project
from stashgen.policy.storage import Credentials, LocalBackend, S3Backend, Storage
from stashgen.policy.template import fill
from stashgen.resolve.settings import job_of_storage
from stashgen.yaml.emitter import emit


def resolve_storage(
    storage: Authored[Storage], cluster: Cluster, project: Authored[Project]
) -> ResolvedStorage:
    """The BackupStorage of a cluster."""
    name, spec = storage.value.metadata.name, storage.value.spec
    local, bucket, credentials = spec.backend.local, spec.backend.s3, spec.credentials
    if local is not None:
        block = _local(local, cluster)
    elif bucket is not None and credentials is not None:
        block = _s3(bucket, credentials, cluster)
    else:
        raise ValueError(f"Storage {name} has no backend")
    return ResolvedStorage(
        cluster=cluster,
        name=name,
        namespace=spec.namespace,
        provider=spec.backend.provider,
        block=block,
        job=job_of_storage(project, storage),
    )


def _local(local: LocalBackend, cluster: Cluster) -> JsonObject:
    sub_path = join(fill(local.sub_path, cluster_values(cluster)))
    block: JsonObject = {"mountPath": local.mount_path, "subPath": sub_path}
    sources = {
        "persistentVolumeClaim": _claim(local.persistent_volume_claim),
        "nfs": local.nfs,
        "hostPath": local.host_path,
    }
    return block | {key: value for key, value in sources.items() if value is not None}


def _s3(bucket: S3Backend, credentials: Credentials, cluster: Cluster) -> JsonObject:
    """Server and region written out: nobody has to ask Amazon, or the bucket, for them."""
    written = api.S3Backend(endpoint=bucket.endpoint, region=bucket.region)
    block: JsonObject = {
        "endpoint": s3.endpoint(written),
        "bucket": bucket.bucket,
        "prefix": join(fill(bucket.prefix, cluster_values(cluster))),
        "region": bucket.region or s3.DEFAULT_REGION,
        "secretName": credentials.secret_name,
    }
    return block | ({"insecureTLS": True} if bucket.insecure_tls else {})


def cluster_values(cluster: Cluster) -> dict[str, str]:
    """The values of a template's names that every cluster has."""
    return {"cluster.id": cluster.id, "cluster.name": cluster.name}


def place_of(storage: ResolvedStorage, directory: str) -> tuple[str, str, str, str]:
    """Where a directory really is: equal for two storages on the same volume or bucket."""
    block = storage.block
    if storage.provider == "s3":
        path = join(str(block["prefix"]), directory)
        return ("s3", str(block["endpoint"]), str(block["bucket"]), path)
    source = {key: value for key, value in block.items() if key not in {"mountPath", "subPath"}}
    path = join(str(block["subPath"]), directory)
    return (storage.cluster.id, storage.namespace, emit(source), path)


def claim_of(storage: ResolvedStorage) -> str | None:
    """The claim that a storage keeps its copies on, in its own namespace."""
    claim = cast("JsonObject | None", storage.block.get("persistentVolumeClaim"))
    return str(claim.get("claimName")) if claim is not None else None


def _claim(claim: JsonObject | None) -> JsonObject | None:
    """KubeStash's schema has ``readOnly`` without omitempty: an operator would add it."""
    return {**claim, "readOnly": claim.get("readOnly", False)} if claim is not None else None
