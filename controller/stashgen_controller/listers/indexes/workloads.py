"""How pods and CronJobs are found, and the UIDs of claims and of the cluster."""

from collections.abc import Iterator
from typing import cast

from stashgen.api.base import (
    JsonObject,
    labels_of,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
)
from stashgen.api.cron_job import CronJob
from stashgen.api.labels import (
    JOB_NAME_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    REPOSITORY_LABEL,
)
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod import Pod, has_ended
from stashgen_controller.listers.indexes.keys import repository_key, spec_of, volume_key
from stashgen_controller.runtime.kind import CoveringIndex, Index, IndexKey

CLUSTER_NAMESPACE = "kube-system"


def _uid(obj: JsonObject) -> str | None:
    return cast("str | None", metadata_of(obj).get("uid"))


def _cluster(namespace: JsonObject) -> Iterator[IndexKey]:
    if name_of(namespace) == CLUSTER_NAMESPACE:
        yield (CLUSTER_NAMESPACE,)


# Nothing else of the cluster and its volumes is read for a session.
CLUSTER_UID: CoveringIndex[Namespace, str | None] = CoveringIndex(Namespace, _cluster, _uid)
CLAIM_UIDS: CoveringIndex[PersistentVolumeClaim, str | None] = CoveringIndex(
    PersistentVolumeClaim, lambda obj: ((namespace_of(obj), name_of(obj)),), _uid
)


def _job_of_pod(pod: JsonObject) -> Iterator[IndexKey]:
    name = labels_of(pod).get(JOB_NAME_LABEL)
    if name:
        yield namespace_of(pod), name


def _controller(obj: JsonObject) -> Iterator[IndexKey]:
    for owner in list_of(metadata_of(obj), "ownerReferences"):
        if owner.get("controller"):
            yield (str(owner.get("uid") or ""),)


def _at_work(pod: JsonObject) -> Iterator[IndexKey]:
    if labels_of(pod).get(MANAGED_BY_LABEL) != MANAGED_BY or has_ended(pod):
        return
    namespace = namespace_of(pod)
    repository = labels_of(pod).get(REPOSITORY_LABEL)
    if repository:
        yield repository_key(namespace, repository)
    for volume in list_of(spec_of(pod), "volumes"):
        claim = mapping_of(volume, "persistentVolumeClaim").get("claimName")
        if claim:
            yield volume_key(namespace, str(claim))


# Our workers' pods, by the Repository and the volumes that they work on.
LIVING_PODS = Index(Pod, _at_work)
PODS_BY_JOB = Index(Pod, _job_of_pod)
CRON_JOBS_BY_CONTROLLER = Index(CronJob, _controller)
