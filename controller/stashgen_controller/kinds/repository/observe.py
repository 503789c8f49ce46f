"""What is to be known about one Repository before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.backup_session import (
    BackupSession,
    BackupSessionPhase,
    RetentionPhase,
    RetentionPolicyApplyStatus,
)
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import ORDER_ANNOTATION, RESYNC_ANNOTATION, is_rendered
from stashgen.api.repository import LostPod, Repository, RepositoryStatus, ResyncPhase
from stashgen.api.resources import REPOSITORIES, SNAPSHOTS
from stashgen.api.restore_session import RestorePhase, RestoreSession
from stashgen.api.snapshot import Phase, RecordedWriter
from stashgen.kubestash import layout
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.refusals import refused_repository
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.jobs.templates import UnresolvedError, init_template
from stashgen_controller.kinds.repository.upkeep_observed import ObservedUpkeep, observe_upkeep
from stashgen_controller.listers.claims import Claimant, claimants
from stashgen_controller.listers.configurations import uses_of
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.indexes.keys import repository_key, volume_key
from stashgen_controller.listers.indexes.sessions import (
    SESSIONS_BY_RETAINED_REPOSITORY,
    SNAPSHOTS_BY_REPOSITORY,
    UNFINISHED_SESSIONS,
)
from stashgen_controller.listers.lost_pods import lost_pods
from stashgen_controller.listers.objects import claim_uid, cluster_uid, without_status
from stashgen_controller.listers.partial_restores import VolumeRestores, volume_restores
from stashgen_controller.listers.pods import restores_from
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot, unpack
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import is_true
from stashgen_controller.runtime.kind import Reader, is_deleting


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the bucket's records, newest first.

    Attributes:
        snapshots: What may become Snapshots.
        present: The names of those that are Snapshots already.
        cursor: Name of the last record that was read.
        is_last: There are no more after it.
        ignored, examples: How many are bad, and some of them with the reason.
    """

    snapshots: tuple[RecordedSnapshot, ...]
    present: frozenset[str]
    cursor: str | None
    is_last: bool
    ignored: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one Repository.

    Attributes:
        obj: As stored, without its status; empty where nothing asks for it.
        repository: The same as a model.
        refusal: Why nothing that writes may begin: the Repository asks for what cannot be done, or
            its storage is not there or not for it.
        storage_is_ready: The BackupStorage exists and its phase is Ready.
        sessions: Names of the sessions that write here, sorted.
        template: The maintenance pod template; None with a ``problem``, and where there is nothing
            to do with it.
        problem: What the template lacks.
        run: The recorded attempt's Job.
        snapshots: The Snapshots of this repository, newest first.
        writer: What happened last that shows who the bucket's recorded writer is; None where
            nothing happened that does.
        retention: How the newest finished retention went.
        retention_follows: The session of the newest Snapshot is still to apply its retention.
        claimants: Who keeps an initialisation, a resync or an upkeep from beginning.
        lost_pods: Those that may run on although they and their owners are gone.
        restores: What is to be remembered of restores into the volume.
        claim_uid: Of the claim that is backed up; None where it is gone.
        cluster_uid: None only while the cache of namespaces is empty.
        resync_request: The annotation's value that asks for a resync.
        resync_run: The Job of the page at hand.
        page: What it read; None before that, and where it cannot be read.
        writing: A BackupSession that is not finished, or whose retention is not.
        upkeep: What is known of prunes and checks.
    """

    obj: JsonObject
    repository: Repository
    refusal: Reason | None
    storage_is_ready: bool
    sessions: tuple[str, ...]
    template: JsonObject | None
    problem: Reason | None
    run: JobRun
    snapshots: Sequence[SnapshotRecord]
    writer: RecordedWriter | None
    retention: RetentionPolicyApplyStatus | None
    retention_follows: bool
    claimants: Sequence[Claimant]
    lost_pods: Sequence[LostPod]
    restores: VolumeRestores
    claim_uid: str | None
    cluster_uid: str | None
    resync_request: str | None
    resync_run: JobRun
    page: Page | None
    writing: str | None
    upkeep: ObservedUpkeep

    @property
    def status(self) -> RepositoryStatus:
        """The stored status, or an empty one."""
        return self.repository.status or RepositoryStatus()

    @property
    def wanted_paths(self) -> tuple[str, ...]:
        """Where the sessions need a restic repository."""
        return _paths(self.sessions)

    @property
    def missing_paths(self) -> frozenset[str]:
        """Where there is none yet."""
        return frozenset(self.wanted_paths) - frozenset(self.status.component_paths or ())

    @property
    def upkeep_claim(self) -> Reason | None:
        """The Repository's own upkeep, which its initialisation and its resync wait for."""
        known = self.status.upkeep.executor if self.status.upkeep is not None else None
        if known is None or known.ended:
            return None
        return Reason(Cause.WAITING_FOR_UPKEEP, "the Repository is being pruned or checked")


def observe(reader: Reader, repository: Repository) -> Observed:
    """Collect what ``decide`` needs to know about a repository."""
    namespace, name = repository.metadata.namespace or "", repository.metadata.name
    storage = reader.get(BackupStorage, *repository.storage_key)
    known = repository.status.executor if repository.status else None
    snapshots = sorted(
        reader.values(SNAPSHOTS_BY_REPOSITORY, namespace, name),
        key=lambda item: (item.time, item.name),
        reverse=True,
    )
    target = repository.spec.app_ref
    resync = repository.status.snapshot_resync if repository.status else None
    page_of = resync.executor if resync is not None else None
    resync_run = observe_job(
        reader,
        namespace=namespace,
        name=page_of.job if page_of else "",
        executor=page_of,
        owner=repository.metadata,
        is_settled=resync is None or resync.phase is ResyncPhase.FINISHED,
    )
    sessions = tuple(sorted({use.session.name or "" for use in uses_of(reader, repository)}))
    obj: JsonObject = {}
    template = problem = None
    if not _has_all(repository, sessions) or _may_resync(repository):
        obj = without_status(reader, REPOSITORIES, namespace, name) or {}
    if obj or any(item.is_finished for item in snapshots):
        template, problem = _template(reader, repository, storage)
    return Observed(
        obj=obj,
        repository=repository,
        refusal=refused_repository(reader, repository, storage),
        storage_is_ready=storage is not None
        and storage.status is not None
        and storage.status.phase == "Ready",
        sessions=sessions,
        template=template,
        problem=problem,
        run=observe_job(
            reader,
            namespace=namespace,
            name=known.job if known else "",
            executor=known,
            owner=repository.metadata,
            is_settled=_is_initialized(repository),
        ),
        snapshots=snapshots,
        writer=_writer(reader, repository, snapshots),
        retention=_retention(reader, repository),
        retention_follows=_retention_follows(reader, snapshots),
        claimants=claimants(
            reader,
            namespace,
            (repository_key(namespace, name), volume_key(namespace, target.name if target else "")),
            uid=repository.metadata.uid,
            goes_first=False,
        ),
        lost_pods=lost_pods(reader, repository),
        restores=volume_restores(reader, repository),
        claim_uid=claim_uid(reader, target.namespace or namespace, target.name) if target else None,
        cluster_uid=cluster_uid(reader),
        resync_request=(repository.metadata.annotations or {}).get(RESYNC_ANNOTATION),
        resync_run=resync_run,
        page=_page(reader, namespace, resync_run),
        writing=_writing(reader, repository),
        upkeep=observe_upkeep(reader, repository, snapshots),
    )


def _is_initialized(repository: Repository) -> bool:
    conditions = repository.status.conditions if repository.status is not None else ()
    return is_true(conditions, ConditionType.REPOSITORY_INITIALIZED)


def _page(reader: Reader, namespace: str, run: JobRun) -> Page | None:
    found = run.result.resync if run.result is not None else None
    if found is None:
        return None
    try:
        snapshots = unpack(found.snapshots)
    except ValueError:
        return None
    present = (item.name for item in snapshots if reader.has(SNAPSHOTS, namespace, item.name))
    return Page(
        snapshots=snapshots,
        present=frozenset(present),
        cursor=found.cursor,
        is_last=found.is_last,
        ignored=found.ignored,
        examples=found.examples,
    )


def _writing(reader: Reader, repository: Repository) -> str | None:
    for session in reader.by(UNFINISHED_SESSIONS, repository.key[0]):
        if is_deleting(session):
            continue
        status = session.status
        copies = {item.repository for item in (status.snapshots if status else None) or ()}
        if repository.metadata.name in copies:
            return session.metadata.name
    return None


def _paths(sessions: Sequence[str]) -> tuple[str, ...]:
    return tuple(layout.component_path(session, COMPONENT) for session in sessions)


def _has_all(repository: Repository, sessions: Sequence[str]) -> bool:
    """Whether nothing is left to be initialised: only that needs a pod."""
    made = (repository.status.component_paths if repository.status is not None else None) or ()
    return bool(made) and set(_paths(sessions)) <= set(made)


def _may_resync(repository: Repository) -> bool:
    """Whether Snapshots come back from the bucket, or are asked to."""
    resync = repository.status.snapshot_resync if repository.status is not None else None
    annotations = repository.metadata.annotations or {}
    is_running = resync is not None and resync.phase is ResyncPhase.RUNNING
    return is_running or RESYNC_ANNOTATION in annotations


def _template(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> tuple[JsonObject | None, Reason | None]:
    try:
        return init_template(reader, repository, storage), None
    except UnresolvedError as error:
        return None, error.reason


def _writer(
    reader: Reader, repository: Repository, snapshots: Sequence[SnapshotRecord]
) -> RecordedWriter | None:
    """Whom the bucket records as writer, as far as finished backups and restores show it.

    A restore into the repository's own claim makes us the writer, and a backup reports who it is.
    One of an older version does not: that it was refused shows that it is another, and that it
    went well proves for compiled objects that it is us; with plain manifests it goes on in either
    case. A Snapshot that came back from the bucket proves nothing.
    """
    seen = []
    for snapshot in snapshots:
        if snapshot.last_update_time is None or snapshot.is_recovered:
            continue
        if snapshot.writer is not None:
            seen.append((snapshot.last_update_time, snapshot.writer))
        elif snapshot.is_restore_expected:
            seen.append((snapshot.last_update_time, RecordedWriter(matches=False)))
        elif snapshot.phase is Phase.SUCCEEDED and is_rendered(repository.metadata):
            seen.append((snapshot.last_update_time, RecordedWriter(matches=True)))
    for restore in restores_from(reader, *repository.key, snapshots):
        if restore.status is not None and _is_into_own_claim(restore, repository):
            times = [item.last_transition_time for item in restore.status.conditions]
            seen += [(max(times), RecordedWriter(matches=True))] if times else []
    return max(seen, key=lambda item: item[0])[1] if seen else None


def _is_into_own_claim(restore: RestoreSession, repository: Repository) -> bool:
    target, app = restore.spec_in_effect.target, repository.spec.app_ref
    if restore.phase is not RestorePhase.SUCCEEDED:
        return False
    is_requested = ORDER_ANNOTATION in (restore.metadata.annotations or {})
    if is_requested and restore.status and restore.status.restored_before is not None:
        # It wrote nothing now: the record in the bucket is whose it was.
        return False
    return target is not None and app is not None and target.name == app.name


def _retention(reader: Reader, repository: Repository) -> RetentionPolicyApplyStatus | None:
    """The outcome of the newest session whose retention here is over."""
    found = []
    for session in reader.by(SESSIONS_BY_RETAINED_REPOSITORY, *repository.key):
        created = session.metadata.creation_timestamp
        age = (created.isoformat() if created else "", session.metadata.name)
        found += [
            (age, item)
            for item in (session.status.retention_policy if session.status else None) or ()
            if item.repository == repository.metadata.name and item.is_finished
        ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _retention_follows(reader: Reader, snapshots: Sequence[SnapshotRecord]) -> bool:
    newest = next((item for item in snapshots if item.is_finished), None)
    if newest is None or newest.phase is not Phase.SUCCEEDED:
        return False
    session = reader.get(BackupSession, newest.namespace, newest.backup_session)
    if session is None or session.phase is BackupSessionPhase.FAILED:
        return False
    entries = (session.status.retention_policy if session.status else None) or ()
    mine = next((item for item in entries if item.repository == newest.repository), None)
    return mine is None or (mine.phase is RetentionPhase.PENDING and mine.error is None)
