"""Retention after a session: one Job a copy; what it removed, the records of that go too.

It follows failed backups as well: age and the count of failed ones need no good one, and a storage
that is full would never free itself. The newest good snapshot stays in any case.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.backup_session import (
    BackupSessionStatus,
    RetentionPhase,
    RetentionPolicyApplyStatus,
)
from stashgen.api.base import JsonObject
from stashgen.api.labels import (
    ACCEPT_GAP_ANNOTATION,
    ACCEPT_SMALLER_ANNOTATION,
    REPOSITORY_LABEL,
    SESSION_NAME_LABEL,
)
from stashgen.api.resources import JOBS, SNAPSHOTS
from stashgen.api.shared import Condition, Executor
from stashgen.api.snapshot import Phase
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.executor import ExecutorEnsured
from stashgen_controller.jobs.lifecycle import (
    Absent,
    Failed,
    NeverStarted,
    Succeeded,
    Waiting,
    after_end,
    delete_job,
    next_look,
    stage_of,
)
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.run import SETTLES, RunState
from stashgen_controller.kinds.backup_session.copy import Copy
from stashgen_controller.kinds.backup_session.observe import Observed
from stashgen_controller.listers.claims import look_by, waits_for
from stashgen_controller.listers.pins import Pins
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import REPOSITORY_UNUSABLE, ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import (
    condition,
    look_again,
    waited_since,
    waiting,
    with_condition,
)
from stashgen_controller.runtime.decision import Action, Create, Delete

_ENSURED = ExecutorEnsured(ConditionType.RETENTION_EXECUTOR_ENSURED, "RetentionPolicy")
TIMEOUT = timedelta(hours=2)
_AGAIN = timedelta(minutes=1)
_PINS_UNKNOWN = Reason("", "which Snapshots restores need is not known yet")
_DAMAGED = Reason(
    ErrorClass.REPOSITORY_DAMAGED,
    "the last check found damage: nothing is removed until a check finds none",
)
_NO_CLUSTER = Reason("", "the cluster's UID is not known yet")


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """A session's status with what is known of its retention, and what is to be done.

    ``never_started`` is the first copy whose Job never started, which is a failure now.
    """

    status: BackupSessionStatus
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    never_started: tuple[Copy, NeverStarted] | None = None
    is_claim: bool = False


@dataclass(frozen=True, slots=True)
class _CopyStep:
    """The same for one copy."""

    entry: RetentionPolicyApplyStatus
    actions: tuple[Action, ...] = ()
    conditions: tuple[Condition, ...] = ()
    requeue_after: timedelta | None = None
    never_started: tuple[Copy, NeverStarted] | None = None
    is_claim: bool = False


def advance_retention(seen: Observed, now: datetime, *, is_ending: bool) -> RetentionStep:
    """Start, wait for or take over the retention of a finished session's copies.

    Args:
        seen: The session, whose copies have all ended.
        now: The time.
        is_ending: It ends at this very moment: what is known of a failure now decides, once,
            whether retention follows it.
    """
    known = {item.repository: item for item in seen.status.retention_policy or ()}
    steps: list[_CopyStep] = []
    for copy in seen.copies:
        entry = known.get(copy.name)
        if entry is not None and entry.phase is not RetentionPhase.PENDING:
            left = after_end(copy.retain_run, seen.session.key[0], entry.executor, now)
            steps.append(_CopyStep(entry, left.actions, requeue_after=left.requeue_after))
        elif copy.is_good or entry is not None or (is_ending and _follows_failure(seen, copy)):
            is_busy = any(_is_at_work(step.entry) for step in steps) or any(
                _is_at_work(item) for item in known.values() if item.repository != copy.name
            )
            steps.append(_advance(seen, copy, now, is_busy=is_busy))
    if not steps:
        return RetentionStep(seen.status)
    conditions = seen.status.conditions
    for step in steps:
        for item in step.conditions:
            conditions = with_condition(conditions, item)
    waits = [step.requeue_after for step in steps if step.requeue_after is not None]
    status = seen.status.model_copy(
        update={
            "retention_policy": tuple(step.entry for step in steps),
            "conditions": conditions,
        }
    )
    actions = tuple(action for step in steps for action in step.actions)
    never_started = next((step.never_started for step in steps if step.never_started), None)
    return RetentionStep(
        status,
        actions,
        min(waits, default=None),
        never_started,
        is_claim=any(step.is_claim for step in steps),
    )


def _follows_failure(seen: Observed, copy: Copy) -> bool:
    """Whether retention follows a copy that failed; after a retry, the next session's does."""
    if copy.phase is not Phase.FAILED or copy.collides or seen.status.next_retry is not None:
        return False
    status = copy.repository.status if copy.repository is not None else None
    if status is None or not status.component_paths or copy.is_damaged:
        return False
    return copy.run.error is None or copy.run.error.name not in REPOSITORY_UNUSABLE


def retention_refused(seen: Observed, why: Reason, now: datetime) -> BackupSessionStatus:
    """The status where the Job of a retention could not be made; it is tried again."""
    conditions = with_condition(seen.status.conditions, _ENSURED.not_done(why, now))
    absent = {copy.name for copy in seen.copies if copy.retain_run.state is RunState.ABSENT}
    # Without a Job nobody may have to wait for us.
    released = tuple(
        item.model_copy(update={"executor": None}) if item.repository in absent else item
        for item in seen.status.retention_policy or ()
    )
    update = {"conditions": conditions, "retention_policy": released or None}
    return seen.status.model_copy(update=update)


def _is_at_work(entry: RetentionPolicyApplyStatus) -> bool:
    return entry.phase is RetentionPhase.PENDING and entry.executor is not None


def _advance(seen: Observed, copy: Copy, now: datetime, *, is_busy: bool) -> _CopyStep:
    run = copy.retain_run
    entry = RetentionPolicyApplyStatus(
        ref=copy.retention_ref, repository=copy.name, phase=RetentionPhase.PENDING
    )
    known = next(
        (item for item in seen.status.retention_policy or () if item.repository == copy.name), None
    )
    namespace = seen.session.metadata.namespace or ""
    stage = stage_of(
        run, now, namespace=namespace, job=copy.retain_job, attempt=copy.retain_attempt
    )
    match stage:
        case Absent() if copy.maintenance is None or seen.cluster_uid is None:
            why = copy.retention_problem or _NO_CLUSTER
            waiting = entry.model_copy(update={"error": why.text})
            # Another manifest may mend it, which nothing tells this session.
            word = _ENSURED.not_done(why, now)
            return _CopyStep(waiting, conditions=(word,), requeue_after=_AGAIN)
        case Absent():
            return _begin_in_turn(seen, copy, entry, copy.retain_attempt, now, is_busy=is_busy)
        case Waiting() if copy.pinned_late:
            # The claim ends with the pod, which may have started this moment. One that never does
            # goes without a word of the kubelet's: it is not remembered.
            kept = stage.executor and stage.executor.model_copy(update={"pod": None})
            claimed = entry.model_copy(update={"executor": kept})
            return _give_way(copy, claimed, now, *delete_job(namespace, stage.executor))
        case Failed() if copy.pinned_late:
            return _give_way(copy, entry, now)
        case Waiting(is_new=True):
            ensured = (_ENSURED.done(now),)
            entry = entry.model_copy(update={"executor": known.executor if known else None})
            return _CopyStep(entry, conditions=ensured, requeue_after=SETTLES)
        case Waiting():
            entry = entry.model_copy(update={"executor": stage.executor})
            ensured = (_ENSURED.done(now),)
            return _CopyStep(entry, conditions=ensured, requeue_after=stage.requeue_after)
        case NeverStarted():
            failed = _failed(entry, stage.executor, stage.error)
            return _CopyStep(failed, stage.deletion, never_started=(copy, stage))
        case Succeeded() if copy.leaves_more:
            following = copy.retain_attempt + 1
            step = _begin_in_turn(seen, copy, entry, following, now, is_busy=is_busy)
            return replace(step, actions=(*step.actions, *_deletions(copy)))
        case Succeeded():
            update = {"executor": stage.executor, "phase": RetentionPhase.APPLIED}
            applied = entry.model_copy(update=update)
            return _CopyStep(applied, _deletions(copy), requeue_after=next_look(run))
        case Failed():
            failed = _failed(entry, stage.executor, stage.error)
            conditions = () if run.result is not None else (_incomplete(stage.error, now),)
            return _CopyStep(failed, conditions=conditions, requeue_after=next_look(run))
        case _:
            assert_never(stage)


def _begin_in_turn(
    seen: Observed,
    copy: Copy,
    entry: RetentionPolicyApplyStatus,
    attempt: int,
    now: datetime,
    *,
    is_busy: bool,
) -> _CopyStep:
    held = _held(seen, copy)
    if held is not None:
        # Recorded as its error, so that upkeep does not wait for what waits for it, or for people.
        held_entry = entry.model_copy(update={"error": held.text})
        return _CopyStep(
            held_entry, conditions=(waiting(_ENSURED.type, held, now),), requeue_after=_AGAIN
        )
    turn = waits_for(seen.claimants, now)
    if turn is None and is_busy:
        turn = Reason(Cause.WAITING_FOR_RETENTION, "the retention of another copy is running")
    if turn is not None:
        waits = waiting(_ENSURED.type, turn, now)
        again = look_again(waited_since(seen.status.conditions, waits), now)
        again = look_by(seen.claimants, now, again)
        return _CopyStep(entry, conditions=(waits,), requeue_after=again)
    if copy.maintenance is None or copy.pins is None:
        word = _ENSURED.not_done(copy.retention_problem or _PINS_UNKNOWN, now)
        return _CopyStep(entry, conditions=(word,), requeue_after=_AGAIN)
    return _begin(seen, copy, copy.maintenance, copy.pins, entry, attempt, now)


def _held(seen: Observed, copy: Copy) -> Reason | None:
    """Why nothing may be removed, however long it waits; None where only its turn may be missing.

    What is damaged may hold the last whole copy of a file in any of its Snapshots.
    """
    if seen.partial_restore is not None:
        return seen.partial_restore
    if copy.is_damaged:
        return _DAMAGED
    return copy.pins.unclear if copy.pins is not None else None


def _begin(
    seen: Observed,
    copy: Copy,
    template: JsonObject,
    pins: Pins,
    entry: RetentionPolicyApplyStatus,
    attempt: int,
    now: datetime,
) -> _CopyStep:
    """Record that a retention begins, then make its Job."""
    plan = _plan(seen, copy, pins, attempt, now)
    index = seen.copies.index(copy)
    name = names.retain_job_name(seen.session.metadata.name, index, attempt)
    executor = Executor(job=name, attempt=attempt, plan_digest=plan.digest())
    claimed = entry.model_copy(update={"executor": executor})
    job = _job(seen, copy, template, name, plan, now)
    return _CopyStep(claimed, (Create(JOBS, job),), (_ENSURED.done(now),), is_claim=True)


def _give_way(
    copy: Copy, entry: RetentionPolicyApplyStatus, now: datetime, *actions: Action
) -> _CopyStep:
    """Have a Job deleted that would not spare what a restore needs; another follows the restore."""
    needed = " and ".join(copy.pinned_late)
    why = Reason(Cause.WAITING_FOR_RESTORE, f"a restore needs Snapshot {needed}")
    waits = waiting(_ENSURED.type, why, now)
    return _CopyStep(entry, actions, conditions=(waits,), requeue_after=_AGAIN)


def _failed(
    entry: RetentionPolicyApplyStatus, executor: Executor | None, error: Reason
) -> RetentionPolicyApplyStatus:
    return entry.model_copy(
        update={
            "executor": executor,
            "phase": RetentionPhase.FAILED_TO_APPLY,
            "error": error.text,
        }
    )


def _incomplete(error: Reason, now: datetime) -> Condition:
    return condition(
        ConditionType.SNAPSHOT_CLEANUP_INCOMPLETE,
        status=True,
        reason="SnapshotCleanupTerminatedBeforeCompletion",
        message=error.text,
        now=now,
    )


def _plan(seen: Observed, copy: Copy, pins: Pins, attempt: int, now: datetime) -> RunSpec:
    configuration = seen.configuration
    annotations = (configuration.metadata.annotations if configuration is not None else None) or {}
    return RunSpec(
        verb=Verb.RETAIN,
        attempt=attempt,
        deadline=(now + TIMEOUT).replace(microsecond=0),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        backup_session=seen.session.metadata.name,
        terminated_pods=copy.terminated_pods,
        unrecorded_failures=copy.unrecorded_failures,
        pinned_snapshots=pins.names,
        session=seen.session.spec.session,
        accepted_smaller=annotations.get(ACCEPT_SMALLER_ANNOTATION),
        accepted_gap=annotations.get(ACCEPT_GAP_ANNOTATION),
    )


def _job(
    seen: Observed, copy: Copy, template: JsonObject, name: str, plan: RunSpec, now: datetime
) -> JsonObject:
    return job_manifest(
        name=name,
        owner=owner_of(seen.session),
        template=template,
        plan=plan,
        labels={
            SESSION_NAME_LABEL: seen.session.spec.session or "",
            REPOSITORY_LABEL: copy.name,
        },
        now=now,
    )


def _deletions(copy: Copy) -> tuple[Action, ...]:
    return tuple(
        Delete(
            SNAPSHOTS,
            snapshot.metadata.namespace or "",
            snapshot.metadata.name,
            snapshot.metadata.uid or "",
        )
        for snapshot in copy.removed
    )
