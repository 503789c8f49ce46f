"""Pods of a Job, and pods that worked on a repository and have ended.

A lock that one of the latter left belongs to no running process.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from stashgen.api.base import format_time
from stashgen.api.labels import PLAN_ANNOTATION
from stashgen.api.pod import Pod
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.shared import Executor
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes.restores import RESTORES_BY_REPOSITORY
from stashgen_controller.listers.indexes.sessions import (
    SESSIONS_BY_RETAINED_REPOSITORY,
    SNAPSHOTS_BY_REPOSITORY,
)
from stashgen_controller.listers.indexes.workloads import PODS_BY_JOB
from stashgen_controller.listers.restores import is_over
from stashgen_controller.protocol.run_spec import DEADLINE_GRACE, WITHOUT_TIMEOUT, RunSpec
from stashgen_controller.runtime.kind import Reader

# A lock that is older than half an hour is stale by restic's own rule, and an annotation has room
# for so many names only.
MOST_PODS = 20
# A kubelet that is there has ended a pod, and said so, so long after the pod had to end.
NODE_ANSWERS = timedelta(minutes=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def pods_of(reader: Reader, namespace: str, job: str) -> Sequence[Pod]:
    """The pods of a Job, by the label that the Job controller sets."""
    return reader.by(PODS_BY_JOB, namespace, job)


def owned_by(pods: Sequence[Pod], uid: str | None) -> list[Pod]:
    """Those that the Job of a UID owns."""
    return [pod for pod in pods if any(owner.uid == uid for owner in pod.owners)]


def newest_of(pods: Sequence[Pod]) -> Pod | None:
    """The newest pod: the Job controller replaces one that is evicted, say."""
    return max(
        pods,
        key=lambda pod: (pod.metadata.creation_timestamp or _LONG_AGO, pod.metadata.name),
        default=None,
    )


def terminated_pods(reader: Reader, namespace: str, repository: str) -> tuple[str, ...]:
    """Names of pods that backed up to, restored from or tidied a Repository and have ended.

    Newest first. A pod counts only if its run is recorded as over and the kubelet reported its
    end, then or by now. That it is not there shows nothing: a cache may be behind, a pod may have
    been deleted by force, and its node may be cut off.
    """
    found: dict[str, None] = {}
    recorded = sorted(set(_recorded(reader, namespace, repository)), reverse=True)
    for _, pod, is_known_to_have_ended in recorded:
        if len(found) == MOST_PODS:
            break
        if is_known_to_have_ended or has_terminated(reader, namespace, pod):
            found[pod] = None
    return tuple(found)


def _recorded(reader: Reader, namespace: str, repository: str) -> Iterator[tuple[str, str, bool]]:
    """When the record was made, the pod's name, whether it says that the pod has ended.

    Of runs that are over.
    """
    snapshots = reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository)
    for snapshot in snapshots:
        if snapshot.pod and snapshot.is_finished:
            yield snapshot.created, snapshot.pod, snapshot.pod_terminated
    for session in reader.by(SESSIONS_BY_RETAINED_REPOSITORY, namespace, repository):
        for entry in (session.status.retention_policy if session.status else None) or ():
            if entry.repository == repository and entry.is_finished:
                yield from _of_executor(session.metadata.creation_timestamp, entry.executor)
    kept = reader.get(Repository, namespace, repository)
    upkeep = kept.status.upkeep if kept is not None and kept.status is not None else None
    if upkeep is not None and upkeep.executor is not None and upkeep.executor.ended:
        yield from _of_executor(upkeep.executor.created, upkeep.executor)
    for restore in restores_from(reader, namespace, repository, snapshots):
        status = restore.status
        if status is not None and is_over(restore):
            yield from _of_executor(restore.metadata.creation_timestamp, status.executor)


def restores_from(
    reader: Reader, namespace: str, repository: str, snapshots: Sequence[SnapshotRecord]
) -> Iterator[RestoreSession]:
    """The RestoreSessions that read from a Repository: they name it, or one of its Snapshots."""
    yield from reader.by(RESTORES_BY_REPOSITORY, namespace, repository)
    unnamed = reader.by(RESTORES_BY_REPOSITORY, namespace, "")
    names = {item.name for item in snapshots} if unnamed else set()
    for restore in unnamed:
        source = restore.spec_in_effect.data_source
        if source is not None and source.snapshot in names:
            yield restore


def stops_by(pod: Pod) -> datetime | None:
    """From when on nothing of a worker's pod runs, even if its node says nothing any more.

    The worker stops itself at its plan's deadline, and restic with it.
    """
    created = pod.metadata.creation_timestamp
    try:
        plan = (pod.metadata.annotations or {}).get(PLAN_ANNOTATION, "")
        deadline = RunSpec.model_validate_json(plan).deadline
    except ValidationError:
        deadline = None
    if deadline is not None:
        return deadline + DEADLINE_GRACE + NODE_ANSWERS
    return created + WITHOUT_TIMEOUT + NODE_ANSWERS if created is not None else None


def has_terminated(reader: Reader, namespace: str, name: str) -> bool:
    """Whether the kubelet reported that nothing of a pod runs any more."""
    found = reader.get(Pod, namespace, name)
    return found is not None and found.has_ended


def _of_executor(
    created: datetime | None, executor: Executor | None
) -> Iterator[tuple[str, str, bool]]:
    if executor is not None and executor.pod:
        when = format_time(created) if created is not None else ""
        yield when, executor.pod, bool(executor.pod_terminated)
