"""How BackupSessions and Snapshots are found, and what sessions work on."""

from collections.abc import Iterator

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import (
    JsonObject,
    list_of,
    mapping_of,
    namespace_of,
)
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import phases
from stashgen_controller.listers.history import SnapshotRecord, snapshot_record
from stashgen_controller.listers.indexes.keys import (
    is_finished,
    is_pushed,
    repository_key,
    spec_of,
    starting,
    unfinished,
    volume_key,
)
from stashgen_controller.runtime.kind import CoveringIndex, Index, IndexKey, phase_of


def _invoker(session: JsonObject) -> Iterator[IndexKey]:
    invoker = mapping_of(spec_of(session), "invoker")
    name, session_name = str(invoker.get("name") or ""), str(spec_of(session).get("session") or "")
    yield namespace_of(session), name, session_name


def _retained(session: JsonObject) -> Iterator[IndexKey]:
    for item in list_of(mapping_of(session, "status"), "retentionPolicy"):
        yield namespace_of(session), str(item.get("repository") or "")


def session_uses(session: JsonObject) -> Iterator[IndexKey]:
    """The volume and the Repositories that a session that has been looked at works on."""
    for item in list_of(mapping_of(session, "status"), "snapshots"):
        yield volume_key(namespace_of(session), str(mapping_of(item, "appRef").get("name") or ""))
        yield repository_key(namespace_of(session), str(item.get("repository") or ""))


def session_claims(session: JsonObject) -> Iterator[IndexKey]:
    """Those that it works on now: it records that before it makes a Job."""
    status, namespace = mapping_of(session, "status"), namespace_of(session)
    snapshots = list_of(status, "snapshots")
    claimed = [
        item for item in snapshots if item.get("phase") == "Running" and not is_pushed(session)
    ]
    claimed += [
        item
        for item in list_of(status, "retentionPolicy")
        if item.get("phase") == "Pending" and item.get("executor")
    ]
    if claimed:
        for item in snapshots:
            yield volume_key(namespace, str(mapping_of(item, "appRef").get("name") or ""))
    for item in claimed:
        yield repository_key(namespace, str(item.get("repository") or ""))


def _in_turn(session: JsonObject) -> Iterator[IndexKey]:
    if not is_finished(session):
        yield from session_uses(session)


def _in_progress(snapshot: JsonObject) -> Iterator[IndexKey]:
    if phase_of(snapshot) not in phases.FINAL:
        yield namespace_of(snapshot), str(spec_of(snapshot).get("backupSession") or "")


SESSIONS_BY_INVOKER = Index(BackupSession, _invoker)
SESSIONS_BY_RETAINED_REPOSITORY = Index(BackupSession, _retained)
CLAIMING_SESSIONS = Index(BackupSession, session_claims)
# By what those work on that have not ended: they may wait for their turn.
SESSIONS_IN_TURN = Index(BackupSession, _in_turn)
# By the session that they were made for, whether or not it knows of them: a controller may die
# between the two.
SNAPSHOTS_IN_PROGRESS = Index(Snapshot, _in_progress)
UNFINISHED_SESSIONS = Index(BackupSession, unfinished)
STARTING_SESSIONS = Index(BackupSession, starting)
SNAPSHOTS_BY_REPOSITORY: CoveringIndex[Snapshot, SnapshotRecord] = CoveringIndex(
    Snapshot,
    lambda obj: ((namespace_of(obj), str(spec_of(obj).get("repository") or "")),),
    snapshot_record,
)
