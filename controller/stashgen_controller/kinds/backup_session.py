"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other.

Snapshots and Jobs have names that follow from the session's own, so a controller that starts anew
finds what it made before. A copy that fails, hangs or cannot even start does not stop the next.
Retention is a Job of its own after the session and does not turn a good backup into a failed one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stashgen.api.backup_session import (
    BackupSessionPhase,
    BackupSessionStatus,
    SnapshotSummary,
)
from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS, JOBS, SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash import phases, quantities
from stashgen.kubestash.sessions import snapshot_manifest
from stashgen_controller.conditions import (
    METRICS_PUSHED,
    WAITING_FOR_CLUSTER,
    condition,
    find,
    is_true,
    metrics_pushed,
    not_done,
    with_condition,
)
from stashgen_controller.decision import Action, Create, Decision, Delete
from stashgen_controller.jobs import REPOSITORY_LABEL, SESSION_NAME_LABEL, job_manifest, owner_of
from stashgen_controller.kinds.backup_session_copy import Copy
from stashgen_controller.kinds.backup_session_retention import advance_retention, retention_refused
from stashgen_controller.kinds.backup_session_retry import advance_retry, next_retry
from stashgen_controller.kinds.backup_session_siblings import expired
from stashgen_controller.kinds.backup_session_view import Observed, observe
from stashgen_controller.reconciler import Kind
from stashgen_controller.runs import Run, RunState, asking
from stashgen_controller.session_plan import SessionPlan, Verb

SKIPPED = "BackupSkipped"
SNAPSHOTS_ENSURED = "SnapshotsEnsured"
EXECUTOR_ENSURED = "BackupExecutorEnsured"
HISTORY_CLEANED = "SessionHistoryCleaned"
PENDING_LONG = "PodHasBeenInPendingStateForLongerThanExpected"

# Without a backupTimeout a session that cannot start would hold up all the later ones.
_LONGEST_START = timedelta(hours=1)
_AGAIN = timedelta(minutes=1)
_FINAL = frozenset({BackupSessionPhase.SUCCEEDED, BackupSessionPhase.FAILED})


@dataclass(frozen=True, slots=True)
class _Step:
    """A status on its way, with the actions that go with it; not written where more follows."""

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    is_written: bool = True


def decide(seen: Observed, now: datetime) -> Decision:
    """Skip, start, go on with or finish a session; then its retention and its retry."""
    if seen.session.phase is BackupSessionPhase.SKIPPED:
        return Decision()
    if is_true(seen.status.conditions, METRICS_PUSHED):
        return _after(seen, now)
    why = None if _is_started(seen) else _why_skipped(seen)
    if why is not None:
        skipped = _with(seen.status, _skipped(why, now))
        return _write(_Step(skipped, _deletions(seen, is_skipped=True)), seen, now)
    return _write(_run(seen, now), seen, now)


def _write(step: _Step, seen: Observed, now: datetime) -> Decision:
    def written(status: BackupSessionStatus) -> JsonObject:
        phase = phases.backup_session_phase(status)
        # The last copy's Job says how it ended before we have taken everything over.
        reported = seen.status.phase
        if reported in _FINAL and phase not in _FINAL:
            phase = reported
        return status.model_copy(update={"phase": phase}).to_wire()

    def refused(why: str) -> JsonObject:
        return written(_with(seen.status, _not_ensured(why, now)))

    status = written(step.status) if step.is_written else None
    return Decision(step.actions, status, step.requeue_after, refused)


def _is_started(seen: Observed) -> bool:
    """Whether we have begun: the Snapshots are made before the first status is written."""
    has_snapshot = any(copy.snapshot is not None and not copy.collides for copy in seen.copies)
    return seen.status.phase is not None or has_snapshot


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
        return f"the BackupConfiguration is not Ready{_why_not_ready(seen)}"
    if seen.running is not None:
        return f"BackupSession {seen.running} is still running"
    if seen.restoring is not None:
        return f"RestoreSession {seen.restoring} is restoring into the target"
    if not seen.copies:
        return "every Repository of the session is paused"
    problems = [copy.problem for copy in seen.copies if copy.problem and not _may_wait(copy)]
    return problems[0] if len(problems) == len(seen.copies) else None


def _why_not_ready(seen: Observed) -> str:
    """What a session of it would lack, as far as that is the reason."""
    if seen.claim and seen.claim_uid is None:
        return f": PersistentVolumeClaim {seen.claim} does not exist"
    problem = next((copy.problem for copy in seen.copies if copy.problem), None)
    return f": {problem}" if problem else ""


def _may_wait(copy: Copy) -> bool:
    return copy.is_waiting_for_apply


def _skipped(why: str, now: datetime) -> Condition:
    return condition(SKIPPED, status=True, reason="PreRequisitesNotSatisfied", message=why, now=now)


def _run(seen: Observed, now: datetime) -> _Step:
    """Snapshots first, then the next copy's Job; the end once all copies are finished."""
    status = _started(seen)
    actions: list[Action] = []
    for copy in seen.copies:
        if copy.snapshot is None and copy.repository is not None and not copy.is_finished:
            manifest = snapshot_manifest(seen.session, copy.repository)
            actions.append(Create(SNAPSHOTS, manifest))
    if not any(copy.collides for copy in seen.copies):
        ensured = condition(
            SNAPSHOTS_ENSURED,
            status=True,
            reason="SuccessfullyEnsuredSnapshots",
            message="Snapshots have been ensured successfully.",
            now=now,
        )
        status = _with(status, ensured)
    if actions:
        # The Job follows as soon as they are seen: one write then says both.
        return _Step(status, tuple(actions), is_written=False)
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
    is_started = copy.phase is Phase.PENDING and copy.run.state is not RunState.ABSENT
    return SnapshotSummary(
        name=copy.snapshot_name,
        phase=Phase.RUNNING if is_started else copy.phase,
        app_ref=copy.repository.spec.app_ref if copy.repository is not None else None,
        repository=copy.name,
    )


def _go_on(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> _Step:
    """Start the Job of a copy, or wait for it."""
    if copy.collides:
        text = f"NameCollision: Snapshot {copy.snapshot_name} is of another session or repository"
        failed = condition(
            SNAPSHOTS_ENSURED,
            status=False,
            reason="FailedToEnsureSnapshots",
            message=text,
            now=now,
        )
        return _give_up(seen, _with(status, failed), copy, text, now)
    if copy.run.state is not RunState.ABSENT:
        return _wait(seen, status, copy, now)
    start_by = _start_by(seen, status)
    if start_by is not None and now >= start_by:
        known = find(status.conditions, EXECUTOR_ENSURED)
        why = f": {known.message}" if known is not None and known.message else ""
        text = f"DeadlineExceeded: the backup could not start in time{why}"
        return _give_up(seen, status, copy, text, now)
    if copy.is_waiting_for_apply or seen.cluster_uid is None:
        reason, message = WAITING_FOR_CLUSTER
        if copy.is_waiting_for_apply:
            reason, message = "WaitingForApply", copy.problem or ""
        waiting = condition(EXECUTOR_ENSURED, status=None, reason=reason, message=message, now=now)
        return _Step(_with(status, waiting), requeue_after=_AGAIN)
    if copy.template is None:
        return _give_up(seen, status, copy, copy.problem or "there is no pod to run", now)
    if seen.claim_uid is None:
        text = f"PersistentVolumeClaim {seen.claim} does not exist"
        return _give_up(seen, status, copy, text, now)
    job = job_manifest(
        name=copy.snapshot_name,
        owner=owner_of(seen.obj),
        template=copy.template,
        plan=_plan(seen, status, copy, now),
        labels={
            SESSION_NAME_LABEL: seen.session.spec.session or "",
            REPOSITORY_LABEL: copy.name,
        },
        now=now,
    )
    # With its Job it runs: a look of its own, to say only that, would be a write more.
    status = _with_phase(status, copy, Phase.RUNNING)
    return _Step(_executor_ensured(seen, status, now), (Create(JOBS, job),))


def _wait(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> _Step:
    status = _executor_ensured(seen, status, now)
    if copy.run.is_pending_too_long(now):
        waiting = condition(
            PENDING_LONG,
            status=True,
            reason=PENDING_LONG,
            message=copy.run.pending_reason,
            now=now,
        )
        status = _with(status, waiting)
    return _Step(status, requeue_after=copy.run.next_look(now))


def _give_up(
    seen: Observed, status: BackupSessionStatus, copy: Copy, why: str, now: datetime
) -> _Step:
    """Record that a copy failed without a Job; the next ones go on."""
    known = find(status.conditions, EXECUTOR_ENSURED)
    earlier = any(item.is_given_up for item in seen.copies)
    if earlier and known is not None and known.message:
        why = f"{known.message}; {why}"
    status = _with_phase(status, copy, Phase.FAILED)
    return _Step(_with(status, _not_ensured(why, now)))


def _with_phase(status: BackupSessionStatus, copy: Copy, phase: Phase) -> BackupSessionStatus:
    summaries = tuple(
        item.model_copy(update={"phase": phase}) if item.repository == copy.name else item
        for item in status.snapshots or ()
    )
    return status.model_copy(update={"snapshots": summaries})


def _start_by(seen: Observed, status: BackupSessionStatus) -> datetime | None:
    """Until when a Job that is still to be made makes sense."""
    if status.backup_deadline is not None:
        return status.backup_deadline
    created = seen.session.metadata.creation_timestamp
    ends = [copy.finished for copy in seen.copies if copy.finished is not None]
    if created is None:
        return None
    return max([created, *ends]) + _LONGEST_START


def _plan(seen: Observed, status: BackupSessionStatus, copy: Copy, now: datetime) -> SessionPlan:
    index = seen.copies.index(copy)
    return SessionPlan(
        verb=Verb.BACKUP,
        deadline=_deadline(seen, status, now),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        snapshot=copy.snapshot_object,
        backup_session=seen.session.metadata.name,
        last_copy=index == len(seen.copies) - 1,
        earlier_copy_failed=any(item.phase is Phase.FAILED for item in seen.copies[:index]),
        refuse_other_writer=copy.is_rendered,
        gone_pods=copy.gone_pods,
    )


def _deadline(seen: Observed, status: BackupSessionStatus, now: datetime) -> datetime | None:
    """The copy's share of the time that is left, so that one that hangs leaves some to the next."""
    if status.backup_deadline is None:
        return None
    left = sum(not copy.is_finished for copy in seen.copies)
    return (now + (status.backup_deadline - now) / max(left, 1)).replace(microsecond=0)


def _finish(seen: Observed, status: BackupSessionStatus, now: datetime) -> _Step:
    """The final step: old sessions go, the duration is known, MetricsPushed ends the phase."""
    cleaned = condition(
        HISTORY_CLEANED, status=True, reason="SuccessfullyCleanedSessionHistory", now=now
    )
    created = seen.session.metadata.creation_timestamp or now
    ends = [copy.finished for copy in seen.copies if copy.finished is not None]
    duration = max([*ends, created]) - created if ends else max(now - created, timedelta())
    status = _with(_with(status, cleaned), metrics_pushed(now)).model_copy(
        update={"duration": quantities.format_duration(duration)}
    )
    if any(copy.phase is Phase.FAILED for copy in seen.copies):
        status = status.model_copy(update={"next_retry": next_retry(seen, now)})
    return _Step(status, _deletions(seen, is_skipped=False))


def _deletions(seen: Observed, *, is_skipped: bool) -> tuple[Action, ...]:
    old = expired(seen.session, seen.siblings, seen.config_session, is_skipped=is_skipped)
    return tuple(
        Delete(
            BACKUP_SESSIONS,
            item.metadata.namespace or "",
            item.metadata.name,
            item.metadata.uid or "",
        )
        for item in old
    )


def _after(seen: Observed, now: datetime) -> Decision:
    """What follows a finished session: retention where a copy is good, a retry where it failed."""
    retention = advance_retention(seen, now)
    retried = seen.session.model_copy(update={"status": retention.status})
    retry = advance_retry(replace(seen, session=retried), now)
    waits = [wait for wait in (retention.requeue_after, retry.requeue_after) if wait is not None]
    phase = retry.status.phase or phases.backup_session_phase(retry.status)

    def refused(why: str) -> JsonObject:
        return retention_refused(seen, why, now).to_wire()

    decision = Decision(
        (*retention.actions, *retry.actions),
        retry.status.model_copy(update={"phase": phase}).to_wire(),
        min(waits, default=None),
        refused if retention.actions else None,
    )
    copy = retention.never_started
    if copy is None:
        return decision
    namespace = seen.session.metadata.namespace or ""

    def again(run: Run) -> Decision:
        copies = [replace(item, retain_run=run) if item is copy else item for item in seen.copies]
        return _after(replace(seen, copies=copies), now)

    return asking(decision, copy.retain_run, namespace, now, again)


def _with(status: BackupSessionStatus, wanted: Condition) -> BackupSessionStatus:
    return status.model_copy(update={"conditions": with_condition(status.conditions, wanted)})


def _executor_ensured(
    seen: Observed, status: BackupSessionStatus, now: datetime
) -> BackupSessionStatus:
    """True, unless a copy had to be given up: that stays to be read."""
    if any(copy.is_given_up for copy in seen.copies):
        return status
    ensured = condition(
        EXECUTOR_ENSURED,
        status=True,
        reason="SuccessfullyEnsuredBackupExecutor",
        message="Backup Executor has been ensured successfully.",
        now=now,
    )
    return _with(status, ensured)


def _not_ensured(why: str, now: datetime) -> Condition:
    return not_done(EXECUTOR_ENSURED, "FailedToEnsureBackupExecutor", why, now)


KIND = Kind(BACKUP_SESSIONS, observe, decide)
