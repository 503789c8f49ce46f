"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS, JOBS, SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot, SnapshotStatus
from stashgen.kubestash import layout, phases
from stashgen.kubestash.executor import COMPONENT
from stashgen_controller.conditions import (
    METRICS_PUSHED,
    UPLOADED,
    condition,
    find,
    is_true,
    with_condition,
)
from stashgen_controller.decision import Decision, Delete
from stashgen_controller.observing import observe_job
from stashgen_controller.reconciler import Kind, Reader
from stashgen_controller.runs import POD_FOLLOWS, Run, RunState, asking

INCOMPLETE = "BackupIncomplete"
LISTED = "RecentSnapshotListUpdated"
_SOON = timedelta(seconds=5)
_UNFINISHED = frozenset({None, Phase.PENDING, Phase.RUNNING})


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one Snapshot.

    Attributes:
        snapshot: The object as a model.
        run: The Job that has its name.
        abandoned: Why no Job will come any more; None as long as one may.
    """

    snapshot: Snapshot
    run: Run
    abandoned: str | None

    @property
    def status(self) -> SnapshotStatus:
        """The stored status, or an empty one."""
        return self.snapshot.status or SnapshotStatus()


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a snapshot."""
    snapshot = Snapshot.from_wire(obj)
    namespace = snapshot.metadata.namespace or ""
    found = reader.get(BACKUP_SESSIONS, namespace, snapshot.spec.backup_session or "")
    session = BackupSession.from_wire(found) if found is not None else None
    return Observed(
        snapshot=snapshot,
        run=observe_job(
            reader,
            namespace=namespace,
            name=snapshot.metadata.name,
            executor=snapshot.status.executor if snapshot.status else None,
            owner_uid=session.metadata.uid if session is not None else None,
        ),
        abandoned=_abandoned(snapshot, session),
    )


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
                return asking(failed, run, namespace, now, lambda run: _again(seen, run, now))
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


def _again(seen: Observed, run: Run, now: datetime) -> Decision:
    return decide(replace(seen, run=run), now)


def _without_job(seen: Observed) -> Decision:
    """A Job that counts as failed because it never started must not start later."""
    executor = seen.status.executor
    if seen.run.state is not RunState.RUNNING or executor is None or executor.job_uid is None:
        return Decision()
    namespace = seen.snapshot.metadata.namespace or ""
    return Decision((Delete(JOBS, namespace, executor.job, executor.job_uid),))


def _write(status: SnapshotStatus, run: Run | None = None, now: datetime | None = None) -> Decision:
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


def _abandoned(snapshot: Snapshot, session: BackupSession | None) -> str | None:
    name = snapshot.spec.backup_session
    if session is None:
        return f"BackupSession {name} was deleted before it made a Job"
    status = session.status
    if status is None or not is_true(status.conditions, METRICS_PUSHED):
        return None
    given_up = find(status.conditions, "BackupExecutorEnsured")
    why = given_up.message if given_up is not None and given_up.message else "it says no more"
    return f"BackupSession {name} ended without a Job for this repository: {why}"


KIND = Kind(SNAPSHOTS, observe, decide)
