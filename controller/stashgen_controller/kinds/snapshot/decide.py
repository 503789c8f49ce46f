"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from stashgen.api.shared import Condition, Executor
from stashgen.api.snapshot import Component, Driver, Phase, SnapshotStatus
from stashgen.kubestash import layout, snapshot_phases
from stashgen.kubestash.conditions import ConditionType, files_unreadable, repository_damaged
from stashgen.kubestash.pods.templates import COMPONENT
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
from stashgen_controller.jobs.run import SETTLES, RunState
from stashgen_controller.kinds.snapshot.observe import Observed
from stashgen_controller.kinds.snapshot.recorded import (
    list_updated,
    metadata_uploaded,
    recorded_status,
)
from stashgen_controller.runtime.conditions import condition, with_condition
from stashgen_controller.runtime.decision import Decision

_SOON = timedelta(seconds=5)


def decide(seen: Observed, now: datetime) -> Decision:
    """Keep the status in step with the Job; a finished Snapshot is never changed again."""
    namespace, name = seen.snapshot.key
    if seen.snapshot.is_finished and seen.status.conditions:
        return after_end(seen.run, namespace, seen.status.executor, now)
    status = seen.status.model_copy(
        update={
            "total_components": 1,
            "snapshot_time": seen.status.snapshot_time or seen.snapshot.metadata.creation_timestamp,
        }
    )
    stage = stage_of(seen.run, now, namespace=namespace, job=name)
    match stage:
        case Absent():
            return _without_job(seen, status, now)
        case NeverStarted():
            failed = _write(_failed(seen, status, stage.executor, stage.error.text, now))
            return stage.once_confirmed(failed, lambda run: decide(replace(seen, run=run), now))
        case Waiting(is_new=True):
            return Decision(requeue_after=SETTLES)
        case Waiting():
            if seen.snapshot.phase is Phase.RUNNING and status.executor == stage.executor:
                # What the worker says meanwhile is summed up once, at the end.
                return Decision(status=seen.status.to_wire(), requeue_after=stage.requeue_after)
            components = status.components or {COMPONENT: _component(seen, Phase.RUNNING)}
            running = status.model_copy(
                update={"executor": stage.executor, "components": components}
            )
            return _write(running, stage.requeue_after)
        case Succeeded():
            why = "the Job ended without a result"
            finished = _finished(seen, status, stage.executor, why, now)
            return _write(finished, next_look(seen.run))
        case Failed():
            finished = _finished(seen, status, stage.executor, stage.error.text, now)
            return _write(finished, next_look(seen.run))
        case _:
            assert_never(stage)


def _without_job(seen: Observed, status: SnapshotStatus, now: datetime) -> Decision:
    """One that has no Job: it came back from the bucket, was abandoned, or has just been made."""
    if seen.record is not None and seen.status.phase is None:
        return _write(recorded_status(seen.record))
    if seen.abandoned is not None:
        return _write(_failed(seen, status, None, seen.abandoned, now))
    created = seen.snapshot.metadata.creation_timestamp or now
    if now - created < _SOON and seen.status.phase is None:
        # Its Job follows at once as a rule, and then there is more to say.
        return Decision(requeue_after=_SOON)
    return _write(status)


def _write(status: SnapshotStatus, requeue_after: timedelta | None = None) -> Decision:
    status = status.model_copy(
        update={
            "size": snapshot_phases.snapshot_size(status),
            "integrity": snapshot_phases.snapshot_integrity(status),
        }
    )
    status = status.model_copy(update={"phase": snapshot_phases.snapshot_phase(status)})
    return Decision(status=status.to_wire(), requeue_after=requeue_after)


def _finished(
    seen: Observed, status: SnapshotStatus, executor: Executor | None, why: str, now: datetime
) -> SnapshotStatus:
    """The final status: from the worker's document; without one its status patch and its exit code.

    ``why`` is the error of each component that neither shows to be done.
    """
    run = seen.run
    if run.result is None and not _is_good_without_document(seen):
        return _failed(seen, status, executor, why, now)
    uploaded = run.result.uploaded if run.result is not None else True
    conditions = with_condition(
        status.conditions, metadata_uploaded(now, None if uploaded else why)
    )
    if uploaded:
        conditions = with_condition(conditions, list_updated(now))
    reported = (run.result.components if run.result is not None else None) or (
        seen.status.components or {}
    )
    for word in (*_unreadable(reported.values(), now), *repository_damaged(reported.values(), now)):
        conditions = with_condition(conditions, word)
    return status.model_copy(
        update={
            "executor": executor or status.executor,
            "writer": run.result.writer if run.result is not None else None,
            "components": _completed(seen, reported, why),
            "conditions": conditions,
            "last_update_time": run.finished or now,
        }
    )


def _unreadable(components: Iterable[Component], now: datetime) -> Iterator[Condition]:
    for item in components:
        yield from files_unreadable(item.unreadable, now)


def _is_good_without_document(seen: Observed) -> bool:
    """Whether pod and document no longer exist but all else shows that the backup is good.

    The worker patched its component and ended with 0, which it does only after the upload.
    """
    components = (seen.status.components or {}).values()
    succeeded = bool(components) and all(item.phase is Phase.SUCCEEDED for item in components)
    return seen.run.exited_well and succeeded


def _failed(
    seen: Observed, status: SnapshotStatus, executor: Executor | None, why: str, now: datetime
) -> SnapshotStatus:
    """Without a document: the error that the worker reported for a component explains most.

    But not that somebody deleted its Job.
    """
    reported = [item.error for item in (seen.status.components or {}).values() if item.error]
    why = reported[0] if reported and seen.run.state is not RunState.LOST else why
    incomplete = condition(
        ConditionType.BACKUP_INCOMPLETE,
        status=True,
        reason="BackupExecutorTerminatedBeforeCompletion",
        message=why,
        now=now,
    )
    components = seen.status.components or {}
    conditions = with_condition(status.conditions, incomplete)
    for lacks in _unreadable(components.values(), now):
        conditions = with_condition(conditions, lacks)
    return status.model_copy(
        update={
            "executor": executor or status.executor,
            "components": _completed(seen, components, why),
            "conditions": conditions,
            "last_update_time": seen.run.finished or now,
        }
    )


def _completed(seen: Observed, reported: dict[str, Component], why: str) -> dict[str, Component]:
    """The components, with those failed that will never be finished."""
    components = reported or {COMPONENT: _component(seen, Phase.PENDING)}
    return {
        name: item.model_copy(update={"phase": Phase.FAILED, "error": item.error or why})
        if item.phase is None or not item.phase.is_final
        else item
        for name, item in components.items()
    }


def _component(seen: Observed, phase: Phase) -> Component:
    return Component(
        path=layout.component_path(seen.snapshot.spec.session or "", COMPONENT),
        phase=phase,
        driver=Driver.RESTIC,
    )
