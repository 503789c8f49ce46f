"""A Repository's upkeep: prune, check and measure it in a rhythm of its own, apart from backups.

One Job at a time, which claims Repository and volume as every run does. The times of the last ones
are in the status; where that is lost, all is due: what a check finds in the bucket is better than
what a file there says of an earlier one. It gives way to restores and backups even while it runs: a
check that is stopped has changed nothing, and a prune leaves the repository whole at every moment.
What it has done of a round by then is recorded, and the next run goes on.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.base import JsonObject
from stashgen.api.labels import ACCEPT_DAMAGE_ANNOTATION, REPOSITORY_LABEL
from stashgen.api.repository import RepositoryStatus, UpkeepStatus
from stashgen.api.resources import JOBS
from stashgen.api.shared import Condition, Executor
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
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
from stashgen_controller.jobs.run import SETTLES
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.upkeep_due import (
    Due,
    due_upkeep,
    goes_first,
    is_acknowledged,
    is_forced,
    is_to_be_forced,
)
from stashgen_controller.kinds.repository.upkeep_ended import (
    AGAIN,
    UpkeepStep,
    ended,
    failed,
    late,
    stopped,
    succeeded,
    was_stopped,
)
from stashgen_controller.listers.claims import look_by, waits_for
from stashgen_controller.listers.integrity import damage_time
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import TURNS, WAITING_FOR_CLUSTER, Cause
from stashgen_controller.runtime.conditions import condition, waiting
from stashgen_controller.runtime.decision import Create

# Of all work on one Repository. No backup of the volume starts meanwhile.
TIMEOUT = timedelta(hours=6)
_STOPPED = frozenset({ErrorClass.EXECUTOR_LOST, ErrorClass.INTERRUPTED})
_SAID_ELSEWHERE = frozenset({Cause.RESTORED_IN_PART, ErrorClass.RESTORE_EXPECTED})


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


def damaged(status: RepositoryStatus, now: datetime) -> Condition:
    """The last check found damage."""
    time = damage_time(status)
    answer = ""
    if time is not None:
        answer = (
            "; once it is repaired, say so with the annotation "
            f"{ACCEPT_DAMAGE_ANNOTATION}: {time} on its BackupConfiguration"
        )
    return condition(
        ConditionType.REPOSITORY_DAMAGED,
        status=True,
        reason="CheckFoundDamage",
        message="restic's last check found damage: backups are called good only once a check finds "
        f"none, and nothing is removed{answer}",
        now=now,
    )


def _begin_if_due(
    seen: Observed, known: UpkeepStatus, now: datetime, *, is_busy: bool
) -> UpkeepStep:
    has_backup = any(item.is_finished for item in seen.snapshots)
    is_retired = not seen.sessions and seen.template is None
    if not has_backup or is_retired or seen.repository.spec.paused:
        # The first backup is followed by the first upkeep. A volume that is backed up no longer has
        # a pod for it as long as git keeps one.
        return UpkeepStep(_not_in_line(seen))
    due = due_upkeep(seen, known, now)
    if due.next_time > now:
        word = late(seen, known, was_stopped(known), now) if known.stops else None
        again = due.next_time - now
        return UpkeepStep(_not_in_line(seen), condition=word, requeue_after=again)
    forced = is_to_be_forced(seen, known, now)
    why = _why_not(seen, is_busy=is_busy) or waits_for(seen.claimants, now)
    why = why or goes_first(seen, known, is_forced=forced)
    if why is not None:
        # Whose turn it is passes too quickly to be written down each time.
        is_passing = why.name in TURNS or why.name in _SAID_ELSEWHERE
        word = None if is_passing else waiting(ConditionType.UPKEEP_SUCCEEDED, why, now)
        word = word or late(seen, known, why.message, now)
        again = look_by(seen.claimants, now, AGAIN)
        return UpkeepStep(_not_in_line(seen), condition=word, requeue_after=again)
    if not due.is_full and not seen.upkeep.has_turn:
        since = known.waiting_since or due.since.replace(microsecond=0)
        in_line = known.model_copy(update={"waiting_since": since})
        word = late(seen, known, "others that were due before are pruned and checked first", now)
        return UpkeepStep(in_line, condition=word, requeue_after=AGAIN)
    # A Job of an earlier time may still be there although the status was lost.
    minute = int(now.timestamp() // 60)
    attempt = max(minute, known.executor.attempt + 1 if known.executor is not None else 0)
    if forced:
        known = known.model_copy(update={"forced_attempt": attempt})
    step = _begin(seen, known, due, attempt, now)
    # The Job of the last time goes, so that there is never more than one.
    last = known.executor
    old = seen.upkeep.run.executor(last.job, last.attempt) if last is not None else None
    return replace(step, actions=(*delete_job(seen.repository.key[0], old), *step.actions))


def _not_in_line(seen: Observed) -> UpkeepStatus | None:
    """The status of one that would not begin even if it were its turn: it takes nobody else's."""
    known = seen.status.upkeep
    return known.model_copy(update={"waiting_since": None}) if known is not None else None


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
    seen: Observed, known: UpkeepStatus, due: Due, attempt: int, now: datetime
) -> UpkeepStep:
    """Record that a run begins, then make its Job."""
    # Where damage is known, only a check of all of it shows that there is none any more.
    checked = () if seen.status.integrity is False else known.checked_paths or ()
    plan = RunSpec(
        verb=Verb.UPKEEP,
        attempt=attempt,
        deadline=(now + TIMEOUT).replace(microsecond=0),
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        terminated_pods=seen.upkeep.terminated_pods,
        check=due.check,
        check_number=known.checks,
        damage_accepted=due.check and is_acknowledged(seen),
        prune=due.prune,
        storage_is_full=due.is_full,
        checked_paths=checked if due.check else (),
        pruned_paths=(known.pruned_paths or ()) if due.prune and not due.is_full else (),
        turn=known.failures + known.stops,
    )
    name = names.upkeep_job_name(seen.repository.metadata.name, attempt)
    executor = Executor(job=name, attempt=attempt, plan_digest=plan.digest())
    job = _job(seen, name, plan, now)
    status = known.model_copy(update={"executor": executor, "waiting_since": None})
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
    first = goes_first(seen, known, is_forced=is_forced(known, executor))
    match stage:
        case Absent():
            # Even if it was recorded that it begins: whoever did not hear of that may have begun.
            why = _why_not(seen, is_busy=is_busy) or waits_for(seen.claimants, now)
            why = why or first
            due = due_upkeep(seen, known, now)
            if why is not None or not (due.check or due.prune):
                return UpkeepStep(ended(known, executor), requeue_after=AGAIN)
            return _begin(seen, known, due, executor.attempt, now)
        case Waiting() if first is not None and not run.is_unaccounted:
            # The claim ends with the pod. One that never starts goes without a word of the
            # kubelet's: it is not remembered.
            ours = stage.executor or executor
            ours = ours.model_copy(update={"pod": None}) if run.never_ran else ours
            kept = known.model_copy(update={"executor": ours, "stopped_for": first.text})
            stop = delete_job(namespace, stage.executor)
            return UpkeepStep(kept, actions=stop, requeue_after=SETTLES)
        case Waiting(is_new=True):
            return UpkeepStep(known, requeue_after=SETTLES)
        case Waiting():
            status = known.model_copy(update={"executor": stage.executor or executor})
            return UpkeepStep(status, requeue_after=stage.requeue_after)
        case NeverStarted():
            step = failed(seen, known, stage.executor or executor, stage.error, None, now)
            return replace(step, actions=stage.deletion, never_started=stage)
        case Succeeded():
            return succeeded(seen, known, stage.executor or executor, now)
        case Failed():
            said = run.result or run.last_words
            done = said.upkeep if said is not None else None
            why = Reason.parse(known.stopped_for) if known.stopped_for is not None else first
            if why is not None and stage.error.name in _STOPPED:
                return stopped(seen, known, stage.executor or executor, done, why, now)
            step = failed(seen, known, stage.executor or executor, stage.error, done, now)
            return replace(step, requeue_after=next_look(run) or step.requeue_after)
        case _:
            assert_never(stage)
