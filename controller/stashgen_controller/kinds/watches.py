"""What several kinds watch in the same way, and which part of an object matters to others."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TypeVar

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import (
    JsonObject,
    labels_of,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
)
from stashgen.api.job import Job
from stashgen.api.labels import JOB_NAME_LABEL, RESYNC_ANNOTATION
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.namespace import Namespace
from stashgen.api.pod import Pod
from stashgen.api.pod_template import PodTemplate
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import phases
from stashgen_controller.listers.indexes.keys import repository_key
from stashgen_controller.listers.indexes.repositories import repository_claims, repository_uses
from stashgen_controller.listers.indexes.restores import (
    pins_by_request,
    pins_by_restore,
    restore_claims,
    restore_uses,
)
from stashgen_controller.listers.indexes.sessions import session_claims, session_uses
from stashgen_controller.listers.indexes.workloads import CLUSTER_NAMESPACE
from stashgen_controller.runtime.kind import Index, IndexKey, Place, Reader, Watch, phase_of

_KindT = TypeVar("_KindT", bound=ApiKind)


def existence(obj: JsonObject) -> object:
    """Nothing of an object matters but that it is there, and which one it is."""
    return str(metadata_of(obj).get("uid"))


def claim_state(claim: JsonObject) -> object:
    """Which claim it is, and whether there is a volume behind it."""
    return existence(claim), phase_of(claim), metadata_of(claim).get("deletionTimestamp")


def spec(obj: JsonObject) -> object:
    """What people write into an object."""
    return obj.get("spec"), metadata_of(obj).get("annotations")


def outcome(obj: JsonObject) -> object:
    """Phase and conditions of what has ended; nothing before that."""
    phase = phase_of(obj)
    if phase not in phases.FINAL:
        return None
    return phase, mapping_of(obj, "status").get("conditions")


def way_back(repository: JsonObject) -> object:
    """How far a Repository's Snapshots have come back from the bucket."""
    status = mapping_of(repository, "status")
    request = mapping_of(metadata_of(repository), "annotations").get(RESYNC_ANNOTATION)
    has_come = mapping_of(status, "snapshotResync").get("phase")
    return bool(status.get("componentPaths")), has_come, request


def owned_jobs(model: type[ApiKind]) -> tuple[Watch, Watch]:
    """The Jobs that objects of the kind own, and their pods."""
    kind = model.resource.kind

    def of_job(_reader: Reader, job: JsonObject) -> Iterator[Place]:
        for owner in list_of(metadata_of(job), "ownerReferences"):
            if owner["kind"] == kind:
                yield namespace_of(job), str(owner["name"])

    def of_pod(reader: Reader, pod: JsonObject) -> Iterator[Place]:
        job = job_of(reader, pod)
        for owner in job.owners if job is not None else ():
            if owner.kind == kind:
                yield namespace_of(pod), owner.name

    return Watch(Job, of_job, job_progress), Watch(Pod, of_pod, pod_progress)


def job_of(reader: Reader, pod: JsonObject) -> Job | None:
    """The Job that a pod is of, by the label that the Job controller sets."""
    return reader.get(Job, namespace_of(pod), labels_of(pod).get(JOB_NAME_LABEL, ""))


def job_progress(job: JsonObject) -> object:
    """How far a Job is; what its controller counts meanwhile does not matter."""
    return existence(job), mapping_of(job, "status").get("conditions") or []


def pod_progress(pod: JsonObject) -> object:
    """How far a pod is."""
    return existence(pod), metadata_of(pod).get("deletionTimestamp"), pod.get("status")


def late_pins(retaining: Index[_KindT]) -> tuple[Watch, ...]:
    """Restores, whose Snapshots a retention that has not begun has to spare.

    Args:
        retaining: Finds what works on a Repository.
    """

    def keys(reader: Reader, obj: JsonObject) -> Iterator[Place]:
        spec = mapping_of(obj, "spec")
        recorded = mapping_of(mapping_of(obj, "status"), "inEffect")
        source = recorded or mapping_of(spec, "dataSource") or spec
        repository = str(source.get("repository") or "")
        if not repository:
            found = reader.get(Snapshot, namespace_of(obj), str(source.get("snapshot") or ""))
            repository = (found.spec.repository if found is not None else None) or ""
        yield from reader.places(retaining, *repository_key(namespace_of(obj), repository))

    return (
        Watch(RestoreSession, keys, _pinned_by_restore),
        Watch(RestoreRequest, keys, _pinned_by_request),
    )


def _pinned_by_restore(restore: JsonObject) -> object:
    """Which Snapshots a restore that has not ended needs."""
    return _pins(restore) if pins_by_restore(restore) else None


def _pinned_by_request(request: JsonObject) -> object:
    return _pins(request) if pins_by_request(request) else None


def _pins(obj: JsonObject) -> object:
    status = mapping_of(obj, "status")
    chosen = (status.get(field) for field in ("dependencies", "inEffect", "snapshot"))
    return existence(obj), spec(obj), *chosen


def cluster_identity(model: type[_KindT]) -> Watch:
    """The UID of kube-system, which names the cluster: what waits for it may go on."""

    def waiting(reader: Reader, namespace: JsonObject) -> Iterator[Place]:
        if name_of(namespace) == CLUSTER_NAMESPACE:
            yield from keys_of(reader.items(model))

    return Watch(Namespace, waiting, existence)


def reviewed_pod(template: JsonObject) -> object:
    """The pod of a PodTemplate."""
    return existence(template), template.get("template")


def pod_templates(index: Index[_KindT]) -> Watch:
    """The PodTemplates that objects name, found by an index."""
    return Watch(
        PodTemplate,
        lambda reader, template: reader.places(index, namespace_of(template), name_of(template)),
        reviewed_pod,
    )


def turns(waiting: Index[_KindT]) -> tuple[Watch, ...]:
    """What works on a volume or a Repository, so that those that wait for it have their turn.

    Args:
        waiting: Finds what may wait by what it is about to work on.
    """

    def of(
        model: type[ApiKind],
        uses: Callable[[JsonObject], Iterable[IndexKey]],
        claims: Callable[[JsonObject], Iterable[IndexKey]],
    ) -> Watch:
        def keys(reader: Reader, obj: JsonObject) -> Iterator[Place]:
            itself = (namespace_of(obj), name_of(obj)) if model is waiting.model else None
            for key in dict.fromkeys(uses(obj)):
                for place in reader.places(waiting, *key):
                    if place != itself:
                        yield place

        return Watch(model, keys, _claimed(claims))

    return (
        of(BackupSession, session_uses, session_claims),
        of(RestoreSession, restore_uses, restore_claims),
        of(Repository, repository_uses, repository_claims),
    )


@cache
def _claimed(
    claims: Callable[[JsonObject], Iterable[IndexKey]],
) -> Callable[[JsonObject], object]:
    """What is claimed, None where nothing is; the same function for all kinds that wait."""
    return lambda obj: tuple(claims(obj)) or None


def waiting_in_namespace(
    model: type[ApiKind], index: Index[_KindT], relevant: Callable[[JsonObject], object]
) -> Watch:
    """What goes on in a namespace that unfinished objects there may wait for."""
    return Watch(
        model,
        lambda reader, obj: reader.places(index, namespace_of(obj)),
        relevant,
    )


def keys_of(objects: Iterable[_KindT]) -> Iterator[Place]:
    """Namespace and name of each."""
    for obj in objects:
        yield obj.key
