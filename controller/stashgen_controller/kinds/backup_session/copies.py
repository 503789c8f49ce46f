"""The copies of a BackupSession: what is known of each repository, its Jobs and their pods."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import ValidationError

from stashgen.api.backup_configuration import Session
from stashgen.api.backup_session import BackupSession, BackupSessionPhase
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.pod import Pod
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS, SNAPSHOTS
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.jobs.observe import observe_job
from stashgen_controller.jobs.refusals import (
    refused_repository,
    refused_storage,
)
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.jobs.templates import UnresolvedError, backup_template, retain_template
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.invoker import Invoker
from stashgen_controller.listers.indexes.sessions import SNAPSHOTS_BY_REPOSITORY
from stashgen_controller.listers.integrity import known_integrity
from stashgen_controller.listers.objects import (
    without_status,
)
from stashgen_controller.listers.pins import (
    UnfinishedRestores,
    live_unfinished_restores,
    pins_of,
    unfinished_restores,
)
from stashgen_controller.listers.pods import terminated_pods
from stashgen_controller.listers.snapshots import (
    reported_end,
    unrecorded_failures,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.kind import Reader

# One that has ended may be followed by another.
_MAY_RETAIN = frozenset({RunState.ABSENT, RunState.FINISHED})


def is_pushed(session: BackupSession) -> bool:
    """Whether we have had our last word on its backups."""
    return session.status is not None and is_true(
        session.status.conditions, ConditionType.METRICS_PUSHED
    )


def copies_of(reader: Reader, session: BackupSession, invoker: Invoker) -> Sequence[Copy]:
    """A session that was started keeps its copies, whatever the configuration says by now."""
    started = session.status.snapshots if session.status is not None else None
    if started is not None:
        wanted = [(item.repository or "", item.phase) for item in started]
    else:
        wanted = [(name, None) for name in invoker.repositories]
    namespace = session.metadata.namespace or ""
    copies: list[Copy] = []
    for index, (name, recorded) in enumerate(wanted):
        repository = reader.get(Repository, namespace, name)
        if started is None and repository is not None and repository.spec.paused:
            continue
        copies.append(
            _copy(
                reader,
                session,
                invoker,
                repository,
                name=name,
                index=index if started is not None else len(copies),
                recorded=recorded,
            )
        )
    return copies


def with_pins(reader: Reader, namespace: str, copies: Sequence[Copy]) -> Sequence[Copy]:
    """With what restores need as the API server has it, where a retention is the next to begin.

    What it removes is gone for good, and a cache that is behind does not know of the newest one.
    Where the caches know enough to hold it, nobody is asked.
    """
    known = unfinished_restores(reader, namespace)
    now: UnfinishedRestores | None = None
    found: list[Copy] = []
    for copy in copies:
        pins = None
        if copy.may_retain:
            pins = pins_of(reader, namespace, copy.name, known)
        if pins is not None and pins.unclear is None:
            now = now or live_unfinished_restores(reader, namespace)
            pins = pins_of(reader, namespace, copy.name, now)
        found.append(replace(copy, pins=pins))
    return found


def _copy(
    reader: Reader,
    session: BackupSession,
    invoker: Invoker,
    repository: Repository | None,
    *,
    name: str,
    index: int,
    recorded: Phase | None,
) -> Copy:
    namespace = session.metadata.namespace or ""
    storage = _storage(reader, repository)
    snapshot_name = names.snapshot_name(name, session.metadata.name)
    snapshot = reader.get(Snapshot, namespace, snapshot_name)
    if snapshot is None and recorded is Phase.RUNNING:
        recorded = _reported(session) or recorded
    applied = session.status.retention_policy if session.status else None
    entry = next((item for item in applied or () if item.repository == name), None)
    retain = entry.executor if entry is not None else None
    attempt = retain.attempt if retain is not None else 1
    retain_job = names.retain_job_name(session.metadata.name, index, attempt)
    retain_run = observe_job(
        reader,
        namespace=namespace,
        name=retain_job,
        executor=retain,
        owner=session.metadata,
        is_settled=entry is not None and entry.is_finished,
    )
    phases = {recorded, snapshot.phase if snapshot is not None else None}
    # Nothing follows any more from the Job of a good backup whose session has ended.
    is_over = is_pushed(session)
    run = JobRun(RunState.FINISHED)
    if not is_over or Phase.SUCCEEDED not in phases or Phase.FAILED in phases:
        run = observe_job(
            reader,
            namespace=namespace,
            name=snapshot_name,
            executor=snapshot.status.executor if snapshot and snapshot.status else None,
            owner=session.metadata,
            was_started=recorded is Phase.RUNNING,
            # What follows from it is the Snapshot's to conclude; it is no reason to begin again.
            reported=reported_end(snapshot) if snapshot is not None else None,
            is_settled=is_over or (snapshot is not None and snapshot.is_finished),
        )
    # What only a plan needs is not looked for while there is none to be made.
    backs_up = run.state is RunState.ABSENT or session.phase is None
    # A failure is followed by retention, if at all, from the moment the session ends.
    is_followed = Phase.FAILED in phases and (entry is not None or not is_over)
    is_applied = entry is not None and entry.is_finished
    retains = retain_run.state in _MAY_RETAIN and (Phase.SUCCEEDED in phases or is_followed)
    retains &= not is_applied
    may_give_way = entry is not None and not is_applied and _may_give_way(retain_run)
    late = _late(reader, namespace, name, retain_job, retain_run) if may_give_way else ()
    template = maintenance = problem = retention_problem = None
    if repository is None:
        problem = retention_problem = Reason("", f"Repository {name} does not exist")
    else:
        refusal = None
        if backs_up or retains:
            refusal = invoker.refusal or _refused(reader, repository, storage)
        if refusal is not None:
            problem = retention_problem = refusal
        elif backs_up:
            template, problem = _backup(reader, repository, storage, invoker.session)
        if retains and refusal is None:
            maintenance, retention_problem = _attempt(
                lambda: retain_template(reader, repository, storage, session.spec.session or "")
            )
    return Copy(
        name=name,
        session=session.metadata.name,
        snapshot_name=snapshot_name,
        recorded=recorded,
        repository=repository,
        snapshot=snapshot,
        snapshot_object=(
            without_status(reader, SNAPSHOTS, namespace, snapshot_name) if backs_up else None
        ),
        run=run,
        template=template,
        problem=problem,
        maintenance=maintenance,
        retention_problem=retention_problem,
        retain_job=retain_job,
        retain_run=retain_run,
        retain_attempt=attempt,
        removed=_removed(reader, namespace, name, retain_run),
        retention_ref=invoker.retention_of(name),
        terminated_pods=(terminated_pods(reader, namespace, name) if backs_up or retains else ()),
        unrecorded_failures=unrecorded_failures(reader, namespace, name) if retains else (),
        pins=None,
        is_damaged=(backs_up or retains) and _is_damaged(reader, repository),
        pinned_late=late,
    )


def _reported(session: BackupSession) -> Phase | None:
    """How the last copy's Job said that the session ended, before we have recorded it.

    Of a Snapshot and a Job that somebody has deleted since then that is all that is known.
    """
    if session.phase is BackupSessionPhase.SUCCEEDED:
        return Phase.SUCCEEDED
    return Phase.FAILED if session.phase is BackupSessionPhase.FAILED else None


def _is_damaged(reader: Reader, repository: Repository | None) -> bool:
    """By the Snapshots, too: the Repository's own status may not say yet what a backup found."""
    if repository is None or repository.status is None:
        return False
    snapshots = reader.values(SNAPSHOTS_BY_REPOSITORY, *repository.key)
    return known_integrity(repository.status, snapshots) is False


def _may_give_way(run: JobRun) -> bool:
    """Whether a retention has not begun, or its Job was deleted: it then begins anew."""
    is_waiting = run.state is RunState.RUNNING and run.never_ran and not run.is_unaccounted
    return is_waiting or run.state is RunState.LOST


def _late(
    reader: Reader, namespace: str, repository: str, job: str, run: JobRun
) -> tuple[str, ...]:
    """What restores need that a retention Job does not know of; nothing once its pod has started.

    It knows what it was told when it was made. Of the pod the API server is asked: that a cache
    does not show that it runs is no reason to stop it.
    """
    pinned = pins_of(reader, namespace, repository, unfinished_restores(reader, namespace)).names
    if not pinned:
        return ()
    found = reader.stored(JOBS, namespace, job)
    if found is None and run.state is RunState.RUNNING:
        return ()
    try:
        known = plan_of(found).pinned_snapshots if found is not None else ()
    except (KeyError, ValidationError):
        known = ()
    late = tuple(item for item in pinned if item not in known)
    if not late or run.state is RunState.LOST:
        return late
    pods = reader.live_items(Pod, namespace, (JOB_NAME_LABEL, job))
    return late if all(pod.is_pending or pod.has_ended for pod in pods) else ()


def _backup(
    reader: Reader,
    repository: Repository,
    storage: BackupStorage | None,
    session: Session | None,
) -> tuple[JsonObject | None, Reason | None]:
    name = repository.metadata.name
    if repository.spec.paused:
        return None, Reason("", f"Repository {name} is paused")
    if session is None:
        return None, Reason("", "the BackupConfiguration no longer has this session")
    if repository.status is None or repository.status.phase != "Ready":
        initialized = (
            find(repository.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
            if repository.status
            else None
        )
        why = f": {initialized.message}" if initialized is not None and initialized.message else ""
        return None, Reason("", f"Repository {name} is not Ready{why}")
    return _attempt(lambda: backup_template(reader, repository, storage, session))


def _refused(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> Reason | None:
    """Why nothing that writes to the repository may begin."""
    found = refused_repository(reader, repository, storage)
    return found or (refused_storage(storage) if storage is not None else None)


def _attempt(resolve: Callable[[], JsonObject]) -> tuple[JsonObject | None, Reason | None]:
    try:
        return resolve(), None
    except UnresolvedError as error:
        return None, error.reason


def _storage(reader: Reader, repository: Repository | None) -> BackupStorage | None:
    if repository is None:
        return None
    return reader.get(BackupStorage, *repository.storage_key)


def _removed(reader: Reader, namespace: str, repository: str, run: JobRun) -> tuple[Snapshot, ...]:
    """What retention removed: the worker's list is not trusted beyond its own repository."""
    retention = run.result.retention if run.result is not None else None
    names = (*retention.removed, *retention.removed_before) if retention is not None else ()
    found = [reader.get(Snapshot, namespace, name) for name in names]
    return tuple(item for item in found if item is not None and item.spec.repository == repository)
