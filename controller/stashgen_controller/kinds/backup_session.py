"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other.

Snapshots and Jobs have names that follow from the session's own, so a controller that starts anew
finds what it made before. Retention is a Job of its own after the session and does not turn a
good backup into a failed one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.backup_session import (
    BackupSessionPhase,
    BackupSessionStatus,
    SnapshotSummary,
)
from stashgen.api.resources import BACKUP_SESSIONS, JOBS, SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash import phases, quantities
from stashgen.kubestash.sessions import backup_session_manifest, snapshot_manifest
from stashgen_controller.conditions import condition, is_true, with_condition
from stashgen_controller.decision import Action, Create, Decision, Delete
from stashgen_controller.jobs import RunState, job_manifest, owner_of
from stashgen_controller.kinds.session_view import Copy, Observed, observe
from stashgen_controller.reconciler import Kind
from stashgen_controller.result import TRANSIENT
from stashgen_controller.retention import advance_retention
from stashgen_controller.session_plan import SessionPlan, Verb

SKIPPED = "BackupSkipped"
SNAPSHOTS_ENSURED = "SnapshotsEnsured"
EXECUTOR_ENSURED = "BackupExecutorEnsured"
HISTORY_CLEANED = "SessionHistoryCleaned"
PENDING_LONG = "PodHasBeenInPendingStateForLongerThanExpected"
METRICS_PUSHED = "MetricsPushed"


@dataclass(frozen=True, slots=True)
class _Step:
    """A status on its way, with the actions that go with it."""

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def decide(seen: Observed, now: datetime) -> Decision:
    """Skip, start, go on with or finish a session; then its retention and its retry."""
    status = seen.status
    if seen.session.phase is BackupSessionPhase.SKIPPED:
        return Decision()
    if is_true(status.conditions, METRICS_PUSHED):
        return _after(seen, now)
    why = _why_skipped(seen) if status.phase is None else None
    if why is not None:
        return _write(_Step(_skipped(status, why, now)))
    return _write(_run(seen, now))


def _write(step: _Step) -> Decision:
    phase = phases.backup_session_phase(step.status)
    status = step.status.model_copy(update={"phase": phase})
    return Decision(step.actions, status.to_wire(), step.requeue_after)


def _why_skipped(seen: Observed) -> str | None:
    """Why a session that was just created must not start (KubeStash: PreRequisitesNotSatisfied)."""
    configuration = seen.configuration
    invoker = seen.session.spec.invoker
    if invoker is None or invoker.kind != "BackupConfiguration":
        return "only a BackupConfiguration can be the invoker"
    if configuration is None:
        return f"BackupConfiguration {invoker.name} does not exist"
    if seen.config_session is None:
        return f"BackupConfiguration {invoker.name} has no session {seen.session.spec.session!r}"
    if configuration.spec.paused:
        return "the BackupConfiguration is paused"
    if configuration.status is None or configuration.status.phase != "Ready":
        return "the BackupConfiguration is not Ready"
    if seen.running is not None:
        return f"BackupSession {seen.running} is still running"
    if seen.restoring is not None:
        return f"RestoreSession {seen.restoring} is restoring into the target"
    for copy in seen.copies:
        if not copy.is_ready:
            return f"Repository {copy.name} is not Ready"
        if copy.repository is not None and copy.repository.spec.paused:
            return f"Repository {copy.name} is paused"
    return None


def _skipped(status: BackupSessionStatus, why: str, now: datetime) -> BackupSessionStatus:
    skipped = condition(
        SKIPPED, status=True, reason="PreRequisitesNotSatisfied", message=why, now=now
    )
    return status.model_copy(update={"conditions": with_condition(status.conditions, skipped)})


def _run(seen: Observed, now: datetime) -> _Step:
    """Snapshots first, then the next copy's Job; the end once all copies are finished."""
    status = _started(seen)
    actions: list[Action] = []
    for copy in seen.copies:
        if copy.collides:
            text = f"NameCollision: Snapshot {copy.snapshot_name} is of another session"
            failed = _condition(SNAPSHOTS_ENSURED, "Snapshots", text, now)
            return _finish(seen, _with(status, failed), now)
        if copy.snapshot is None and copy.repository is not None:
            manifest = snapshot_manifest(seen.session, copy.repository)
            actions.append(Create(SNAPSHOTS, manifest))
    ensured = condition(
        SNAPSHOTS_ENSURED,
        status=True,
        reason="SuccessfullyEnsuredSnapshots",
        message="Snapshots have been ensured successfully.",
        now=now,
    )
    status = _with(status, ensured)
    if actions:
        return _Step(status, tuple(actions))
    active = next((copy for copy in seen.copies if not copy.is_finished), None)
    if active is None:
        return _finish(seen, status, now)
    return _go_on(seen, status, active, now)


def _started(seen: Observed) -> BackupSessionStatus:
    created = seen.session.metadata.creation_timestamp
    timeout = seen.session.spec.backup_timeout
    deadline = seen.status.backup_deadline
    if deadline is None and timeout and created is not None:
        deadline = created + quantities.parse_duration(timeout)
    return seen.status.model_copy(
        update={
            "backup_deadline": deadline,
            "total_snapshots": len(seen.copies),
            "snapshots": tuple(map(_summary, seen.copies)),
        }
    )


def _summary(copy: Copy) -> SnapshotSummary:
    return SnapshotSummary(
        name=copy.snapshot_name,
        phase=copy.snapshot.phase if copy.snapshot is not None else Phase.PENDING,
        app_ref=copy.repository.spec.app_ref if copy.repository is not None else None,
        repository=copy.name,
    )


def _go_on(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> _Step:
    """Start the Job of a copy, or wait for it."""
    if copy.run.state is not RunState.ABSENT:
        status = _with(status, _executor_ensured(now))
        if copy.run.is_pending_too_long(now):
            waiting = condition(
                PENDING_LONG,
                status=True,
                reason=PENDING_LONG,
                message=copy.run.pending_reason,
                now=now,
            )
            status = _with(status, waiting)
        return _Step(status, requeue_after=timedelta(minutes=5))
    if copy.template is None:
        failed = _condition(EXECUTOR_ENSURED, "BackupExecutor", copy.problem or "", now)
        if copy.is_waiting_for_apply:
            return _Step(_with(status, failed), requeue_after=timedelta(minutes=1))
        return _finish(seen, _with(status, failed), now)
    job = job_manifest(
        name=copy.snapshot_name,
        owner=owner_of(seen.obj),
        template=copy.template,
        plan=_plan(seen, status, copy),
        labels={"kubestash.com/session-name": (seen.session.spec.session or "")[:63]},
        now=now,
    )
    return _Step(_with(status, _executor_ensured(now)), (Create(JOBS, job),))


def _plan(seen: Observed, status: BackupSessionStatus, copy: Copy) -> SessionPlan:
    index = seen.copies.index(copy)
    return SessionPlan(
        verb=Verb.BACKUP,
        deadline=status.backup_deadline,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        snapshot=copy.snapshot_object,
        backup_session=seen.session.metadata.name,
        last_copy=index == len(seen.copies) - 1,
        earlier_copy_failed=any(item.is_failed for item in seen.copies[:index]),
        refuse_other_writer=copy.is_rendered,
    )


def _finish(seen: Observed, status: BackupSessionStatus, now: datetime) -> _Step:
    """The final step: old sessions go, the duration is known, MetricsPushed ends the phase."""
    cleaned = condition(
        HISTORY_CLEANED, status=True, reason="SuccessfullyCleanedSessionHistory", now=now
    )
    pushed = condition(
        METRICS_PUSHED,
        status=True,
        reason="SuccessfullyPushedMetrics",
        message="Metrics have been pushed successfully.",
        now=now,
    )
    created = seen.session.metadata.creation_timestamp or now
    ends = [copy.finished for copy in seen.copies if copy.finished is not None]
    duration = max([*ends, created]) - created if ends else now - created
    status = _with(_with(status, cleaned), pushed).model_copy(
        update={"duration": quantities.format_duration(duration)}
    )
    actions = tuple(
        Delete(
            BACKUP_SESSIONS,
            old.metadata.namespace or "",
            old.metadata.name,
            old.metadata.uid or "",
        )
        for old in seen.expired
    )
    return _Step(status, actions)


def _after(seen: Observed, now: datetime) -> Decision:
    """What follows a finished session: retention where a copy is good, a retry where it failed."""
    step = advance_retention(seen, now)
    status, actions = step.status, list(step.actions)
    requeue_after = step.requeue_after
    if seen.session.phase is BackupSessionPhase.FAILED and _may_retry(seen):
        status, retry, wait = _retry(seen, status, now)
        actions += retry
        requeue_after = wait or requeue_after
    return Decision(tuple(actions), status.to_wire(), requeue_after)


def _may_retry(seen: Observed) -> bool:
    """Whether tries are left and another one can help: a permanent failure is not tried again."""
    if not seen.session.spec.retry_left or seen.status.retried or seen.config_session is None:
        return False
    errors = [copy.run.error for copy in seen.copies if copy.run.error is not None]
    return any(error.reason in TRANSIENT for error in errors) or not errors


def _retry(
    seen: Observed, status: BackupSessionStatus, now: datetime
) -> tuple[BackupSessionStatus, list[Action], timedelta | None]:
    session = seen.config_session
    configuration = seen.configuration
    if session is None or configuration is None:
        return status, [], None
    if status.next_retry is None:
        config = session.retry_config
        delay = quantities.parse_duration(config.delay) if config and config.delay else timedelta()
        # Whole seconds: that is what the status keeps and the next session's name is made of.
        due = (now + delay + timedelta(seconds=1)).replace(microsecond=0)
        return status.model_copy(update={"next_retry": due}), [], due - now
    if now < status.next_retry:
        return status, [], status.next_retry - now
    manifest = backup_session_manifest(
        configuration,
        session,
        int(status.next_retry.timestamp()),
        retry_left=(seen.session.spec.retry_left or 1) - 1,
    )
    return status.model_copy(update={"retried": True}), [Create(BACKUP_SESSIONS, manifest)], None


def _with(status: BackupSessionStatus, wanted: Condition) -> BackupSessionStatus:
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})


def _executor_ensured(now: datetime) -> Condition:
    return condition(
        EXECUTOR_ENSURED,
        status=True,
        reason="SuccessfullyEnsuredBackupExecutor",
        message="Backup Executor has been ensured successfully.",
        now=now,
    )


def _condition(type_: str, what: str, message: str, now: datetime) -> Condition:
    return condition(type_, status=False, reason=f"FailedToEnsure{what}", message=message, now=now)


KIND = Kind(BACKUP_SESSIONS, observe, decide)
