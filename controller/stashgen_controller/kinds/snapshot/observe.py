"""What is to be known about one Snapshot before anything is decided."""

from dataclasses import dataclass

from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.labels import RECORD_ANNOTATION
from stashgen.api.meta import ObjectMeta
from stashgen.api.snapshot import Phase, Snapshot, SnapshotStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.listers.snapshots import reported_end
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot, read_annotation
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.kind import Reader, is_deleting


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one Snapshot.

    Attributes:
        snapshot: The object as a model.
        run: The Job that has its name.
        abandoned: Why no Job will be created; None as long as one may be.
        record: The record in the bucket that the object was created from.
    """

    snapshot: Snapshot
    run: JobRun
    abandoned: str | None
    record: RecordedSnapshot | None

    @property
    def status(self) -> SnapshotStatus:
        """The stored status, or an empty one."""
        return self.snapshot.status or SnapshotStatus()


def observe(reader: Reader, snapshot: Snapshot) -> Observed:
    """Collect what ``decide`` needs to know about a snapshot."""
    namespace = snapshot.metadata.namespace or ""
    session = reader.get(BackupSession, namespace, snapshot.spec.backup_session or "")
    return Observed(
        snapshot=snapshot,
        run=observe_job(
            reader,
            namespace=namespace,
            name=snapshot.metadata.name,
            executor=snapshot.status.executor if snapshot.status else None,
            owner=session.metadata if session is not None else _deleted_owner(snapshot),
            was_started=_was_started(snapshot, session),
            reported=reported_end(snapshot),
            is_settled=snapshot.is_finished
            and bool(snapshot.status and snapshot.status.conditions),
        ),
        abandoned=_abandoned(snapshot, session),
        record=_record(snapshot),
    )


def _record(snapshot: Snapshot) -> RecordedSnapshot | None:
    """The annotation counts only on the Snapshot that it is about."""
    text = (snapshot.metadata.annotations or {}).get(RECORD_ANNOTATION)
    found = read_annotation(text) if text is not None else None
    if found is None:
        return None
    is_same = (found.name, found.session) == (snapshot.metadata.name, snapshot.spec.session)
    return found if is_same and found.phase.is_final else None


def _deleted_owner(snapshot: Snapshot) -> ObjectMeta:
    """What is known of a session that is gone: its Job may be there, and its pod may run."""
    metadata = snapshot.metadata
    return ObjectMeta(
        name=snapshot.spec.backup_session or "", creation_timestamp=metadata.creation_timestamp
    )


def _was_started(snapshot: Snapshot, session: BackupSession | None) -> bool:
    """The session records that a Job runs as soon as it has made one; its UID follows here."""
    if session is None:
        return _record(snapshot) is None
    known = (session.status.snapshots if session.status else None) or ()
    return any(
        item.name == snapshot.metadata.name and item.phase is Phase.RUNNING for item in known
    )


def _abandoned(snapshot: Snapshot, session: BackupSession | None) -> str | None:
    name = snapshot.spec.backup_session
    if session is None:
        return f"BackupSession {name} was deleted before it created a Job"
    status = session.status
    if session.phase is BackupSessionPhase.SKIPPED:
        # Two controllers at once decided so, or a look at an old state of it.
        return f"BackupSession {name} was skipped"
    if status is None or not is_true(status.conditions, ConditionType.METRICS_PUSHED):
        if is_deleting(session):
            # A finalizer keeps it; nothing of it begins any more.
            return f"BackupSession {name} was deleted before it created a Job"
        return None
    given_up = find(status.conditions, ConditionType.BACKUP_EXECUTOR_ENSURED)
    why = (
        given_up.message if given_up is not None and given_up.message else "no reason was reported"
    )
    return f"BackupSession {name} ended without a Job for this repository: {why}"
