"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from collections.abc import Iterator

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
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION, JOB_NAME_LABEL
from stashgen.api.pod import Pod
from stashgen.api.resources import JOBS, SNAPSHOTS
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.kinds.snapshot.decide import decide
from stashgen_controller.kinds.snapshot.observe import observe
from stashgen_controller.kinds.watches import job_progress, pod_progress
from stashgen_controller.listers.indexes.keys import is_pushed, volume_key
from stashgen_controller.listers.indexes.sessions import SNAPSHOTS_IN_PROGRESS
from stashgen_controller.runtime.kind import IndexKey, Kind, Place, Reader, Watch, phase_of
from stashgen_controller.runtime.permission import Permission, writes_status


def _of_job(reader: Reader, job: JsonObject) -> Iterator[Place]:
    """A backup's Job has its Snapshot's name."""
    yield from _named(reader, namespace_of(job), name_of(job))


def _of_pod(reader: Reader, pod: JsonObject) -> Iterator[Place]:
    yield from _named(reader, namespace_of(pod), labels_of(pod).get(JOB_NAME_LABEL, ""))


def _named(reader: Reader, namespace: str, name: str) -> Iterator[Place]:
    if reader.has(SNAPSHOTS, namespace, name):
        yield namespace, name


def _of_session(reader: Reader, session: JsonObject) -> Iterator[Place]:
    """A Snapshot whose session ended or was deleted without a Job for it has failed.

    The session may not know of it: its controller died, and another one left the copy out.
    """
    yield from reader.places(SNAPSHOTS_IN_PROGRESS, namespace_of(session), name_of(session))
    for item in list_of(mapping_of(session, "status"), "snapshots"):
        yield namespace_of(session), str(item.get("name", ""))


def _last_word(session: JsonObject) -> object:
    """The controller's, or a person's on a lost pod; a deleted one says nothing more."""
    deleted = metadata_of(session).get("deletionTimestamp")
    accepted = mapping_of(metadata_of(session), "annotations").get(ACCEPT_LOST_POD_ANNOTATION)
    conditions = mapping_of(session, "status").get("conditions") if is_pushed(session) else None
    return (accepted, conditions, deleted) if accepted or conditions or deleted else None


def _is_finished(snapshot: JsonObject) -> bool:
    """A good one is never changed again; the Job of a failed one may still have to be deleted."""
    has_conditions = bool(mapping_of(snapshot, "status").get("conditions"))
    return phase_of(snapshot) == Phase.SUCCEEDED and has_conditions


def _uses(_reader: Reader, snapshot: Snapshot) -> Iterator[IndexKey]:
    if snapshot.spec.app_ref is not None:
        yield volume_key(snapshot.metadata.namespace or "", snapshot.spec.app_ref.name)


KIND = Kind(
    Snapshot,
    observe,
    decide,
    permissions=(writes_status(SNAPSHOTS), Permission(JOBS, ("delete",))),
    watches=(
        Watch(Job, _of_job, job_progress),
        Watch(Pod, _of_pod, pod_progress),
        Watch(BackupSession, _of_session, _last_word, lambda session: not is_pushed(session)),
    ),
    is_finished=_is_finished,
    uses=_uses,
    malformed_phase="Pending",
)
