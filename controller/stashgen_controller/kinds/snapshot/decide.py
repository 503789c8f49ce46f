"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from dataclasses import replace
from datetime import datetime, timedelta

from stashgen.api.resources import JOBS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Component, Driver, Phase, SnapshotStatus
from stashgen.kubestash import layout, phases
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen_controller.jobs.run import POD_FOLLOWS, JobRun, RunState, with_event_reason
from stashgen_controller.kinds.snapshot.observe import Observed
from stashgen_controller.runtime.conditions import UPLOADED, condition, with_condition
from stashgen_controller.runtime.decision import Decision, Delete

INCOMPLETE = "BackupIncomplete"
LISTED = "RecentSnapshotListUpdated"
_SOON = timedelta(seconds=5)
_UNFINISHED = frozenset({None, Phase.PENDING, Phase.RUNNING})


def decide(seen: Observed, now: datetime) -> Decision:
    """Keep the status in step with the Job; a finished Snapshot is never changed again."""
    if seen.snapshot.is_finished and seen.status.conditions:
        return _without_job(seen)
    status = seen.status.model_copy(
        update={
            "total_components": 1,
            "snapshot_time": seen.status.snapshot_time or seen.snapshot.metadata.creation_timestamp,
        }
    )
    run = seen.run
    match run.state:
        case RunState.ABSENT:
            if seen.abandoned is not None:
                return _write(_failed(seen, status, seen.abandoned, now))
            created = seen.snapshot.metadata.creation_timestamp or now
            if now - created < _SOON and seen.status.phase is None:
                # Its Job follows at once as a rule, and then there is more to say.
                return Decision(requeue_after=_SOON)
            return _write(status)
        case RunState.RUNNING:
            never_started = run.never_started(now)
            if never_started is not None:
                failed = _write(_failed(seen, status, never_started.text, now))
                namespace = seen.snapshot.metadata.namespace or ""
                return with_event_reason(
                    failed, run, namespace, now, lambda run: _again(seen, run, now)
                )
            executor = run.executor(seen.snapshot.metadata.name, 1)
            if run.awaits_pod(now):
                return Decision(requeue_after=POD_FOLLOWS)
            if seen.snapshot.phase is Phase.RUNNING and status.executor == executor:
                # What the worker says meanwhile is summed up once, at the end.
                return Decision(status=seen.status.to_wire(), requeue_after=run.next_look(now))
            components = status.components or {COMPONENT: _component(seen, Phase.RUNNING)}
            return _write(
                status.model_copy(update={"executor": executor, "components": components}), run, now
            )
        case _:
            return _write(_finished(seen, status, now))


def _again(seen: Observed, run: JobRun, now: datetime) -> Decision:
    return decide(replace(seen, run=run), now)


def _without_job(seen: Observed) -> Decision:
    """A Job that counts as failed because it never started must not start later."""
    executor = seen.status.executor
    if seen.run.state is not RunState.RUNNING or executor is None or executor.job_uid is None:
        return Decision()
    namespace = seen.snapshot.metadata.namespace or ""
    return Decision((Delete(JOBS, namespace, executor.job, executor.job_uid),))


def _write(
    status: SnapshotStatus, run: JobRun | None = None, now: datetime | None = None
) -> Decision:
    status = status.model_copy(
        update={
            "size": phases.snapshot_size(status),
            "integrity": phases.snapshot_integrity(status),
        }
    )
    status = status.model_copy(update={"phase": phases.snapshot_phase(status)})
    wait = run.next_look(now) if run is not None and now is not None else None
    return Decision(status=status.to_wire(), requeue_after=wait)


def _finished(seen: Observed, status: SnapshotStatus, now: datetime) -> SnapshotStatus:
    """The last word: the worker's document; without one its status patch and its exit code."""
    run = seen.run
    why = run.error.text if run.error is not None else "the Job ended without a result"
    if run.result is None and not _is_good_without_document(seen):
        return _failed(seen, status, why, now)
    uploaded = run.result.uploaded if run.result is not None else True
    conditions = with_condition(status.conditions, _uploaded(now, None if uploaded else why))
    if uploaded:
        listed = condition(
            LISTED,
            status=True,
            reason="SuccessfullyUpdatedRecentSnapshotList",
            message="Recent snapshot list updated successfully",
            now=now,
        )
        conditions = with_condition(conditions, listed)
    reported = (run.result.components if run.result is not None else None) or (
        seen.status.components or {}
    )
    return status.model_copy(
        update={
            "executor": run.executor(seen.snapshot.metadata.name, 1) or status.executor,
            "components": _completed(seen, reported, why),
            "conditions": conditions,
            "last_update_time": run.finished or now,
        }
    )


def _is_good_without_document(seen: Observed) -> bool:
    """Whether pod and document are gone but all else says that the backup is good.

    The worker patched its component and ended with 0, which it does only after the upload.
    """
    components = (seen.status.components or {}).values()
    succeeded = bool(components) and all(item.phase is Phase.SUCCEEDED for item in components)
    return seen.run.exited_well and succeeded


def _failed(seen: Observed, status: SnapshotStatus, why: str, now: datetime) -> SnapshotStatus:
    """Without a document: what the worker said of its components before it ended says most."""
    reported = [item.error for item in (seen.status.components or {}).values() if item.error]
    why = reported[0] if reported else why
    incomplete = condition(
        INCOMPLETE,
        status=True,
        reason="BackupExecutorTerminatedBeforeCompletion",
        message=why,
        now=now,
    )
    return status.model_copy(
        update={
            "executor": seen.run.executor(seen.snapshot.metadata.name, 1) or status.executor,
            "components": _completed(seen, seen.status.components or {}, why),
            "conditions": with_condition(status.conditions, incomplete),
            "last_update_time": seen.run.finished or now,
        }
    )


def _completed(seen: Observed, reported: dict[str, Component], why: str) -> dict[str, Component]:
    """The components with those failed that nobody will finish any more."""
    components = reported or {COMPONENT: _component(seen, Phase.PENDING)}
    return {
        name: item.model_copy(update={"phase": Phase.FAILED, "error": item.error or why})
        if item.phase in _UNFINISHED
        else item
        for name, item in components.items()
    }


def _component(seen: Observed, phase: Phase) -> Component:
    return Component(
        path=layout.component_path(seen.snapshot.spec.session or "", COMPONENT),
        phase=phase,
        driver=Driver.RESTIC,
    )


def _uploaded(now: datetime, why: str | None) -> Condition:
    return condition(
        UPLOADED,
        status=why is None,
        reason="FailedToUploadSnapshotMetadata" if why else "SuccessfullyUploadedSnapshotMetadata",
        message=why or "Metadata uploaded to backend successfully",
        now=now,
    )
