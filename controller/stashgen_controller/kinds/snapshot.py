"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.base import JsonObject
from stashgen.api.resources import SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot, SnapshotStatus
from stashgen.kubestash import layout, phases
from stashgen_controller.conditions import condition, with_condition
from stashgen_controller.decision import Decision
from stashgen_controller.jobs import Run, RunState
from stashgen_controller.observing import backup_session_uid, observe_job
from stashgen_controller.pod_templates import COMPONENT
from stashgen_controller.reconciler import Kind, Reader


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one Snapshot: the object and the Job that has its name."""

    snapshot: Snapshot
    run: Run

    @property
    def status(self) -> SnapshotStatus:
        """The stored status, or an empty one."""
        return self.snapshot.status or SnapshotStatus()


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a snapshot."""
    snapshot = Snapshot.from_wire(obj)
    namespace = snapshot.metadata.namespace or ""
    return Observed(
        snapshot=snapshot,
        run=observe_job(
            reader,
            namespace=namespace,
            name=snapshot.metadata.name,
            executor=snapshot.status.executor if snapshot.status else None,
            owner_uid=backup_session_uid(reader, namespace, snapshot.spec.backup_session or ""),
        ),
    )


def decide(seen: Observed, now: datetime) -> Decision:
    """Keep the status in step with the Job; a finished Snapshot is never changed again."""
    if seen.snapshot.is_finished and seen.status.conditions:
        return Decision()
    status = seen.status.model_copy(
        update={
            "total_components": 1,
            "snapshot_time": seen.status.snapshot_time or seen.snapshot.metadata.creation_timestamp,
        }
    )
    match seen.run.state:
        case RunState.ABSENT:
            return _write(status)
        case RunState.RUNNING:
            executor = seen.run.executor(seen.snapshot.metadata.name, 1)
            components = status.components or {COMPONENT: _component(seen, Phase.RUNNING)}
            return _write(
                status.model_copy(update={"executor": executor, "components": components})
            )
        case _:
            return _write(_finished(seen, status, now))


def _write(status: SnapshotStatus) -> Decision:
    status = status.model_copy(
        update={
            "size": phases.snapshot_size(status),
            "integrity": phases.snapshot_integrity(status),
        }
    )
    return Decision(
        status=status.model_copy(update={"phase": phases.snapshot_phase(status)}).to_wire()
    )


def _finished(seen: Observed, status: SnapshotStatus, now: datetime) -> SnapshotStatus:
    run = seen.run
    components = _final_components(seen)
    uploaded = run.result is not None and run.result.uploaded
    conditions = status.conditions
    if run.result is None:
        what = run.error.text if run.error is not None else "the Job ended without a result"
        conditions = with_condition(
            conditions,
            condition(
                "BackupIncomplete",
                status=True,
                reason="BackupExecutorTerminatedBeforeCompletion",
                message=what,
                now=now,
            ),
        )
    elif run.succeeded or uploaded:
        conditions = with_condition(conditions, _uploaded(now, ok=uploaded))
        conditions = with_condition(
            conditions,
            condition(
                "RecentSnapshotListUpdated",
                status=True,
                reason="SuccessfullyUpdatedRecentSnapshotList",
                message="Recent snapshot list updated successfully",
                now=now,
            ),
        )
    else:
        conditions = with_condition(conditions, _uploaded(now, ok=False))
    return status.model_copy(
        update={
            "executor": run.executor(seen.snapshot.metadata.name, 1) or status.executor,
            "components": components,
            "conditions": conditions,
            "last_update_time": run.finished or now,
        }
    )


def _final_components(seen: Observed) -> dict[str, Component]:
    """The worker's own report; without one a failed component that says why."""
    run = seen.run
    if run.result is not None and run.result.components:
        return dict(run.result.components)
    error = run.error.text if run.error is not None else None
    reported = (seen.status.components or {}).get(COMPONENT)
    base = reported or _component(seen, Phase.FAILED)
    return {COMPONENT: base.model_copy(update={"phase": Phase.FAILED, "error": error})}


def _component(seen: Observed, phase: Phase) -> Component:
    return Component(
        path=layout.component_path(seen.snapshot.spec.session or "", COMPONENT),
        phase=phase,
        driver=Driver.RESTIC,
    )


def _uploaded(now: datetime, *, ok: bool) -> Condition:
    return condition(
        "SnapshotMetadataUploaded",
        status=ok,
        reason="SuccessfullyUploadedSnapshotMetadata" if ok else "FailedToUploadSnapshotMetadata",
        message="Metadata uploaded to backend successfully"
        if ok
        else "The snapshot's YAML file is not in the backend.",
        now=now,
    )


KIND = Kind(SNAPSHOTS, observe, decide)
