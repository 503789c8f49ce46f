"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other."""

from collections.abc import Iterator

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession, BackupSessionPhase, RetentionPhase
from stashgen.api.base import JsonObject, list_of, mapping_of, namespace_of
from stashgen.api.pod_template import PodTemplate
from stashgen.api.resources import BACKUP_SESSIONS, JOBS, SNAPSHOTS
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.kinds.backup_session.decide import decide
from stashgen_controller.kinds.backup_session.observe import observe
from stashgen_controller.kinds.watches import (
    cluster_identity,
    late_pins,
    owned_jobs,
    reviewed_pod,
    spec,
    turns,
    waiting_in_namespace,
)
from stashgen_controller.listers.indexes.keys import is_pushed, repository_key, volume_key
from stashgen_controller.listers.indexes.sessions import (
    CLAIMING_SESSIONS,
    SESSIONS_IN_TURN,
    STARTING_SESSIONS,
    UNFINISHED_SESSIONS,
)
from stashgen_controller.runtime.kind import IndexKey, Kind, Place, Reader, Watch, phase_of
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _of_snapshot(_reader: Reader, snapshot: JsonObject) -> Iterator[Place]:
    yield namespace_of(snapshot), str(mapping_of(snapshot, "spec").get("backupSession") or "")


def _progress(snapshot: JsonObject) -> object:
    """Not what the worker says of its components meanwhile."""
    status = mapping_of(snapshot, "status")
    return (
        spec(snapshot),
        phase_of(snapshot),
        status.get("executor"),
        status.get("lastUpdateTime"),
    )


def _is_over(session: JsonObject) -> bool:
    """Nothing is left to do: retention has ended, that of good copies anyway; a retry was made."""
    status = mapping_of(session, "status")
    if phase_of(session) == BackupSessionPhase.SKIPPED:
        return True
    applied = list_of(status, "retentionPolicy")
    pending = [item for item in applied if item.get("phase") == RetentionPhase.PENDING]
    ended = {item.get("repository") for item in applied if item not in pending}
    good = {
        item.get("repository")
        for item in list_of(status, "snapshots")
        if item.get("phase") == Phase.SUCCEEDED
    }
    awaits_retry = bool(status.get("nextRetry")) and not status.get("retried")
    return is_pushed(session) and not pending and good <= ended and not awaits_retry


def _uses(reader: Reader, session: BackupSession) -> Iterator[IndexKey]:
    invoker = session.spec.invoker
    namespace = session.metadata.namespace or ""
    found = reader.get(BackupConfiguration, namespace, invoker.name if invoker else "")
    if found is not None and found.spec.target is not None:
        yield volume_key(namespace, found.spec.target.name)
    for name in found.repository_names if found is not None else ():
        yield repository_key(namespace, name)
    for item in (session.status.snapshots if session.status is not None else None) or ():
        yield repository_key(namespace, item.repository or "")
        if item.app_ref is not None:
            yield volume_key(namespace, item.app_ref.name)


KIND = Kind(
    BackupSession,
    observe,
    decide,
    permissions=(
        writes_status(BACKUP_SESSIONS),
        blocks_deletion(BACKUP_SESSIONS),
        Permission(SNAPSHOTS, (*CREATE, "delete")),
        Permission(JOBS, (*CREATE, "delete")),
        Permission(BACKUP_SESSIONS, (*CREATE, "delete")),
    ),
    watches=(
        *owned_jobs(BackupSession),
        Watch(Snapshot, _of_snapshot, _progress),
        waiting_in_namespace(PodTemplate, UNFINISHED_SESSIONS, reviewed_pod),
        *turns(SESSIONS_IN_TURN),
        *late_pins(CLAIMING_SESSIONS),
        cluster_identity(BackupSession),
    ),
    is_finished=_is_over,
    # Its first Job is what people wait for at 03:00.
    urgent=STARTING_SESSIONS,
    uses=_uses,
)
