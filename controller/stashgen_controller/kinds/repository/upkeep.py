"""A Repository's upkeep: prune, check and measure it in a rhythm of its own, apart from backups.

One Job at a time, which claims Repository and volume as every run does. The times of the last ones
are in the status; where that is lost, all is due: what a check finds in the bucket is better than
what a file there says of an earlier one. It gives way to restores even while it runs: a check that
is stopped has changed nothing, and a prune leaves the repository whole at every moment.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.base import JsonObject
from stashgen.api.labels import REPOSITORY_LABEL
from stashgen.api.repository import UpkeepStatus
from stashgen.api.resources import JOBS
from stashgen.api.shared import Condition, Executor
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.attempts import released
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
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.listers.claims import waits_for
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import TRANSIENT, ErrorClass, Upkeep
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import TURNS, WAITING_FOR_CLUSTER, Cause
from stashgen_controller.runtime.conditions import condition, not_done, waiting
from stashgen_controller.runtime.decision import Action, Create

# Of all work on one Repository. No backup of the volume starts meanwhile.
TIMEOUT = timedelta(hours=6)
# After an upgrade, or a day without a controller, every Repository is due at once.
MOST_AT_ONCE = 20
_AGAIN = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(days=1)
_FIRST_DELAY = timedelta(minutes=10)
# What failed so often in a row is not mended by yet another try.
_TRIES = 3
_LONGEST_RETRY = _FIRST_DELAY * (1 << (_TRIES - 1))
_FAILED = "UpkeepFailed"
_SAID_ELSEWHERE = frozenset({Cause.RESTORED_IN_PART, ErrorClass.RESTORE_EXPECTED})


@dataclass(frozen=True, slots=True)
class UpkeepStep:
    """How the upkeep goes on.

    Attributes:
        status: What is to be recorded; None where there never was any.
        done: What a run that has just ended did.
        condition: Of the Repository; None where the one that is there stays.
        actions: Jobs to create and delete.
        requeue_after: When to look again.
        never_started: The Job never started.
        is_claim: The status is to be written before the actions.
    """

    status: UpkeepStatus | None
    done: Upkeep | None = None
    condition: Condition | None = None
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    never_started: NeverStarted | None = None
    is_claim: bool = False


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be done now, and when the next of it is due otherwise."""

    check: bool
    prune: bool
    is_full: bool
    next_time: datetime


def advance_upkeep(seen: Observed, now: datetime, *, is_busy: bool) -> UpkeepStep:
    """Begin what is due, wait for it, take over what it did.

    Args:
        seen: The Repository.
        now: The time.
        is_busy: It is being initialised or resynced.
    """
    known = seen.status.upkeep or UpkeepStatus()
    if known.executor is not None and not known.executor.ended:
        return _follow(seen, known, known.executor, now, is_busy=is_busy)
    left = after_end(seen.upkeep.run, seen.repository.key[0], known.executor, now)
    step = _begin_if_due(seen, known, now, is_busy=is_busy)
    waits = [wait for wait in (left.requeue_after, step.requeue_after) if wait is not None]
    actions = (*left.actions, *step.actions)
    return replace(step, actions=actions, requeue_after=min(waits, default=None))


def upkeep_refused(why: Reason, now: datetime) -> Condition:
    """A run failed, or the API server refused its Job."""
    return not_done(ConditionType.UPKEEP_SUCCEEDED, _FAILED, why, now)


def damaged(now: datetime) -> Condition:
    """The last check found damage."""
    return condition(
        ConditionType.REPOSITORY_DAMAGED,
        status=True,
        reason="CheckFoundDamage",
        message="restic's last check found damage: backups are called good only once a check finds "
        "none, and nothing is pruned",
        now=now,
    )


def _begin_if_due(
    seen: Observed, known: UpkeepStatus, now: datetime, *, is_busy: bool
) -> UpkeepStep:
    has_backup = any(item.is_finished for item in seen.snapshots)
    if not has_backup or not seen.sessions or seen.repository.spec.paused:
        # The first backup is followed by the first upkeep. Without a session the volume is no
        # longer backed up: nothing comes, nothing goes.
        return UpkeepStep(seen.status.upkeep)
    due = _due(seen, known, now)
    if due.next_time > now:
        return UpkeepStep(seen.status.upkeep, requeue_after=due.next_time - now)
    why = _why_not(seen, is_busy=is_busy)
    if why is None and not due.is_full and seen.upkeep.running >= MOST_AT_ONCE:
        text = f"{MOST_AT_ONCE} other Repositories are being pruned or checked"
        why = Reason(Cause.WAITING_FOR_UPKEEP, text)
    why = why or waits_for(seen.claimants, now)
    if why is not None:
        # Whose turn it is passes too quickly to be written down each time.
        is_passing = why.name in TURNS or why.name in _SAID_ELSEWHERE
        word = None if is_passing else waiting(ConditionType.UPKEEP_SUCCEEDED, why, now)
        return UpkeepStep(seen.status.upkeep, condition=word, requeue_after=_AGAIN)
    # A Job of an earlier time may still be there although the status was lost.
    minute = int(now.timestamp() // 60)
    attempt = max(minute, known.executor.attempt + 1 if known.executor is not None else 0)
    step = _begin(seen, known, due, attempt, now)
    # The Job of the last time goes, so that there is never more than one.
    last = known.executor
    old = seen.upkeep.run.executor(last.job, last.attempt) if last is not None else None
    return replace(step, actions=(*delete_job(seen.repository.key[0], old), *step.actions))


def _due(seen: Observed, known: UpkeepStatus, now: datetime) -> _Due:
    rhythm, is_damaged = seen.upkeep.rhythm, seen.status.integrity is False
    check = rhythm.next_check(known.last_check_time, now, is_damaged=is_damaged)
    # A prune of a damaged repository could make it worse.
    prune = None if is_damaged else rhythm.next_prune(known.last_prune_time, now)
    is_full = not is_damaged and _full_storage(seen) not in {None, known.full_storage}
    if is_full:
        prune = now
    next_time = min(time for time in (check, prune) if time is not None)
    held = _held_until(known, now)
    # A prune that needs no room may do what the last one could not; one tried again soon waits.
    is_pressing = is_full and held - now > _LONGEST_RETRY
    if not is_pressing:
        next_time = max(next_time, held)
    return _Due(
        check=check <= now and not is_pressing,
        prune=prune is not None and prune <= now,
        is_full=is_full,
        next_time=next_time,
    )


def _held_until(known: UpkeepStatus, now: datetime) -> datetime:
    """Until when the last failure is waited out; ``now`` where none is."""
    held = known.next_try_time
    return held if held is not None and now < held <= now + _LONGEST_WAIT else now


def _full_storage(seen: Observed) -> str | None:
    """The newest Snapshot, if it failed because the storage is full."""
    newest = next((item for item in seen.snapshots if item.is_finished), None)
    return newest.name if newest is not None and newest.is_storage_full else None


def _why_not(seen: Observed, *, is_busy: bool) -> Reason | None:
    """Why nothing can begin now, but for others that are at work."""
    repository, upkeep = seen.repository, seen.upkeep
    if seen.refusal is not None:
        return seen.refusal
    if seen.missing_paths or is_busy:
        text = f"Repository {repository.metadata.name} is not ready for it"
        return Reason(Cause.WAITING_FOR_INITIALIZATION, text)
    if seen.status.writer_matches is False:
        return Reason(ErrorClass.RESTORE_EXPECTED, "another volume or cluster writes here")
    if upkeep.partial_restore is not None:
        return upkeep.partial_restore
    if upkeep.problem is not None:
        return upkeep.problem
    if upkeep.session_goes_on:
        return Reason(Cause.WAITING_FOR_RETENTION, "the newest session has not ended")
    if seen.problem is not None:
        return seen.problem
    if not seen.storage_is_ready:
        name = repository.storage_key[1]
        return Reason(Cause.STORAGE_NOT_READY, f"BackupStorage {name} is not Ready.")
    return WAITING_FOR_CLUSTER if seen.cluster_uid is None else None


def _begin(
    seen: Observed, known: UpkeepStatus, due: _Due, attempt: int, now: datetime
) -> UpkeepStep:
    """Record that a run begins, then make its Job."""
    plan = RunSpec(
        verb=Verb.UPKEEP,
        attempt=attempt,
        deadline=(now + TIMEOUT).replace(microsecond=0),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        terminated_pods=seen.upkeep.terminated_pods,
        check=due.check,
        check_number=known.checks,
        prune=due.prune,
        storage_is_full=due.is_full,
    )
    name = names.upkeep_job_name(seen.repository.metadata.name, attempt)
    executor = Executor(job=name, attempt=attempt, plan_digest=plan.digest())
    job = _job(seen, name, plan, now)
    status = known.model_copy(update={"executor": executor})
    return UpkeepStep(status, actions=(Create(JOBS, job),), is_claim=True)


def _job(seen: Observed, name: str, plan: RunSpec, now: datetime) -> JsonObject:
    return job_manifest(
        name=name,
        owner=owner_of(seen.repository),
        template=seen.template or {},
        plan=plan,
        labels={REPOSITORY_LABEL: seen.repository.metadata.name},
        now=now,
    )


def _follow(
    seen: Observed, known: UpkeepStatus, executor: Executor, now: datetime, *, is_busy: bool
) -> UpkeepStep:
    """Wait for the claimed run, take over what it did, or give way to a restore."""
    namespace = seen.repository.key[0]
    run = seen.upkeep.run
    stage = stage_of(run, now, namespace=namespace, job=executor.job, attempt=executor.attempt)
    match stage:
        case Absent():
            # Even if it was recorded that it begins: whoever did not hear of that may have begun.
            why = _why_not(seen, is_busy=is_busy) or waits_for(seen.claimants, now)
            due = _due(seen, known, now)
            if why is not None or not (due.check or due.prune):
                return UpkeepStep(_ended(known, executor), requeue_after=_AGAIN)
            return _begin(seen, known, due, executor.attempt, now)
        case Waiting() if seen.upkeep.waiting_restore is not None and not run.is_unaccounted:
            # The claim ends with the pod. One that never starts goes without a word of the
            # kubelet's: it is not remembered.
            ours = stage.executor or executor
            ours = ours.model_copy(update={"pod": None}) if run.never_ran else ours
            kept = known.model_copy(update={"executor": ours})
            stop = delete_job(namespace, stage.executor)
            return UpkeepStep(kept, actions=stop, requeue_after=SETTLES)
        case Waiting(is_new=True):
            return UpkeepStep(known, requeue_after=SETTLES)
        case Waiting():
            status = known.model_copy(update={"executor": stage.executor or executor})
            return UpkeepStep(status, requeue_after=stage.requeue_after)
        case NeverStarted():
            step = _failed(seen, known, stage.executor or executor, stage.error, None, now)
            return replace(step, actions=stage.deletion, never_started=stage)
        case Succeeded():
            return _succeeded(seen, known, stage.executor or executor, now)
        case Failed() if run.state is RunState.LOST and seen.upkeep.waiting_restore is not None:
            # It gave way: that is no failure.
            return UpkeepStep(_ended(known, stage.executor or executor), requeue_after=_AGAIN)
        case Failed():
            done = run.result.upkeep if run.result is not None else None
            step = _failed(seen, known, stage.executor or executor, stage.error, done, now)
            return replace(step, requeue_after=next_look(run) or step.requeue_after)
        case _:
            assert_never(stage)


def _succeeded(
    seen: Observed, known: UpkeepStatus, executor: Executor, now: datetime
) -> UpkeepStep:
    result = seen.upkeep.run.result
    done = (result.upkeep if result is not None else None) or Upkeep()
    status = _with_times(known, done, executor, now)
    update: dict[str, object] = {"failures": 0, "next_try_time": None}
    if done.pruned:
        update["full_storage"] = _full_storage(seen)
    status = _ended(status.model_copy(update=update), executor)
    word = condition(ConditionType.UPKEEP_SUCCEEDED, status=True, reason="UpkeepSucceeded", now=now)
    return UpkeepStep(status, done, word, requeue_after=next_look(seen.upkeep.run) or SETTLES)


def _failed(
    seen: Observed,
    known: UpkeepStatus,
    executor: Executor,
    error: Reason,
    done: Upkeep | None,
    now: datetime,
) -> UpkeepStep:
    status = _with_times(known, done, executor, now) if done is not None else known
    failures = known.failures + 1
    is_worth_a_try = error.name in TRANSIENT and failures <= _TRIES
    delay = _FIRST_DELAY * (1 << (failures - 1)) if is_worth_a_try else _LONGEST_WAIT
    update: dict[str, object] = {
        "failures": failures,
        "next_try_time": (now + delay).replace(microsecond=0),
    }
    if not is_worth_a_try:
        # Once for each backup that found no room.
        update["full_storage"] = _full_storage(seen)
    status = _ended(status.model_copy(update=update), executor)
    return UpkeepStep(status, done, upkeep_refused(error, now), requeue_after=delay)


def _with_times(
    known: UpkeepStatus, done: Upkeep, executor: Executor, now: datetime
) -> UpkeepStatus:
    """By our own clock, which is the one that asks when the next is due."""
    when = now.replace(microsecond=0)
    update: dict[str, object] = {}
    if done.checked:
        update |= {"last_check_time": when, "checks": known.checks + 1}
    if done.intact is not None:
        update["last_check_created"] = executor.created
    if done.pruned:
        update["last_prune_time"] = when
    return known.model_copy(update=update)


def _ended(status: UpkeepStatus, executor: Executor) -> UpkeepStatus:
    return status.model_copy(update={"executor": released(executor)})
