"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other.

Snapshots and Jobs have names that follow from the session's own, so a restarted controller finds
what it made before. A copy that fails, hangs or cannot even start does not stop the next.
Retention is a Job of its own after the session and does not turn a good backup into a failed one.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from stashgen.api.backup_session import (
    BackupSessionPhase,
    BackupSessionStatus,
    SnapshotSummary,
)
from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS, SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash import phases, quantities
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.sessions import snapshot_manifest
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.executor import (
    ENSURED,
    Step,
    conditioned,
    ensure_job,
    unclaimed,
)
from stashgen_controller.kinds.backup_session.history import expired
from stashgen_controller.kinds.backup_session.observe import Observed
from stashgen_controller.kinds.backup_session.prerequisites import why_skipped
from stashgen_controller.kinds.backup_session.retention import advance_retention, retention_refused
from stashgen_controller.kinds.backup_session.retry import advance_retry, next_retry
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import condition, is_true, metrics_pushed
from stashgen_controller.runtime.decision import Action, Create, Decision, Delete


def decide(seen: Observed, now: datetime) -> Decision:
    """Skip, start, go on with or finish a session; then its retention and its retry."""
    if seen.session.phase is BackupSessionPhase.SKIPPED:
        return Decision()
    if is_true(seen.status.conditions, ConditionType.METRICS_PUSHED):
        return _after(seen, now, is_ending=False)
    why = None if _is_started(seen) else why_skipped(seen)
    if why is not None:
        skipped = conditioned(seen.status, _skipped(why, now))
        return _write(Step(skipped, _deletions(seen, is_skipped=True)), seen, now)
    step = _run(seen, now)
    if not is_true(step.status.conditions, ConditionType.METRICS_PUSHED):
        return _write(step, seen, now)
    # Its retention starts at once: one write then says both.
    ended = _with_status(seen, _with_phase(step.status, seen))
    after = _after(ended, now, is_ending=True)
    return replace(after, actions=(*step.actions, *after.actions))


def _write(step: Step, seen: Observed, now: datetime) -> Decision:
    def refused(why: Reason, _action: Action) -> JsonObject:
        # Without a Job nobody may have to wait for us.
        released = unclaimed(seen.status, seen.copies)
        return _with_phase(conditioned(released, ENSURED.not_done(why, now)), seen).to_wire()

    status = _with_phase(step.status, seen).to_wire() if step.is_written else None
    return Decision(step.actions, status, step.requeue_after, refused, is_claim=step.is_claim)


def _with_phase(status: BackupSessionStatus, seen: Observed) -> BackupSessionStatus:
    phase = phases.backup_session_phase(status)
    # The last copy's Job reports how it ended before we have recorded everything.
    reported = seen.status.phase
    if reported is not None and reported.is_final and not phase.is_final:
        phase = reported
    return status.model_copy(update={"phase": phase})


def _with_status(seen: Observed, status: BackupSessionStatus) -> Observed:
    return replace(seen, session=seen.session.model_copy(update={"status": status}))


def _is_started(seen: Observed) -> bool:
    """Whether we have begun: the Snapshots are made before the first status is written."""
    has_snapshot = any(copy.snapshot is not None and not copy.collides for copy in seen.copies)
    return seen.status.phase is not None or has_snapshot


def _skipped(why: str, now: datetime) -> Condition:
    return condition(
        ConditionType.BACKUP_SKIPPED,
        status=True,
        reason="PreRequisitesNotSatisfied",
        message=why,
        now=now,
    )


def _run(seen: Observed, now: datetime) -> Step:
    """Snapshots first, then the next copy's Job; the end once all copies are finished."""
    status = _started(seen)
    actions: list[Action] = []
    for copy in seen.copies:
        if copy.snapshot is None and copy.repository is not None and not copy.is_finished:
            manifest = snapshot_manifest(seen.session, copy.repository)
            actions.append(Create(SNAPSHOTS, manifest))
    if not any(copy.collides for copy in seen.copies):
        ensured = condition(
            ConditionType.SNAPSHOTS_ENSURED,
            status=True,
            reason="SuccessfullyEnsuredSnapshots",
            message="Snapshots have been ensured successfully.",
            now=now,
        )
        status = conditioned(status, ensured)
    if actions:
        # The Job follows as soon as they are seen: one write then says both.
        return Step(status, tuple(actions), is_written=False)
    active = next((copy for copy in seen.copies if not copy.is_finished), None)
    if active is None:
        return _finish(seen, status, now)
    return ensure_job(seen, status, active, now)


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
    has_job = copy.run.state is not RunState.ABSENT
    is_started = copy.phase is Phase.PENDING and (has_job or copy.is_claimed)
    return SnapshotSummary(
        name=copy.snapshot_name,
        phase=Phase.RUNNING if is_started else copy.phase,
        app_ref=copy.repository.spec.app_ref if copy.repository is not None else None,
        repository=copy.name,
    )


def _finish(seen: Observed, status: BackupSessionStatus, now: datetime) -> Step:
    """The final step: old sessions go, the duration is known, MetricsPushed ends the phase."""
    cleaned = condition(
        ConditionType.SESSION_HISTORY_CLEANED,
        status=True,
        reason="SuccessfullyCleanedSessionHistory",
        now=now,
    )
    created = seen.session.metadata.creation_timestamp or now
    ends = [copy.finished for copy in seen.copies if copy.finished is not None]
    duration = max([*ends, created]) - created if ends else max(now - created, timedelta())
    status = conditioned(conditioned(status, cleaned), metrics_pushed(now)).model_copy(
        update={"duration": quantities.format_duration(duration)}
    )
    status = _with_damage(seen, status, now)
    if any(copy.phase is Phase.FAILED for copy in seen.copies):
        status = status.model_copy(update={"next_retry": next_retry(seen, now)})
    return Step(status, _deletions(seen, is_skipped=False))


def _with_damage(seen: Observed, status: BackupSessionStatus, now: datetime) -> BackupSessionStatus:
    """Say which of the good copies are in a Repository that is known to be damaged."""
    snapshots = {copy.name: copy.snapshot for copy in seen.copies if copy.snapshot is not None}
    names = sorted(
        name
        for name, item in snapshots.items()
        if item.status is not None
        and is_true(item.status.conditions, ConditionType.REPOSITORY_DAMAGED)
    )
    if not names:
        return status
    damaged = condition(
        ConditionType.REPOSITORY_DAMAGED,
        status=True,
        reason="DamageRecorded",
        message=f"Repository {' and '.join(names)} is damaged: what was backed up there meets no "
        "objective until a check finds no damage",
        now=now,
    )
    return conditioned(status, damaged)


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


def _after(seen: Observed, now: datetime, *, is_ending: bool) -> Decision:
    """What follows a finished session: retention, and a retry where a copy failed."""
    retention = advance_retention(seen, now, is_ending=is_ending)
    retry = advance_retry(_with_status(seen, retention.status), now)
    waits = [wait for wait in (retention.requeue_after, retry.requeue_after) if wait is not None]
    phase = retry.status.phase or phases.backup_session_phase(retry.status)

    def refused(why: Reason, _action: Action) -> JsonObject:
        return retention_refused(seen, why, now).to_wire()

    decision = Decision(
        (*retention.actions, *retry.actions),
        retry.status.model_copy(update={"phase": phase}).to_wire(),
        min(waits, default=None),
        refused if retention.actions else None,
        is_claim=retention.is_claim,
    )
    if retention.never_started is None:
        return decision
    copy, stage = retention.never_started

    def again(run: JobRun) -> Decision:
        copies = [replace(item, retain_run=run) if item is copy else item for item in seen.copies]
        return _after(replace(seen, copies=copies), now, is_ending=is_ending)

    return stage.once_confirmed(decision, again)
