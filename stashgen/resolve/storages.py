"""A storage in one cluster, with its templates filled in."""

from stashgen.api import backup_storage as api
from stashgen.kubestash.backends import BACKENDS, required_backend
from stashgen.model.resolved import ResolvedStorage
from stashgen.model.source import Authored
from stashgen.policy.project import Cluster, Project
from stashgen.policy.storage import Storage
from stashgen.policy.template import fill
from stashgen.resolve.settings import job_of_storage


def resolve_storage(
    storage: Authored[Storage], cluster: Cluster, project: Authored[Project]
) -> ResolvedStorage:
    """The BackupStorage of a cluster.

    The blocks of our own language have the fields of KubeStash's, but for the name of the Secret.
    """
    name, spec = storage.value.metadata.name, storage.value.spec
    provider, written = spec.backend.provider, spec.backend.block
    if written is None:
        raise ValueError(f"Storage {name} has no backend")
    known, block = BACKENDS[provider], written.to_wire()
    template = str(block[known.cluster_field])
    block[known.cluster_field] = fill(template, cluster_values(cluster))
    if known.secret_keys and spec.credentials is not None:
        block["secretName"] = spec.credentials.secret_name
    return ResolvedStorage(
        cluster=cluster,
        name=name,
        namespace=spec.namespace,
        provider=provider,
        backend=required_backend(
            api.Backend.model_validate({"provider": provider, provider: block})
        ),
        job=job_of_storage(project, storage),
    )


def cluster_values(cluster: Cluster) -> dict[str, str]:
    """The values of the template names that depend only on the cluster."""
    return {"cluster.id": cluster.id, "cluster.name": cluster.name}


def place_of(storage: ResolvedStorage, directory: str) -> tuple[str, str, str]:
    """The real location of a directory: equal for two storages on the same volume or bucket."""
    place = storage.backend.place(directory)
    if storage.backend.bucket is not None:
        return ("", "", place)
    return (storage.cluster.id, storage.namespace, place)
