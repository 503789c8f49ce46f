"""RestoreSession: find the Snapshot, restore it once by a Job, say how it went."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    ADDONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    JOBS,
    REPOSITORIES,
    RESTORE_SESSIONS,
    SNAPSHOTS,
)
from stashgen.api.restore_session import (
    RestoreComponent,
    RestorePhase,
    RestoreSession,
    RestoreSessionStatus,
)
from stashgen.api.shared import Condition, Dependency
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import phases, quantities
from stashgen.kubestash.supported import unsupported
from stashgen.kubestash.validation import validate_restore_session
from stashgen_controller.conditions import condition, is_true, with_condition
from stashgen_controller.decision import Action, Create, Decision
from stashgen_controller.jobs import Run, RunState, job_manifest, owner_of
from stashgen_controller.observing import (
    claim_uid,
    cluster_uid,
    is_rendered,
    observe_job,
)
from stashgen_controller.pod_templates import COMPONENT, UnresolvedError, restore_template
from stashgen_controller.reconciler import Kind, Reader
from stashgen_controller.session_plan import SessionPlan, Verb

VALIDATION = "ValidationPassed"
TARGET_FOUND = "RestoreTargetFound"
EXECUTOR_ENSURED = "RestoreExecutorEnsured"
METRICS_PUSHED = "MetricsPushed"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one RestoreSession.

    Attributes:
        obj: As stored.
        restore: The same as a model.
        run: The restore Job.
        repository: That the snapshot is of; None where there is none.
        snapshot: The one to restore; None where none matches.
        snapshot_object: The same with its status, for the plan.
        template: The restore pod; None with a ``problem`` while it cannot be resolved.
        backing_up: A BackupSession of the target that is not finished.
    """

    obj: JsonObject
    restore: RestoreSession
    run: Run
    repository: Repository | None
    snapshot: Snapshot | None
    snapshot_object: JsonObject | None
    template: JsonObject | None
    problem: str | None
    addon_found: bool
    backing_up: str | None
    claim_uid: str | None
    cluster_uid: str | None

    @property
    def status(self) -> RestoreSessionStatus:
        """The stored status, or an empty one."""
        return self.restore.status or RestoreSessionStatus()


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a restore."""
    restore = RestoreSession.from_wire(obj)
    namespace = restore.metadata.namespace or ""
    snapshot_object = _find_snapshot(reader, restore)
    snapshot = Snapshot.from_wire(snapshot_object) if snapshot_object is not None else None
    source = restore.spec.data_source
    repository_name = (snapshot.spec.repository if snapshot else None) or (
        source.repository if source else None
    )
    found = reader.get(REPOSITORIES, namespace, repository_name or "")
    repository = Repository.from_wire(found) if found is not None else None
    template, problem = _template(reader, restore, repository)
    target = restore.spec.target
    addon = restore.spec.addon
    return Observed(
        obj=obj,
        restore=restore,
        run=observe_job(
            reader,
            namespace=namespace,
            name=restore.metadata.name,
            executor=restore.status.executor if restore.status else None,
            owner_uid=restore.metadata.uid,
        ),
        repository=repository,
        snapshot=snapshot,
        snapshot_object=snapshot_object,
        template=template,
        problem=problem,
        addon_found=reader.get(ADDONS, None, (addon.name if addon else None) or "") is not None,
        backing_up=_backing_up(reader, namespace, repository),
        claim_uid=claim_uid(reader, namespace, target.name) if target is not None else None,
        cluster_uid=cluster_uid(reader),
    )


def decide(seen: Observed, now: datetime) -> Decision:
    """Validate, find, wait, restore once, finish. A finished restore is never looked at again."""
    status = seen.status
    if seen.restore.is_finished and is_true(status.conditions, METRICS_PUSHED):
        return Decision()
    problems = [
        *validate_restore_session(seen.restore),
        *(f"{item.path}: {item.why}" for item in unsupported(seen.restore)),
    ]
    if problems:
        failed = condition(
            VALIDATION,
            status=False,
            reason="ResourceValidationFailed",
            message="; ".join(problems),
            now=now,
        )
        return _write(_with(status, failed))
    passed = condition(VALIDATION, status=True, reason="ResourceValidationPassed", now=now)
    status = _described(seen, _with(status, passed))
    match seen.run.state:
        case RunState.ABSENT:
            return _begin(seen, status, now)
        case RunState.RUNNING:
            executor = seen.run.executor(seen.restore.metadata.name, 1)
            components = status.components or {
                COMPONENT: RestoreComponent(phase=RestorePhase.RUNNING)
            }
            return _write(
                status.model_copy(update={"executor": executor, "components": components})
            )
        case _:
            return _write(_finished(seen, status, now))


def _described(seen: Observed, status: RestoreSessionStatus) -> RestoreSessionStatus:
    """What can be said of any restore: its deadline, its target, what it depends on."""
    created = seen.restore.metadata.creation_timestamp
    timeout = seen.restore.spec.restore_timeout
    deadline = status.restore_deadline
    if deadline is None and timeout and created is not None:
        deadline = created + quantities.parse_duration(timeout)
    source = seen.restore.spec.data_source
    addon = seen.restore.spec.addon
    name = seen.snapshot.metadata.name if seen.snapshot else (source.snapshot if source else None)
    dependencies = (
        Dependency(
            kind="Snapshot",
            name=name or "",
            namespace=seen.restore.metadata.namespace,
            found=seen.snapshot is not None,
        ),
        Dependency(
            kind="Addon", name=(addon.name if addon else None) or "", found=seen.addon_found
        ),
    )
    return status.model_copy(
        update={
            "restore_deadline": deadline,
            "target_found": seen.claim_uid is not None,
            "total_components": 1,
            "dependencies": status.dependencies if status.executor is not None else dependencies,
        }
    )


def _begin(seen: Observed, status: RestoreSessionStatus, now: datetime) -> Decision:
    if status.restore_deadline is not None and now > status.restore_deadline:
        return _write(_failed(status, "DeadlineExceeded: the restore could not start in time", now))
    if seen.claim_uid is None:
        target = seen.restore.spec.target
        missing = condition(
            TARGET_FOUND,
            status=False,
            reason="UnableToCheckTargetAvailability",
            message=f"PersistentVolumeClaim {target.name if target else ''} does not exist",
            now=now,
        )
        return _write(_with(status, missing), requeue_after=_until(status, now))
    found = condition(TARGET_FOUND, status=True, reason="TargetFound", now=now)
    if is_true(status.conditions, TARGET_FOUND) or any(
        item.type == TARGET_FOUND for item in status.conditions
    ):
        status = _with(status, found)
    if seen.snapshot is None:
        return _write(_failed(status, f"NoSnapshot: {_nothing_matches(seen)}", now))
    if seen.backing_up is not None:
        waiting = condition(
            EXECUTOR_ENSURED,
            status=None,
            reason="WaitingForBackup",
            message=f"BackupSession {seen.backing_up} is reading the target",
            now=now,
        )
        return _write(_with(status, waiting), requeue_after=_until(status, now))
    if seen.template is None:
        if seen.repository is not None and is_rendered(seen.repository.metadata):
            waiting = condition(
                EXECUTOR_ENSURED,
                status=None,
                reason="WaitingForApply",
                message=seen.problem or "",
                now=now,
            )
            return _write(_with(status, waiting), requeue_after=_until(status, now))
        return _write(_failed(status, seen.problem or "", now))
    ensured = condition(
        EXECUTOR_ENSURED,
        status=True,
        reason="SuccessfullyEnsuredRestoreExecutor",
        message="Restore Executor has been ensured successfully.",
        now=now,
    )
    return _write(_with(status, ensured), Create(JOBS, _job(seen, status, now)))


def _job(seen: Observed, status: RestoreSessionStatus, now: datetime) -> JsonObject:
    repository = seen.repository
    app = repository.spec.app_ref if repository is not None else None
    target = seen.restore.spec.target
    plan = SessionPlan(
        verb=Verb.RESTORE,
        deadline=status.restore_deadline,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        snapshot=_for_plan(seen.snapshot_object),
        restore_session=seen.restore.metadata.name,
        adopt=app is not None and target is not None and app.name == target.name,
    )
    return job_manifest(
        name=seen.restore.metadata.name,
        owner=owner_of(seen.obj),
        template=seen.template or {},
        plan=plan,
        labels={},
        now=now,
    )


def _for_plan(snapshot: JsonObject | None) -> JsonObject | None:
    """The Snapshot with its components: the restic ids are what is restored."""
    if snapshot is None:
        return None
    model = Snapshot.from_wire(snapshot)
    components = model.status.components if model.status else None
    return {
        "metadata": {"name": model.metadata.name, "namespace": model.metadata.namespace},
        "spec": model.spec.to_wire(),
        "status": {"components": {key: item.to_wire() for key, item in (components or {}).items()}},
    }


def _finished(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    run = seen.run
    executor = run.executor(seen.restore.metadata.name, 1) or status.executor
    error = run.error.text if run.error is not None else None
    reported = (run.result.components if run.result is not None else {}).get(COMPONENT)
    if reported is not None and reported.phase in {Phase.SUCCEEDED, Phase.FAILED}:
        component = RestoreComponent(
            phase=RestorePhase(reported.phase.value),
            duration=reported.duration,
            error=reported.error,
        )
    else:
        component = RestoreComponent(phase=RestorePhase.FAILED, error=error)
    status = status.model_copy(update={"executor": executor, "components": {COMPONENT: component}})
    if run.result is None:
        incomplete = condition(
            "RestoreIncomplete",
            status=True,
            reason="RestoreExecutorTerminatedBeforeCompletion",
            message=error or "",
            now=now,
        )
        status = _with(status, incomplete)
    return _pushed(seen, status, now)


def _failed(status: RestoreSessionStatus, message: str, now: datetime) -> RestoreSessionStatus:
    failed = condition(
        EXECUTOR_ENSURED,
        status=False,
        reason="FailedToEnsureRestoreExecutor",
        message=message,
        now=now,
    )
    pushed = condition(METRICS_PUSHED, status=True, reason="SuccessfullyPushedMetrics", now=now)
    return _with(_with(status, failed), pushed)


def _pushed(seen: Observed, status: RestoreSessionStatus, now: datetime) -> RestoreSessionStatus:
    pushed = condition(
        METRICS_PUSHED,
        status=True,
        reason="SuccessfullyPushedMetrics",
        message="Metrics have been pushed successfully.",
        now=now,
    )
    created = seen.restore.metadata.creation_timestamp or now
    duration = max((seen.run.finished or now) - created, timedelta())
    return _with(status, pushed).model_copy(
        update={"duration": quantities.format_duration(duration)}
    )


def _write(
    status: RestoreSessionStatus, *actions: Action, requeue_after: timedelta | None = None
) -> Decision:
    status = status.model_copy(update={"phase": phases.restore_session_phase(status)})
    return Decision(actions, status.to_wire(), requeue_after)


def _with(status: RestoreSessionStatus, wanted: Condition) -> RestoreSessionStatus:
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})


def _until(status: RestoreSessionStatus, now: datetime) -> timedelta | None:
    return status.restore_deadline - now if status.restore_deadline is not None else None


def _nothing_matches(seen: Observed) -> str:
    source = seen.restore.spec.data_source
    if source is None:
        return "no snapshot is named"
    if source.snapshot == LATEST:
        return f"Repository {source.repository} has no succeeded Snapshot"
    return f"Snapshot {source.snapshot} does not exist or did not succeed"


def _find_snapshot(reader: Reader, restore: RestoreSession) -> JsonObject | None:
    """The Snapshot that is meant: the newest succeeded one, or a succeeded one by name."""
    source = restore.spec.data_source
    namespace = restore.metadata.namespace or ""
    if source is None or not source.snapshot:
        return None
    if source.snapshot != LATEST:
        found = reader.get(SNAPSHOTS, namespace, source.snapshot)
        if found is None:
            return None
        snapshot = Snapshot.from_wire(found)
        matches = source.repository in {None, "", snapshot.spec.repository}
        return found if matches and snapshot.phase is Phase.SUCCEEDED else None
    good = [
        obj
        for obj in reader.items(SNAPSHOTS, namespace)
        if (snapshot := Snapshot.from_wire(obj)).spec.repository == source.repository
        and snapshot.phase is Phase.SUCCEEDED
    ]
    return max(good, key=lambda obj: Snapshot.from_wire(obj).time, default=None)


def _template(
    reader: Reader, restore: RestoreSession, repository: Repository | None
) -> tuple[JsonObject | None, str | None]:
    if repository is None:
        return None, "the Repository does not exist"
    found = reader.get(BACKUP_STORAGES, *repository.storage_key)
    if found is None:
        return None, "the Repository's BackupStorage does not exist"
    try:
        return restore_template(reader, repository, BackupStorage.from_wire(found), restore), None
    except UnresolvedError as error:
        return None, str(error)


def _backing_up(reader: Reader, namespace: str, repository: Repository | None) -> str | None:
    """A running BackupSession that has a Snapshot of the repository under way."""
    if repository is None:
        return None
    for obj in reader.items(BACKUP_SESSIONS, namespace):
        session = BackupSession.from_wire(obj)
        if session.is_finished or session.status is None:
            continue
        for item in session.status.snapshots or ():
            if item.repository == repository.metadata.name:
                return session.metadata.name
    return None


KIND = Kind(RESTORE_SESSIONS, observe, decide)
