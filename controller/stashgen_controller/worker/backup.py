"""backup: restic backup of the mounted volume, check, sizes, the Snapshot's YAML."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen import yaml_out
from stashgen.api.backup_session import BackupSessionPhase
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.api.snapshot import (
    Component,
    Driver,
    Phase,
    ResticStats,
    Snapshot,
    SnapshotStatus,
    Summary,
)
from stashgen.kubestash import layout, phases
from stashgen.kubestash.quantities import format_duration, format_size
from stashgen_controller.restic import HOST, Outcome, Restic, ResticError
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.reporting import Reporter, backup_progress
from stashgen_controller.worker.run import Run, RunFailedError
from stashgen_controller.worker.writer import require_writer

_SOURCE_INCOMPLETE = 3


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """The arguments of the backup: which component, which paths, what to leave out."""

    component: str
    paths: Sequence[str]
    exclude: Sequence[str]


def backup(run: Run, order: BackupOrder, reporter: Reporter) -> None:
    """Back the volume up and leave the record of it in the bucket.

    Raises:
        RunFailedError, ResticError, StorageError: the backup is not good. What is known of it is
            in ``run.components`` all the same.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    path = layout.component_path(snapshot.spec.session or "", order.component)
    component = Component(path=path, phase=Phase.RUNNING, driver=Driver.RESTIC)
    run.components[order.component] = component
    try:
        require_writer(run)
        reporter.snapshot(snapshot.metadata.name, run.components)
        _back_up(run, order, reporter, snapshot.metadata.name)
    except (ResticError, RunFailedError) as error:
        _finish_component(run, order.component, Phase.FAILED, error=str(error))
        raise
    finally:
        _upload(run, snapshot)
        reporter.snapshot(snapshot.metadata.name, run.components)
        if run.plan.last_copy and run.plan.backup_session is not None:
            phase = _session_phase(run)
            reporter.backup_session(run.plan.backup_session, phase)


def _back_up(run: Run, order: BackupOrder, reporter: Reporter, name: str) -> None:
    restic = run.restic(run.components[order.component].path or "")
    incomplete: Outcome | None = None
    for source in order.paths:
        outcome = _back_up_path(run, order, reporter, restic=restic, name=name, source=source)
        if outcome.exit_code == _SOURCE_INCOMPLETE:
            incomplete = outcome
    check = restic.run("check", "--no-lock", ok=(0, 1))
    stats = restic.run("stats", "--mode=raw-data", "--no-lock")
    size = next((item["total_size"] for item in stats.messages if "total_size" in item), None)
    run.components[order.component] = run.components[order.component].model_copy(
        update={
            "integrity": check.exit_code == 0,
            "size": format_size(int(str(size))) if size is not None else None,
        }
    )
    if check.exit_code != 0:
        raise RunFailedError(
            ErrorClass.INVALID_BUCKET, f"restic check found errors: {check.errors[-300:]}"
        )
    if incomplete is not None:
        raise RunFailedError(
            ErrorClass.SOURCE_INCOMPLETE,
            f"some files could not be read: {incomplete.errors[-300:]}",
        )
    _finish_component(run, order.component, Phase.SUCCEEDED)


def _back_up_path(
    run: Run,
    order: BackupOrder,
    reporter: Reporter,
    *,
    restic: Restic,
    name: str,
    source: str,
) -> Outcome:
    component = run.components[order.component]
    done = component.restic_stats or ()

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            running = ResticStats(progress=backup_progress(message))
            shown = component.model_copy(update={"restic_stats": (*done, running)})
            reporter.snapshot(name, {order.component: shown})

    outcome = restic.run(
        "backup",
        source,
        f"--host={HOST}",
        restic.time_flag(),
        *(f"--exclude={pattern}" for pattern in order.exclude),
        ok=(0, _SOURCE_INCOMPLETE),
        on_message=progress,
    )
    summary = outcome.last("summary")
    if summary is None:
        raise RunFailedError(ErrorClass.INTERNAL, "restic backup printed no summary")
    stats = ResticStats(
        summary=Summary(
            id=str(summary.get("snapshot_id") or ""),
            uploaded=format_size(int(str(summary.get("data_added_packed") or 0))),
            host_path=source,
            size=format_size(int(str(summary.get("total_bytes_processed") or 0))),
            start_time=run.started,
            end_time=run.now(),
        )
    )
    run.components[order.component] = component.model_copy(update={"restic_stats": (*done, stats)})
    return outcome


def _finish_component(run: Run, name: str, phase: Phase, *, error: str | None = None) -> None:
    run.components[name] = run.components[name].model_copy(
        update={
            "phase": phase,
            "error": error,
            "duration": format_duration(run.now() - run.started),
        }
    )


def _upload(run: Run, snapshot: Snapshot) -> None:
    """Put the Snapshot with its final status into the bucket; only a good one is worth it.

    A failed one is recorded too when restic made a snapshot, so that retention can remove it.
    """
    if not any(item.restic_stats for item in run.components.values()):
        return
    now = run.now()
    uploaded = Condition(
        type="SnapshotMetadataUploaded",
        status=ConditionStatus.TRUE,
        reason="SuccessfullyUploadedSnapshotMetadata",
        last_transition_time=now,
    )
    status = SnapshotStatus(
        snapshot_time=run.started,
        last_update_time=now,
        total_components=len(run.components),
        components=dict(run.components),
        conditions=(uploaded,),
    )
    status = status.model_copy(
        update={
            "phase": phases.snapshot_phase(status),
            "size": phases.snapshot_size(status),
            "integrity": phases.snapshot_integrity(status),
        }
    )
    record = snapshot.model_copy(update={"status": status}).to_wire()
    file = layout.snapshot_file(run.directory, snapshot.metadata.name)
    run.bucket.write(file, yaml_out.emit(record).encode())
    run.uploaded = True


def _session_phase(run: Run) -> str:
    failed = run.plan.earlier_copy_failed or any(
        item.phase is not Phase.SUCCEEDED for item in run.components.values()
    )
    return (BackupSessionPhase.FAILED if failed else BackupSessionPhase.SUCCEEDED).value
