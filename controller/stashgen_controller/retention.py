"""Retention after a session: one Job a good copy; what it removed, the records of that go too."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.backup_session import (
    BackupSessionStatus,
    RetentionPhase,
    RetentionPolicyApplyStatus,
)
from stashgen.api.base import JsonObject
from stashgen.api.resources import JOBS, SNAPSHOTS
from stashgen_controller.conditions import condition, with_condition
from stashgen_controller.decision import Action, Create, Delete
from stashgen_controller.jobs import RunState, job_manifest, owner_of
from stashgen_controller.kinds.session_view import Copy, Observed
from stashgen_controller.session_plan import SessionPlan, Verb

ENSURED = "RetentionPolicyExecutorEnsured"
_TIMEOUT = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """A session's status with what is known of its retention, and what is to be done."""

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None


def advance_retention(seen: Observed, now: datetime) -> RetentionStep:
    """Start, wait for or take over the retention of a finished session's good copies."""
    actions: list[Action] = []
    applied = []
    for copy in seen.copies:
        if not copy.is_good:
            continue
        known = _known(seen.status, copy)
        if known is not None and known.phase is not RetentionPhase.PENDING:
            applied.append(known)
            continue
        entry, more = _advance(seen, copy, now)
        applied.append(entry)
        actions += more
    if not applied:
        return RetentionStep(seen.status)
    ensured = condition(
        ENSURED,
        status=True,
        reason="SuccessfullyEnsuredRetentionPolicyExecutor",
        message="RetentionPolicy Executor has been ensured successfully.",
        now=now,
    )
    conditions = with_condition(seen.status.conditions, ensured)
    status = seen.status.model_copy(
        update={"retention_policy": tuple(applied), "conditions": conditions}
    )
    return RetentionStep(status, tuple(actions))


def _known(status: BackupSessionStatus, copy: Copy) -> RetentionPolicyApplyStatus | None:
    return next(
        (item for item in status.retention_policy or () if item.repository == copy.name), None
    )


def _advance(
    seen: Observed, copy: Copy, now: datetime
) -> tuple[RetentionPolicyApplyStatus, list[Action]]:
    entry = RetentionPolicyApplyStatus(
        ref=copy.retention_ref, repository=copy.name, phase=RetentionPhase.PENDING
    )
    run = copy.retain_run
    executor = run.executor(copy.retain_job, 1)
    match run.state:
        case RunState.ABSENT if copy.maintenance is None:
            return entry.model_copy(update={"error": "the maintenance pod is not known yet"}), []
        case RunState.ABSENT:
            return entry, [Create(JOBS, _job(seen, copy, now))]
        case RunState.RUNNING:
            return entry.model_copy(update={"executor": executor}), []
        case RunState.FINISHED if run.succeeded:
            removed = run.result.retention.removed if run.result and run.result.retention else ()
            done = entry.model_copy(update={"phase": RetentionPhase.APPLIED, "executor": executor})
            return done, _deletions(seen, copy, removed)
        case _:
            error = run.error.text if run.error is not None else "the Job failed"
            failed = {
                "phase": RetentionPhase.FAILED_TO_APPLY,
                "error": error,
                "executor": executor,
            }
            return entry.model_copy(update=failed), []


def _job(seen: Observed, copy: Copy, now: datetime) -> JsonObject:
    plan = SessionPlan(
        verb=Verb.RETAIN,
        deadline=(now + _TIMEOUT).replace(microsecond=0),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        backup_session=seen.session.metadata.name,
    )
    return job_manifest(
        name=copy.retain_job,
        owner=owner_of(seen.obj),
        template=copy.maintenance or {},
        plan=plan,
        labels={"kubestash.com/session-name": (seen.session.spec.session or "")[:63]},
        now=now,
    )


def _deletions(seen: Observed, copy: Copy, removed: tuple[str, ...]) -> list[Action]:
    """Only Snapshots of the repository itself: the worker's list is not trusted beyond that."""
    actions: list[Action] = []
    for name in removed:
        snapshot = seen.snapshots.get(name)
        if snapshot is not None and snapshot.spec.repository == copy.name:
            namespace, uid = snapshot.metadata.namespace or "", snapshot.metadata.uid or ""
            actions.append(Delete(SNAPSHOTS, namespace, name, uid))
    return actions
