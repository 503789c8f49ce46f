"""Pods of a Job, and pods that worked on a repository and have ended.

A lock that one of the latter left belongs to no running process.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from stashgen.api.base import format_time
from stashgen.api.pod import Pod
from stashgen.api.restore_session import RestoreSession
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes import (
    PODS_BY_JOB,
    RESTORES_BY_REPOSITORY,
    SESSIONS_BY_RETAINED_REPOSITORY,
    SNAPSHOTS_BY_REPOSITORY,
)
from stashgen_controller.runtime.kind import Reader

# A lock that is older than half an hour is stale by restic's own rule, and an annotation has room
# for so many names only.
MOST_PODS = 20


def pods_of(reader: Reader, namespace: str, job: str) -> Sequence[Pod]:
    """The pods of a Job, by the label that the Job controller sets."""
    return reader.by(PODS_BY_JOB, namespace, job)


def terminated_pods(reader: Reader, namespace: str, repository: str) -> tuple[str, ...]:
    """Names of pods that backed up to, restored from or tidied a Repository and have ended.

    Newest first. A pod counts only if its run is recorded as over, too: a cache that is behind
    may not know a pod yet that is at work.
    """
    found: dict[str, None] = {}
    recorded = sorted(set(_recorded(reader, namespace, repository)), reverse=True)
    for _, pod in recorded:
        if len(found) == MOST_PODS:
            break
        if pod and pod not in found and is_terminated(reader, namespace, pod):
            found[pod] = None
    return tuple(found)


def _recorded(reader: Reader, namespace: str, repository: str) -> Iterator[tuple[str, str]]:
    """When the record was made and the pod's name; of runs that are over."""
    snapshots = reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, repository)
    for snapshot in snapshots:
        if snapshot.pod and snapshot.is_finished:
            yield snapshot.created, snapshot.pod
    for session in reader.by(SESSIONS_BY_RETAINED_REPOSITORY, namespace, repository):
        for entry in (session.status.retention_policy if session.status else None) or ():
            if entry.repository == repository and entry.executor and entry.is_finished:
                yield _created(session.metadata.creation_timestamp), entry.executor.pod or ""
    for restore in restores_from(reader, namespace, repository, snapshots):
        status = restore.status
        if status is not None and status.executor and restore.is_finished:
            yield _created(restore.metadata.creation_timestamp), status.executor.pod or ""


def restores_from(
    reader: Reader, namespace: str, repository: str, snapshots: Sequence[SnapshotRecord]
) -> Iterator[RestoreSession]:
    """The RestoreSessions that read from a Repository: they name it, or one of its Snapshots."""
    yield from reader.by(RESTORES_BY_REPOSITORY, namespace, repository)
    unnamed = reader.by(RESTORES_BY_REPOSITORY, namespace, "")
    names = {item.name for item in snapshots} if unnamed else set()
    for restore in unnamed:
        source = restore.spec.data_source
        if source is not None and source.snapshot in names:
            yield restore


def is_terminated(reader: Reader, namespace: str, name: str) -> bool:
    """Whether nothing of a pod runs any more."""
    found = reader.get(Pod, namespace, name)
    return found is None or found.has_ended


def _created(when: datetime | None) -> str:
    return format_time(when) if when is not None else ""
