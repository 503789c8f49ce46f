"""Repository: have its restic repositories made once, one a session; sum up its Snapshots.

Its prunes and checks are in ``upkeep.py``.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from stashgen.api.backup_session import RetentionPhase
from stashgen.api.base import JsonObject
from stashgen.api.labels import ADOPT_ANNOTATION, REPOSITORY_LABEL
from stashgen.api.repository import RecentSnapshot, RepositoryStatus, ResyncPhase, UpkeepStatus
from stashgen.api.shared import Condition, Executor
from stashgen.api.snapshot import Phase
from stashgen.kubestash import names, phases, quantities
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.attempts import Attempts, Progress, released
from stashgen_controller.jobs.lifecycle import after_end
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.run import JobRun
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.resync import (
    ResyncStep,
    advance_resync,
    after_first_look,
    resync_refused,
)
from stashgen_controller.kinds.repository.upkeep import advance_upkeep, damaged
from stashgen_controller.kinds.repository.upkeep_ended import UpkeepStep, upkeep_refused
from stashgen_controller.listers.claims import waits_for
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.integrity import known_integrity
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import Upkeep
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import REFUSALS, WAITING_FOR_CLUSTER, Cause
from stashgen_controller.runtime.conditions import (
    condition,
    find,
    not_done,
    waiting,
    with_condition,
    without,
)
from stashgen_controller.runtime.decision import Action, Decision, Delete

_RECENT = 5
# Most retentions are done by then, with the start of their pod and behind many others.
_RETENTION_FOLLOWS = timedelta(minutes=2)


def decide(seen: Observed, now: datetime) -> Decision:
    """Initialise what the sessions need, then keep the summary of the Snapshots up to date."""
    progress = Progress(seen.status.executor)
    why = _why_not(seen)
    if seen.missing_paths and (why is None or _is_under_way(seen.status.executor)):
        progress = Attempts(
            executor=seen.status.executor,
            run=seen.run,
            namespace=seen.repository.metadata.namespace or "",
            job_for=partial(_job, seen, now),
            is_enough=partial(_made_all, seen),
            # What has begun is followed to its end; nothing begins any more.
            waits_for=why or seen.upkeep_claim or waits_for(seen.claimants, now),
        ).advance(now)
    if not seen.missing_paths:
        left = after_end(seen.run, seen.repository.key[0], seen.status.executor, now)
        progress = replace(progress, actions=left.actions, requeue_after=left.requeue_after)
    if progress.succeeded:
        seen = _with_outcome(seen)
    awaited = _retention_awaited(seen, now)
    status = seen.status if awaited is not None else _summarize(seen)
    conditions = with_condition(status.conditions, _initialized(seen, progress, now))
    conditions = _with_writer(seen, status, conditions, now)
    conditions = _with_retention(seen, conditions, now)
    resync = advance_resync(seen, now)
    is_resyncing = resync.status is not None and resync.status.phase is ResyncPhase.RUNNING
    upkeep = advance_upkeep(
        _with_integrity_known(seen), now, is_busy=is_resyncing or progress.is_claim
    )
    for word in (resync.condition, upkeep.condition):
        conditions = with_condition(conditions, word) if word is not None else conditions
    written = status.model_copy(
        update={
            "executor": progress.executor,
            "snapshot_resync": resync.status,
            "open_restore": seen.restores.unsettled,
            "accepted_restore": seen.restores.accepted,
            "good_restore": seen.restores.good,
            "lost_pods": tuple(item for item in seen.lost_pods if now < item.until) or None,
            "upkeep": upkeep.status,
        }
    )
    if upkeep.done is not None:
        written = _with_upkeep(written, upkeep.done)
    conditions = _with_integrity(written, conditions, now)
    waits = (progress.requeue_after, resync.requeue_after, upkeep.requeue_after, awaited)
    decision = Decision(
        (*progress.actions, *resync.actions, *upkeep.actions),
        _written(written, conditions),
        min((wait for wait in waits if wait), default=None),
        refused=lambda why, action: _refused(
            (progress, resync, upkeep), written, conditions, why, action, now
        ),
        is_claim=progress.is_claim or resync.is_claim or upkeep.is_claim,
    )
    if progress.never_started is not None:
        decision = progress.never_started.once_confirmed(
            decision, lambda run: decide(replace(seen, run=run), now)
        )
    if resync.never_started is not None and decision.question is None:
        decision = resync.never_started.once_confirmed(
            decision, lambda run: decide(replace(seen, resync_run=run), now)
        )
    if upkeep.never_started is not None and decision.question is None:
        decision = upkeep.never_started.once_confirmed(
            decision,
            lambda run: decide(replace(seen, upkeep=replace(seen.upkeep, run=run)), now),
        )
    return decision


def _refused(
    steps: tuple[Progress, ResyncStep, UpkeepStep],
    status: RepositoryStatus,
    conditions: tuple[Condition, ...],
    why: Reason,
    action: Action,
    now: datetime,
) -> JsonObject:
    """The status if an action is refused: what it is of says so, and claims nothing any more.

    A Job that stays although it was to be deleted is no reason not to call anything done.
    """
    progress, resync, upkeep = steps
    update: dict[str, object] = {}
    if isinstance(action, Delete):
        return _written(status, conditions)
    if action in upkeep.actions:
        word = upkeep_refused(why, now)
        kept = upkeep.status or UpkeepStatus()
        update["upkeep"] = kept.model_copy(update={"executor": released(kept.executor)})
    elif action in progress.actions:
        word = _failed(why, now)
        update["executor"] = released(progress.executor)
    else:
        word = resync_refused(why, now)
        page = status.snapshot_resync
        if page is not None and resync.is_claim:
            page = page.model_copy(update={"executor": released(page.executor)})
        update["snapshot_resync"] = page
    return _written(status.model_copy(update=update), with_condition(conditions, word))


def _written(status: RepositoryStatus, conditions: tuple[Condition, ...]) -> JsonObject:
    status = status.model_copy(update={"conditions": conditions})
    return status.model_copy(update={"phase": phases.repository_phase(status)}).to_wire()


def _is_under_way(executor: Executor | None) -> bool:
    return executor is not None and not executor.ended


def _why_not(seen: Observed) -> Reason | None:
    """Why nothing can be initialised now."""
    storage = seen.repository.spec.storage_ref
    if seen.refusal is not None:
        return seen.refusal
    if seen.repository.spec.paused:
        return Reason(Cause.PAUSED, "The Repository is paused.")
    if not seen.sessions:
        text = "No BackupConfiguration has a session that writes here."
        return Reason(Cause.NO_SESSION, text)
    if seen.problem is not None:
        return seen.problem
    if not seen.storage_is_ready:
        name = storage.name if storage is not None else ""
        return Reason(Cause.STORAGE_NOT_READY, f"BackupStorage {name} is not Ready.")
    if seen.cluster_uid is None:
        return WAITING_FOR_CLUSTER
    return None


def _made_all(seen: Observed, run: JobRun) -> bool:
    """Whether an attempt made what is wanted now; a session may have been added since."""
    made = run.result.repository if run.result is not None else None
    return made is not None and seen.missing_paths <= set(made.component_paths)


def _with_outcome(seen: Observed) -> Observed:
    """With what the successful attempt saw in the bucket."""
    made = seen.run.result.repository if seen.run.result is not None else None
    if made is None:
        return seen
    update: dict[str, object] = {
        "component_paths": made.component_paths,
        "snapshot_count": made.snapshot_count,
        "writer_matches": made.writer_matches,
        "writer_claim_uid": None if made.writer_matches else made.writer_claim,
    }
    if not seen.status.component_paths:
        # The first time that this object looks into the bucket: what is there was there before.
        has_records = bool(made.records or made.snapshot_count)
        update["snapshot_resync"] = after_first_look(seen, has_records=has_records)
        if made.is_damaged:
            # What this object never knew, or forgot: the Snapshots of before say nothing of it.
            known = seen.status.upkeep or UpkeepStatus()
            since = {"last_check_created": seen.run.created}
            update |= {"integrity": False, "upkeep": known.model_copy(update=since)}
    status = seen.status.model_copy(update=update)
    return replace(seen, repository=seen.repository.model_copy(update={"status": status}))


def _job(seen: Observed, now: datetime, attempt: int) -> JsonObject:
    plan = RunSpec(
        verb=Verb.INIT_REPOSITORY,
        attempt=attempt,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        repository=seen.obj
        | {"status": {"componentPaths": list(seen.status.component_paths or ())}},
    )
    return job_manifest(
        name=names.init_job_name(seen.repository.metadata.name, attempt),
        owner=owner_of(seen.repository),
        template=seen.template or {},
        plan=plan,
        labels={REPOSITORY_LABEL: seen.repository.metadata.name},
        now=now,
    )


def _initialized(seen: Observed, progress: Progress, now: datetime) -> Condition:
    if seen.refusal is not None:
        return _refusal(seen.refusal, now)
    if seen.status.component_paths and not seen.missing_paths:
        return condition(
            ConditionType.REPOSITORY_INITIALIZED,
            status=True,
            reason="RepositoryInitializationSucceeded",
            message="Successfully initialized repository",
            now=now,
        )
    if progress.error is not None:
        return _failed(progress.error, now)
    why = _why_not(seen) or progress.waits_for
    known = find(seen.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
    if why is not None:
        return _refusal(why, now)
    if known is not None and known.reason == "RepositoryInitializationFailed":
        # The next attempt is running: until it ends the last one's failure is what is known.
        return known
    return condition(
        ConditionType.REPOSITORY_INITIALIZED,
        status=None,
        reason="RepositoryInitializationStarted",
        message="The initializer Job is running.",
        now=now,
    )


def _refusal(why: Reason, now: datetime) -> Condition:
    """Why nothing is initialised: Unknown, or False where only another manifest mends it."""
    if why.name not in REFUSALS:
        return waiting(ConditionType.REPOSITORY_INITIALIZED, why, now)
    return condition(
        ConditionType.REPOSITORY_INITIALIZED,
        status=False,
        reason=why.name,
        message=why.message,
        now=now,
    )


def _failed(why: Reason, now: datetime) -> Condition:
    return not_done(
        ConditionType.REPOSITORY_INITIALIZED, "RepositoryInitializationFailed", why, now
    )


def _with_writer(
    seen: Observed, status: RepositoryStatus, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    if status.writer_matches is not False:
        return without(conditions, ConditionType.RESTORE_EXPECTED)
    message = (
        f"{seen.repository.spec.path} was written by another volume or cluster: restore from it "
        "into this volume before backing it up again."
    )
    if status.writer_claim_uid is not None and status.writer_claim_uid != seen.claim_uid:
        message += (
            " If this volume is to begin without that data, acknowledge it with annotation "
            f"{ADOPT_ANNOTATION}={status.writer_claim_uid} on its BackupConfiguration."
        )
    return with_condition(
        conditions,
        condition(
            ConditionType.RESTORE_EXPECTED,
            status=True,
            reason="OtherWriterRecorded",
            message=message,
            now=now,
        ),
    )


def _with_retention(
    seen: Observed, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    if seen.retention is None:
        return conditions
    is_applied = seen.retention.phase is RetentionPhase.APPLIED
    return with_condition(
        conditions,
        condition(
            ConditionType.RETENTION_APPLIED,
            status=is_applied,
            reason="RetentionPolicyApplied" if is_applied else "FailedToApplyRetentionPolicy",
            message="" if is_applied else seen.retention.error or "the Job reported no reason",
            now=now,
        ),
    )


def _with_upkeep(status: RepositoryStatus, done: Upkeep) -> RepositoryStatus:
    """With what a run found."""
    update: dict[str, object] = {}
    if done.intact is not None:
        update["integrity"] = done.intact
    if done.size_bytes is not None:
        update["size"] = quantities.format_size(done.size_bytes)
    return status.model_copy(update=update)


def _with_integrity(
    status: RepositoryStatus, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    if status.integrity is not False:
        return without(conditions, ConditionType.REPOSITORY_DAMAGED)
    return with_condition(conditions, damaged(status, now))


def _retention_awaited(seen: Observed, now: datetime) -> timedelta | None:
    """How long the summary may wait for retention, which changes it again; None: not at all."""
    newest = next((item for item in seen.snapshots if item.is_finished), None)
    if newest is None or newest.last_update_time is None or not seen.retention_follows:
        return None
    left = newest.last_update_time + _RETENTION_FOLLOWS - now
    return left if left > timedelta() else None


def _summarize(seen: Observed) -> RepositoryStatus:
    """The status with a summary of the Snapshots; without any, what the bucket showed stays."""
    status = seen.status
    if seen.writer is not None:
        known = seen.writer.claim_uid or status.writer_claim_uid
        other = None if seen.writer.matches else known
        status = status.model_copy(
            update={"writer_matches": seen.writer.matches, "writer_claim_uid": other}
        )
    # One that is being made is not counted: each of its steps would be a write here.
    finished = [item for item in seen.snapshots if item.is_finished]
    if not finished and not status.recent_snapshots:
        return status
    succeeded = [item for item in finished if item.phase is Phase.SUCCEEDED]
    update: dict[str, object] = {
        "snapshot_count": len(finished),
        "recent_snapshots": tuple(map(_recent, finished[:_RECENT])) or None,
    }
    if succeeded:
        update["last_backup_time"] = succeeded[0].last_update_time
    update["integrity"] = known_integrity(seen.status, seen.snapshots)
    return status.model_copy(update=update)


def _with_integrity_known(seen: Observed) -> Observed:
    """With what the Snapshots say by now, which decides what is due before it is summed up."""
    integrity = known_integrity(seen.status, seen.snapshots)
    status = seen.status.model_copy(update={"integrity": integrity})
    return replace(seen, repository=seen.repository.model_copy(update={"status": status}))


def _recent(snapshot: SnapshotRecord) -> RecentSnapshot:
    return RecentSnapshot(
        name=snapshot.name,
        phase=snapshot.phase,
        session=snapshot.session,
        size=snapshot.size,
        snapshot_time=snapshot.snapshot_time,
    )
