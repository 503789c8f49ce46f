"""A storage in one namespace of a cluster, with its templates filled in."""

from stashgen.api import backup_storage as api
from stashgen.kubestash.backends import BACKENDS, required_backend
from stashgen.kubestash.layout import join
from stashgen.model.resolved import ResolvedStorage
from stashgen.model.source import Authored
from stashgen.policy.project import Cluster, Project
from stashgen.policy.storage import Storage
from stashgen.policy.template import cluster_values, fill
from stashgen.resolve.matching import selects
from stashgen.resolve.settings import credentials_of_storage, job_of_storage


def resolve_storage(
    storage: Authored[Storage], cluster: Cluster, project: Authored[Project], namespace: str
) -> ResolvedStorage:
    """The BackupStorage of a cluster that volumes of a namespace are copied to.

    The blocks of our own language have the fields of KubeStash's, but for the name of the Secret
    and what becomes an annotation. A storage of every namespace is below its prefix in a folder of
    the namespace's name, so that keys can be limited to it.
    """
    name, spec = storage.value.metadata.name, storage.value.spec
    provider, written = spec.backend.provider, spec.backend.block
    if written is None:
        raise ValueError(f"Storage {name} has no backend")
    known, block = BACKENDS[provider], written.to_wire()
    template = str(block[known.cluster_field])
    place = fill(template, cluster_values(cluster))
    block[known.cluster_field] = place if spec.namespace is not None else join(place, namespace)
    own = {
        annotation: str(block.pop(field))
        for field, annotation in known.own_fields.items()
        if field in block
    }
    credentials = spec.credentials
    if known.secret_keys and credentials is not None and credentials.secret is not None:
        block["secretName"] = credentials.secret.secret_name
    if known.role_annotation is not None and credentials is not None and credentials.role_arn:
        names = cluster_values(cluster) | {"namespace": namespace}
        own[known.role_annotation] = fill(credentials.role_arn, names)
    return ResolvedStorage(
        cluster=cluster,
        name=name,
        namespace=spec.namespace if spec.namespace is not None else namespace,
        provider=provider,
        backend=required_backend(
            api.Backend.model_validate({"provider": provider, provider: block}), own
        ),
        credentials=credentials_of_storage(storage),
        job=job_of_storage(project, storage),
        facts=spec.facts,
    )


def exists_in(storage: Storage, cluster: Cluster) -> bool:
    """Whether a storage's ``clusters`` select a cluster."""
    return storage.spec.clusters is None or selects(storage.spec.clusters, cluster)
