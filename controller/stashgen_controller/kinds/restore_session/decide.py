"""RestoreSession: find the Snapshot, restore it once by a Job, say how it went."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import JOBS
from stashgen.api.restore_request import LATEST
from stashgen.api.restore_session import (
    RestoreComponent,
    RestorePhase,
    RestoreSessionStatus,
)
from stashgen.api.shared import Condition, Dependency, Executor, TypedObjectReference
from stashgen.kubestash import phases, quantities
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen.kubestash.validation.backup_configuration import validate_restore_session
from stashgen.kubestash.validation.supported import unsupported_messages
from stashgen_controller.jobs.lifecycle import (
    Absent,
    Failed,
    NeverStarted,
    Succeeded,
    Waiting,
    after_end,
    next_look,
    stage_of,
)
from stashgen_controller.jobs.run import RunState
from stashgen_controller.kinds.restore_session.observe import Observed, is_pushed
from stashgen_controller.kinds.restore_session.outcome import (
    ENSURED,
    incomplete,
    job_failed,
    not_started,
    released,
    set_condition,
    succeeded,
    with_word_of_change,
)
from stashgen_controller.kinds.restore_session.plan import (
    in_effect,
    in_effect_since_before,
    restore_job,
    restore_plan,
)
from stashgen_controller.listers.claims import look_by, waits_for
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.runtime.causes import TURNS, Cause, why_waiting
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    is_true,
    look_again,
    waited_since,
    waiting,
)
from stashgen_controller.runtime.decision import Action, Create, Decision

_MAX_JOB_NAME = 63


def decide(seen: Observed, now: datetime) -> Decision:
    """Validate, find, wait, restore once, finish. A finished restore is never looked at again."""
    namespace, name = seen.restore.key
    if seen.restore.is_finished and is_pushed(seen.restore):
        left = after_end(seen.run, namespace, seen.status.executor, now)
        status = with_word_of_change(seen, seen.status, now)
        return left if status == seen.status else replace(left, status=status.to_wire())
    problems = [
        *validate_restore_session(seen.restore),
        *unsupported_messages(seen.restore),
        *_name_problems(seen),
        *([seen.order_problem] if seen.order_problem else []),
    ]
    # A spec that is changed after the start has no effect: the Job is what it is.
    if problems and seen.run.state is RunState.ABSENT and seen.status.in_effect is None:
        invalid = condition(
            ConditionType.VALIDATION_PASSED,
            status=False,
            reason="ResourceValidationFailed",
            message="; ".join(problems),
            now=now,
        )
        return _write(seen, set_condition(seen.status, invalid), now)
    passed = condition(
        ConditionType.VALIDATION_PASSED, status=True, reason="ResourceValidationPassed", now=now
    )
    status = with_word_of_change(seen, seen.status, now)
    status = _described(seen, set_condition(status, passed))
    stage = stage_of(seen.run, now, namespace=namespace, job=name)
    match stage:
        case Absent():
            return _begin(seen, status, now)
        case Waiting():
            status = _running(seen, status, stage.executor, now)
            return _write(seen, status, now, requeue_after=stage.requeue_after)
        case NeverStarted():
            ended = incomplete(seen, status, stage.executor, stage.error, now)
            return stage.once_confirmed(
                _write(seen, ended, now), lambda run: decide(replace(seen, run=run), now)
            )
        case Succeeded():
            ended = succeeded(seen, status, stage.executor, now)
            return _write(seen, ended, now, requeue_after=next_look(seen.run))
        case Failed():
            ended = job_failed(seen, status, stage.executor, stage.error, now)
            return _write(seen, ended, now, requeue_after=next_look(seen.run))
        case _:
            assert_never(stage)


def _name_problems(seen: Observed) -> list[str]:
    if len(seen.restore.metadata.name) <= _MAX_JOB_NAME:
        return []
    return [
        f"metadata.name: longer than {_MAX_JOB_NAME} characters, the limit for the name of a Job"
    ]


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
    is_started = is_true(status.conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    return status.model_copy(
        update={
            "restore_deadline": deadline,
            "target_found": seen.claim_uid is not None,
            "total_components": 1,
            "dependencies": status.dependencies if is_started else dependencies,
        }
    )


def _begin(seen: Observed, status: RestoreSessionStatus, now: datetime) -> Decision:
    too_late = _too_late(seen, status, now)
    if too_late is not None:
        return _write(seen, not_started(seen, status, too_late, now), now)
    not_there = _why_not_there(seen)
    if not_there is not None:
        missing = condition(
            ConditionType.RESTORE_TARGET_FOUND,
            status=False,
            reason="UnableToCheckTargetAvailability",
            message=not_there,
            now=now,
        )
        return _write(
            seen, set_condition(status, missing), now, requeue_after=_until(seen, status, now)
        )
    if find(status.conditions, ConditionType.RESTORE_TARGET_FOUND) is not None:
        found = condition(
            ConditionType.RESTORE_TARGET_FOUND, status=True, reason="TargetFound", now=now
        )
        status = set_condition(status, found)
    if seen.incomplete is not None:
        waits = waiting(ConditionType.RESTORE_EXECUTOR_ENSURED, seen.incomplete, now)
        return _wait_for_turn(seen, status, waits, now)
    if seen.snapshot is None:
        why = Reason(ErrorClass.NO_SNAPSHOT, _nothing_matches(seen))
        return _write(seen, not_started(seen, status, why, now), now)
    # Even if it was recorded that it begins: whoever did not hear of that may have begun, too.
    waiting_for = _why_waiting(seen, now)
    if waiting_for is not None:
        status = released(seen, status, now)
        waits = waiting(ConditionType.RESTORE_EXECUTOR_ENSURED, waiting_for, now)
        return _wait_for_turn(seen, status, waits, now)
    if seen.template is None:
        why = seen.problem or Reason("", "there is no pod template")
        return _write(seen, not_started(seen, status, why, now), now)
    plan = restore_plan(seen, status)
    executor = Executor(job=seen.restore.metadata.name, attempt=1, plan_digest=plan.digest())
    # From here on volume and repository are ours.
    status = _with_pause(seen, status)
    known = find(status.conditions, ConditionType.RESTORE_EXECUTOR_ENSURED)
    if known is None or known.reason in TURNS:
        # That it was refused before stays to be read until it is made.
        status = set_condition(status, ENSURED.done(now))
    # What a worker reported before belongs to a RestoreSession of this name that was deleted.
    claimed = status.model_copy(
        update={"executor": executor, "in_effect": in_effect(seen), "components": None}
    )
    job = restore_job(seen, seen.template, plan, now)
    return replace(_write(seen, claimed, now, Create(JOBS, job)), is_claim=True)


def _wait_for_turn(
    seen: Observed, status: RestoreSessionStatus, waits: Condition, now: datetime
) -> Decision:
    again = look_again(waited_since(seen.status.conditions, waits), now)
    again = look_by(seen.claimants, now, again)
    again = min(again, _until(seen, status, now) or again)
    return _write(seen, set_condition(status, waits), now, requeue_after=again)


def _why_not_there(seen: Observed) -> str | None:
    """Why the target cannot be restored into now.

    A claim that waits for its first consumer can: after a disaster the restore is the first one,
    and its workload may wait for it.
    """
    if seen.claim_uid is None:
        return f"PersistentVolumeClaim {seen.claim} does not exist"
    if seen.not_bound is None or seen.not_bound.name == Cause.CLAIM_PENDING:
        return None
    return seen.not_bound.message


def _too_late(seen: Observed, status: RestoreSessionStatus, now: datetime) -> Reason | None:
    """Why it is too late for a restore to start."""
    waited_for = [
        find(status.conditions, type_)
        for type_ in (ConditionType.RESTORE_TARGET_FOUND, ConditionType.RESTORE_EXECUTOR_ENSURED)
    ]
    words = [item.message for item in waited_for if item is not None and item.message]
    why = f": {words[0]}" if words else ""
    if seen.order is not None and now >= seen.order.not_after:
        until = format_time(seen.order.not_after)
        text = f"the restore could not start before notAfter {until}{why}"
        return Reason(ErrorClass.EXPIRED, text)
    if status.restore_deadline is not None and now >= status.restore_deadline:
        text = f"the restore could not start in time{why}"
        return Reason(ErrorClass.DEADLINE_EXCEEDED, text)
    return None


def _why_waiting(seen: Observed, now: datetime) -> Reason | None:
    if seen.order is not None and seen.request_is_gone:
        return Reason("WaitingForRequest", f"RestoreRequest {seen.order.request} was deleted")
    # Others wait for a restore that waits for them only: whatever else it lacks comes first.
    return why_waiting(seen.problem, seen.cluster_uid) or waits_for(seen.claimants, now)


def _with_pause(seen: Observed, status: RestoreSessionStatus) -> RestoreSessionStatus:
    """The backups that are skipped while the restore runs; no spec is written for that."""
    paused = tuple(
        TypedObjectReference(
            api_group="core.kubestash.com",
            kind="BackupConfiguration",
            name=name,
            namespace=seen.restore.metadata.namespace,
        )
        for name in seen.configurations
    )
    return status.model_copy(update={"paused_backups": paused or None})


def _running(
    seen: Observed, status: RestoreSessionStatus, executor: Executor | None, now: datetime
) -> RestoreSessionStatus:
    status = set_condition(status, ENSURED.done(now))
    components = status.components or {COMPONENT: RestoreComponent(phase=RestorePhase.RUNNING)}
    return _with_pause(seen, status).model_copy(
        update={
            "executor": executor,
            "in_effect": in_effect_since_before(seen, status),
            "components": components,
        }
    )


def _write(
    seen: Observed,
    status: RestoreSessionStatus,
    now: datetime,
    *actions: Action,
    requeue_after: timedelta | None = None,
) -> Decision:
    def written(status: RestoreSessionStatus) -> JsonObject:
        phase = phases.restore_session_phase(status)
        # The Job reports how it ended before we have recorded everything. Before there is a claim
        # only the Job of a deleted RestoreSession of this name can have reported.
        reported = seen.status.phase if seen.status.executor is not None else None
        if reported in {RestorePhase.SUCCEEDED, RestorePhase.FAILED} and phase in {
            RestorePhase.RUNNING,
            RestorePhase.PENDING,
        }:
            phase = reported or phase
        return status.model_copy(update={"phase": phase}).to_wire()

    def refused(why: Reason, _action: Action) -> JsonObject:
        # Without a Job nobody may have to wait for us.
        free = released(seen, seen.status, now)
        return written(set_condition(free, ENSURED.not_done(why, now)))

    return Decision(actions, written(status), requeue_after, refused)


def _until(seen: Observed, status: RestoreSessionStatus, now: datetime) -> timedelta | None:
    """How long the restore may still wait for its start; None where nothing ends that."""
    ends = [status.restore_deadline, seen.order.not_after if seen.order is not None else None]
    return min((end - now for end in ends if end is not None), default=None)


def _nothing_matches(seen: Observed) -> str:
    source = seen.restore.spec.data_source
    if source is None:
        return "no Snapshot is specified"
    if source.snapshot == LATEST:
        return f"Repository {source.repository} has no succeeded Snapshot"
    return f"Snapshot {source.snapshot} does not exist or did not succeed"
