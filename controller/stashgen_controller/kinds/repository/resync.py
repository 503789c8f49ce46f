"""The Snapshots' way back from the bucket: a Job reads a page of records, the newest first.

Wanted where a Repository is initialised over records that were there before (its namespace or the
whole cluster was deleted), and where an annotation asks for it, once for each of its values.
What exists in the cluster is left alone, and a record that is gone means nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.labels import RECORD_ANNOTATION, REPOSITORY_LABEL, RETIRED_ANNOTATION
from stashgen.api.repository import ResyncPhase, ResyncStatus
from stashgen.api.resources import SNAPSHOTS
from stashgen.api.shared import Condition, Executor
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.sessions import named_snapshot_manifest
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.attempts import Attempts
from stashgen_controller.jobs.lifecycle import NeverStarted, after_end
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.run import RunState
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.listers.claims import waits_for
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import WAITING_FOR_CLUSTER, Cause
from stashgen_controller.runtime.conditions import condition, find, not_done, waiting
from stashgen_controller.runtime.decision import Action, Create

_MOST_EXAMPLES = 5
# Of one page. A worker that hangs longer than that gives way to the next attempt.
_TIMEOUT = timedelta(hours=1)
_AGAIN = timedelta(minutes=1)
_SOON = timedelta(seconds=5)
_FAILED = "ResyncFailed"


@dataclass(frozen=True, slots=True)
class ResyncStep:
    """How the resync goes on.

    Attributes:
        status: What is to be recorded; None where there never was one.
        condition: Of the Repository; None where the one that is there stays.
        actions: Snapshots and Jobs to create, Jobs to delete.
        requeue_after: When to look again.
        never_started: The page's Job never started.
        is_claim: The status is to be written before the actions.
    """

    status: ResyncStatus | None = None
    condition: Condition | None = None
    actions: tuple[Action, ...] = ()
    requeue_after: timedelta | None = None
    never_started: NeverStarted | None = None
    is_claim: bool = False


def advance_resync(seen: Observed, now: datetime) -> ResyncStep:
    """Begin, wait for a page, take it over and ask for the next one."""
    known = seen.status.snapshot_resync
    is_asked = _is_asked(seen)
    if known is None and not is_asked:
        return ResyncStep()
    if known is not None and known.phase is ResyncPhase.FINISHED and not is_asked:
        stored = find(seen.status.conditions, ConditionType.SNAPSHOTS_RESYNCED)
        left = after_end(seen.resync_run, seen.repository.key[0], known.executor, now)
        word = _finished(known, now) if stored is None else None
        return ResyncStep(known, word, left.actions, left.requeue_after)
    is_running = seen.resync_run.state is RunState.RUNNING
    why = _why_not(seen)
    # A page that has been read is taken over: who is waited for may wait for the page's claim.
    is_read = seen.resync_run.state is RunState.FINISHED and not is_asked
    if why is not None and not (is_running or is_read):
        again = _AGAIN if why.name == Cause.WAITING_FOR_BACKUP else None
        word = waiting(ConditionType.SNAPSHOTS_RESYNCED, why, now)
        return ResyncStep(known, word, requeue_after=again)
    # Asked for once more while it runs: after its end.
    begins = known is None or (is_asked and not is_running)
    state = _begun(seen) if known is None or begins else known
    attempts = Attempts(
        executor=state.executor,
        run=seen.resync_run,
        namespace=seen.repository.metadata.namespace or "",
        job_for=partial(_job, seen, state, now),
        is_enough=lambda _: True,
        # What has begun is followed to its end; nothing begins any more.
        waits_for=why or seen.upkeep_claim or waits_for(seen.claimants, now),
    )
    if begins and state.executor is not None:
        # The Job of the last time has a result already.
        progress = attempts.follow(state.executor)
    else:
        progress = attempts.advance(now)
    if progress.succeeded:
        return _take_over(seen, state, progress.executor, attempts, now)
    last = find(seen.status.conditions, ConditionType.SNAPSHOTS_RESYNCED)
    if progress.waits_for is not None:
        word = waiting(ConditionType.SNAPSHOTS_RESYNCED, progress.waits_for, now)
    elif progress.error is not None:
        word = resync_refused(progress.error, now)
    elif last is not None and last.reason == _FAILED:
        # The next attempt is running: until it ends the last one's failure is what is known.
        word = last
    else:
        word = _under_way(state, now)
    state = state.model_copy(update={"executor": progress.executor})
    return ResyncStep(
        state,
        word,
        progress.actions,
        progress.requeue_after,
        progress.never_started,
        is_claim=progress.is_claim,
    )


def after_first_look(seen: Observed, *, has_records: bool) -> ResyncStatus:
    """The record of a resync that begins with, or is done by, the first initialisation."""
    phase = ResyncPhase.RUNNING if has_records else ResyncPhase.FINISHED
    return _begun(seen).model_copy(update={"phase": phase})


def _begun(seen: Observed) -> ResyncStatus:
    known = seen.status.snapshot_resync
    return ResyncStatus(
        phase=ResyncPhase.RUNNING,
        request=seen.resync_request,
        executor=known.executor if known is not None else None,
    )


def resync_refused(why: Reason, now: datetime) -> Condition:
    """A page could not be read, or the API server refused something; it is tried again."""
    return not_done(ConditionType.SNAPSHOTS_RESYNCED, _FAILED, why, now)


def _is_asked(seen: Observed) -> bool:
    """Whether a resync is to begin that has not begun yet."""
    known = seen.status.snapshot_resync
    if known is not None and known.phase is ResyncPhase.RUNNING:
        return False
    is_initialized = bool(seen.status.component_paths)
    if not is_initialized and known is None and _is_retired(seen):
        # Nothing writes here any more, so nothing initialises it in a new cluster.
        return True
    wanted = seen.resync_request
    is_new = wanted is not None and (known is None or known.request != wanted)
    return is_new and (is_initialized or known is not None)


def _is_retired(seen: Observed) -> bool:
    return RETIRED_ANNOTATION in (seen.repository.metadata.annotations or {})


def _why_not(seen: Observed) -> Reason | None:
    """Why no page can be asked for now."""
    if seen.repository.spec.paused:
        return Reason(Cause.PAUSED, "The Repository is paused.")
    problem = seen.refusal or seen.problem
    if problem is not None:
        return problem
    if not seen.storage_is_ready:
        name = seen.repository.storage_key[1]
        return Reason(Cause.STORAGE_NOT_READY, f"BackupStorage {name} is not Ready.")
    if seen.writing is not None:
        # Retention may be removing what a page has just read.
        text = f"BackupSession {seen.writing} is writing to this Repository."
        return Reason(Cause.WAITING_FOR_BACKUP, text)
    return WAITING_FOR_CLUSTER if seen.cluster_uid is None else None


def _take_over(
    seen: Observed,
    state: ResyncStatus,
    executor: Executor | None,
    attempts: Attempts,
    now: datetime,
) -> ResyncStep:
    """Make the Snapshots of a page that are not in the cluster, then ask for the next page."""
    page = seen.page
    if page is None or executor is None:
        why = Reason(ErrorClass.INTERNAL, "the page that the worker reported cannot be read")
        return ResyncStep(state, resync_refused(why, now))
    creates = tuple(
        Create(SNAPSHOTS, _manifest(seen, item))
        for item in page.snapshots
        if item.name not in page.present
    )
    if creates:
        # The cursor moves once they are seen: a controller that dies meanwhile misses none.
        return ResyncStep(state, _under_way(state, now), creates, _SOON)
    if not page.is_last and attempts.waits_for is not None:
        word = waiting(ConditionType.SNAPSHOTS_RESYNCED, attempts.waits_for, now)
        state = state.model_copy(update={"executor": executor})
        return ResyncStep(state, word, requeue_after=_AGAIN)
    examples = (*(state.examples or ()), *page.examples)[:_MOST_EXAMPLES]
    state = state.model_copy(
        update={
            "cursor": page.cursor,
            "records": state.records + len(page.snapshots),
            "ignored": state.ignored + page.ignored,
            "examples": examples or None,
            "executor": executor,
        }
    )
    if page.is_last:
        state = state.model_copy(update={"phase": ResyncPhase.FINISHED})
        return ResyncStep(state, _finished(state, now))
    following = replace(attempts, job_for=partial(_job, seen, state, now)).follow(executor)
    state = state.model_copy(update={"executor": following.executor})
    return ResyncStep(state, _under_way(state, now), following.actions, is_claim=following.is_claim)


def _job(seen: Observed, state: ResyncStatus, now: datetime, attempt: int) -> JsonObject:
    plan = RunSpec(
        verb=Verb.RESYNC,
        attempt=attempt,
        deadline=now + _TIMEOUT,
        cluster_uid=seen.cluster_uid or "",
        repository=seen.obj,
        cursor=state.cursor,
    )
    return job_manifest(
        name=names.resync_job_name(seen.repository.metadata.name, attempt),
        owner=owner_of(seen.repository),
        template=seen.template or {},
        plan=plan,
        labels={REPOSITORY_LABEL: seen.repository.metadata.name},
        now=now,
    )


def _manifest(seen: Observed, record: RecordedSnapshot) -> JsonObject:
    """The Snapshot; it takes its status from the annotation once it exists."""
    manifest = named_snapshot_manifest(
        seen.repository,
        record.name,
        session=record.session,
        backup_session=record.backup_session,
        id_=record.snapshot_id,
    )
    annotations: JsonObject = {RECORD_ANNOTATION: record.to_json()}
    return {**manifest, "metadata": {**metadata_of(manifest), "annotations": annotations}}


def _under_way(state: ResyncStatus, now: datetime) -> Condition:
    return condition(
        ConditionType.SNAPSHOTS_RESYNCED,
        status=None,
        reason="ResyncRunning",
        message=f"{_count(state)} so far",
        now=now,
    )


def _finished(state: ResyncStatus, now: datetime) -> Condition:
    message = f"{_count(state)} in all"
    if state.examples:
        message += f": {'; '.join(state.examples)}"
    return condition(
        ConditionType.SNAPSHOTS_RESYNCED,
        status=True,
        reason="ResyncFinished",
        message=message,
        now=now,
    )


def _count(state: ResyncStatus) -> str:
    """How much was read, for a message."""
    ignored = f", {state.ignored} ignored" if state.ignored else ""
    return f"{state.records} records read from the bucket{ignored}"
