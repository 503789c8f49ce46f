"""Repository: have its restic repositories made once, one a session; sum up its Snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import RecentSnapshot, Repository, RepositoryStatus
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    REPOSITORIES,
    SNAPSHOTS,
)
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import layout, names, phases, quantities
from stashgen_controller.attempts import Progress, advance, start
from stashgen_controller.conditions import condition, find, waiting_for_apply, with_condition
from stashgen_controller.decision import Decision
from stashgen_controller.jobs import Run, job_manifest, owner_of
from stashgen_controller.observing import (
    claim_uid,
    cluster_uid,
    observe_job,
    template_name,
    without_status,
)
from stashgen_controller.pod_templates import maintain_template
from stashgen_controller.reconciler import Kind, Reader
from stashgen_controller.session_plan import SessionPlan, Verb
from stashgen_controller.support import with_support

INITIALIZED = "RepositoryInitialized"
COMPONENT = "dump"
_RECENT = 5


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one Repository.

    Attributes:
        obj: As stored.
        repository: The same as a model.
        storage_is_ready: The BackupStorage exists and its phase is Ready.
        sessions: Names of the sessions that write here, sorted.
        template: The maintenance pod template; None while something that it needs is missing.
        run: The recorded attempt's Job.
        snapshots: The Snapshots of this repository, newest first.
        claim_uid: Of the claim that is backed up; None where it is gone.
        cluster_uid: None only while the cache of namespaces is empty.
    """

    obj: JsonObject
    repository: Repository
    storage_is_ready: bool
    sessions: tuple[str, ...]
    template: JsonObject | None
    run: Run
    snapshots: Sequence[Snapshot]
    claim_uid: str | None
    cluster_uid: str | None

    @property
    def status(self) -> RepositoryStatus:
        """The stored status, or an empty one."""
        return self.repository.status or RepositoryStatus()

    @property
    def wanted_paths(self) -> tuple[str, ...]:
        """Where the sessions need a restic repository."""
        return tuple(layout.component_path(session, COMPONENT) for session in self.sessions)


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a repository."""
    repository = Repository.from_wire(obj)
    namespace, name = repository.metadata.namespace or "", repository.metadata.name
    storage = reader.get(BACKUP_STORAGES, *repository.storage_key)
    known = repository.status.executor if repository.status else None
    snapshots = [
        snapshot
        for snapshot in map(Snapshot.from_wire, reader.items(SNAPSHOTS, namespace))
        if snapshot.spec.repository == name
    ]
    target = repository.spec.app_ref
    model = BackupStorage.from_wire(storage) if storage is not None else None
    return Observed(
        obj=obj,
        repository=repository,
        storage_is_ready=model is not None
        and model.status is not None
        and model.status.phase == "Ready",
        sessions=_sessions(reader, namespace, name),
        template=maintain_template(reader, repository, model),
        run=observe_job(
            reader,
            namespace=namespace,
            name=known.job if known else "",
            executor=known,
            owner_uid=repository.metadata.uid,
        ),
        snapshots=sorted(snapshots, key=lambda item: item.time, reverse=True),
        claim_uid=claim_uid(reader, target.namespace or namespace, target.name) if target else None,
        cluster_uid=cluster_uid(reader),
    )


def decide(seen: Observed, now: datetime) -> Decision:
    """Initialise what the sessions need, then keep the summary of the Snapshots up to date."""
    status = seen.status
    missing = set(seen.wanted_paths) - set(status.component_paths or ())
    progress = Progress(status.executor, succeeded=not missing and _is_ready(status))
    can_start = seen.storage_is_ready and seen.template is not None and seen.cluster_uid
    if missing and can_start:
        progress = _initialize(seen, now)
    conditions = with_condition(status.conditions, _initialized(seen, progress, missing, now))
    conditions = with_support(conditions, seen.repository, now)
    found = seen.run.result.repository if progress.succeeded and seen.run.result else None
    if missing and found is not None:
        status = status.model_copy(
            update={
                "component_paths": found.component_paths,
                "snapshot_count": found.snapshot_count,
                "writer_matches": found.writer_matches,
            }
        )
    updated = _summarize(seen, status).model_copy(
        update={"conditions": conditions, "executor": progress.executor}
    )
    updated = updated.model_copy(update={"phase": phases.repository_phase(updated)})
    return Decision(progress.actions, updated.to_wire(), progress.requeue_after)


def _is_ready(status: RepositoryStatus) -> bool:
    initialized = find(status.conditions, INITIALIZED)
    return initialized is not None and initialized.status == "True"


def _initialize(seen: Observed, now: datetime) -> Progress:
    known = seen.status.executor
    job_for = partial(_job, seen, now)
    done = seen.run.result.repository if seen.run.succeeded and seen.run.result else None
    if (
        known is not None
        and done is not None
        and set(seen.wanted_paths) - set(done.component_paths)
    ):
        # The recorded attempt did its work before this session was added.
        return start(job_for(known.attempt + 1), known.attempt + 1)
    return advance(
        executor=known,
        run=seen.run,
        namespace=seen.repository.metadata.namespace or "",
        job_for=job_for,
        now=now,
    )


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    plan = SessionPlan(
        verb=Verb.INIT_REPOSITORY,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        repository=without_status(seen.obj)
        | {"status": {"componentPaths": list(seen.status.component_paths or ())}},
    )
    return job_manifest(
        name=names.init_job_name(seen.repository.metadata.name, attempt),
        owner=owner_of(seen.obj),
        template=seen.template or {},
        plan=plan,
        labels={},
        now=now,
    )


def _initialized(seen: Observed, progress: Progress, missing: set[str], now: datetime) -> Condition:
    known = find(seen.status.conditions, INITIALIZED)
    if not missing and known is not None and known.status == "True":
        return known
    if missing and progress.succeeded:
        return condition(
            INITIALIZED,
            status=True,
            reason="RepositoryInitializationSucceeded",
            message="Successfully initialized repository",
            now=now,
        )
    if progress.error is not None:
        return condition(
            INITIALIZED,
            status=False,
            reason="RepositoryInitializationFailed",
            message=progress.error.text,
            now=now,
        )
    if not seen.sessions:
        what = "No BackupConfiguration has a session that writes here."
        return condition(INITIALIZED, status=None, reason="NoSession", message=what, now=now)
    if not seen.storage_is_ready:
        name = seen.repository.spec.storage_ref.name if seen.repository.spec.storage_ref else ""
        what = f"BackupStorage {name} is not Ready."
        return condition(INITIALIZED, status=None, reason="StorageNotReady", message=what, now=now)
    if seen.template is None:
        template = template_name(seen.repository.metadata, "maintain")
        return waiting_for_apply(INITIALIZED, f"PodTemplate {template}", now)
    what = "The initializer Job is running."
    reason = "RepositoryInitializationStarted"
    return condition(INITIALIZED, status=None, reason=reason, message=what, now=now)


def _summarize(seen: Observed, status: RepositoryStatus) -> RepositoryStatus:
    """The status with what the Snapshot objects say; without any, what the bucket said stays."""
    if not seen.snapshots:
        return status
    succeeded = [item for item in seen.snapshots if item.phase is Phase.SUCCEEDED]
    newest = succeeded[0] if succeeded else None
    finished = [item for item in seen.snapshots if item.is_finished]
    update: dict[str, object] = {
        "snapshot_count": len(seen.snapshots),
        "recent_snapshots": tuple(map(_recent, seen.snapshots[:_RECENT])),
    }
    if newest is not None and newest.status is not None:
        update["last_backup_time"] = newest.status.last_update_time
        update["size"] = _size(succeeded)
    checked = [item.status.integrity for item in finished if item.status is not None]
    if checked and checked[0] is not None:
        update["integrity"] = checked[0]
    return status.model_copy(update=update)


def _recent(snapshot: Snapshot) -> RecentSnapshot:
    return RecentSnapshot(
        name=snapshot.metadata.name,
        phase=snapshot.phase,
        session=snapshot.spec.session,
        size=snapshot.status.size if snapshot.status else None,
        snapshot_time=snapshot.status.snapshot_time if snapshot.status else None,
    )


def _size(succeeded: Sequence[Snapshot]) -> str:
    """The newest size of each session's restic repository, summed up."""
    newest: dict[str, int] = {}
    for snapshot in succeeded:
        if snapshot.status is not None and snapshot.status.size:
            session = snapshot.spec.session or ""
            newest.setdefault(session, quantities.parse_size(snapshot.status.size))
    return quantities.format_size(sum(newest.values()))


def _sessions(reader: Reader, namespace: str, repository: str) -> tuple[str, ...]:
    found = set()
    for obj in reader.items(BACKUP_CONFIGURATIONS, namespace):
        for session in BackupConfiguration.from_wire(obj).spec.sessions:
            if any(item.name == repository for item in session.repositories or ()):
                found.add(session.name or "")
    return tuple(sorted(found))


KIND = Kind(REPOSITORIES, observe, decide)
