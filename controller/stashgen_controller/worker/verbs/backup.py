"""backup: restic backup of the mounted volume, and the Snapshot's YAML.

The repository is checked and measured by ``upkeep``, in a rhythm of its own: for a backup that
would fetch the whole history. Only while it is known to be damaged each backup checks it too.
"""

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stashgen.api.shared import AffectedFiles, Condition, ConditionStatus
from stashgen.api.snapshot import (
    Component,
    Driver,
    Phase,
    ResticStats,
    Snapshot,
    SnapshotStatus,
    Summary,
)
from stashgen.kubestash import layout, snapshot_phases
from stashgen.kubestash.conditions import ConditionType, files_unreadable, repository_damaged
from stashgen.kubestash.quantities import format_size
from stashgen.kubestash.unreadable import OnUnreadable
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.repository.damage import (
    damaged_part,
    is_recorded_as_damaged,
    record_damage,
)
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.new_record import create_record, require_no_record
from stashgen_controller.worker.repository.restic_snapshots import tag_for
from stashgen_controller.worker.repository.writer import require_writer
from stashgen_controller.worker.restic.complaints import Where, add_up
from stashgen_controller.worker.restic.errors import SOURCE_INCOMPLETE, of_storage
from stashgen_controller.worker.restic.process import HOST, Outcome, Restic, ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError, run_error
from stashgen_controller.worker.status_reporter import Reporter, backup_progress
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.unresolved import unresolved
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.arguments import (
    OF_FILE_SYSTEM,
    add_cache,
    add_repository,
    items,
)


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """The arguments of the backup.

    Attributes:
        paths: What to back up.
        exclude: Patterns of what to leave out.
        on_unreadable: Whether a backup that lacks files is good.
    """

    component: str
    paths: Sequence[str]
    exclude: Sequence[str]
    on_unreadable: OnUnreadable


def add_arguments(parser: ArgumentParser) -> None:
    """Which session, and what of the volume."""
    add_repository(parser)
    add_cache(parser)
    parser.add_argument("--backupsession", required=True)
    parser.add_argument("--paths", required=True, type=items)
    parser.add_argument("--exclude", default=(), type=items)
    parser.add_argument("--on-unreadable", default=OnUnreadable.FAIL, type=OnUnreadable)


def subject(plan: RunSpec) -> Mapping[str, str]:
    """The session."""
    return {"backupsession": plan.backup_session or ""}


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Back up, and report the Snapshot and the session."""
    order = BackupOrder(args.component, args.paths, args.exclude, args.on_unreadable)
    return Work(lambda run: backup(run, order, reporter), reporter.backup_ended)


def backup(run: RunContext, order: BackupOrder, reporter: Reporter) -> None:
    """Back up the volume and write its record to the bucket.

    A failed one is recorded too when restic made a snapshot, so that retention can remove it.

    Raises:
        RunFailedError, ResticError, StorageError: the backup is not good. What is known of it is
            in ``run.components`` all the same.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    require_no_record(run, snapshot.metadata.name)
    path = layout.component_path(snapshot.spec.session or "", order.component)
    run.components[order.component] = Component(
        path=path, phase=Phase.RUNNING, driver=Driver.RESTIC
    )
    try:
        require_writer(run)
        _back_up(run, order, reporter, snapshot.metadata.name)
    except Exception as failure:
        run.fail_components(run_error(failure))
        if any(item.integrity is False for item in run.components.values()):
            record_damage(run)
        if any(item.restic_stats for item in run.components.values()):
            with contextlib.suppress(StorageError, RunFailedError):
                _upload(run, snapshot)
        raise
    try:
        _upload(run, snapshot)
    except (StorageError, RunFailedError) as failure:
        # Without a record it is no good backup, whatever restic has of it.
        run.finish_component(order.component, Phase.FAILED, error=run_error(failure).why.text)
        raise


def _back_up(run: RunContext, order: BackupOrder, reporter: Reporter, name: str) -> None:
    restic = run.restic(run.components[order.component].path or "")
    for source in order.paths:
        _require_no_link(run, source)
    clear_stale_locks(run, restic, run.components[order.component].path or "")
    outcomes = [
        _back_up_path(run, order, reporter, restic=restic, name=name, source=source)
        for source in order.paths
    ]
    for outcome in outcomes:
        _add_unresolved(run, outcome)
    root = str(run.environment.data)
    unreadable = add_up(*(found.output.complaints[Where.SOURCE].files(root) for found in outcomes))
    run.components[order.component] = run.components[order.component].model_copy(
        update={"unreadable": unreadable}
    )
    if run.plan.check:
        _check(run, order.component, restic)
    for outcome in outcomes:
        _require_sound(run, order.component, outcome)
    if unreadable is not None:
        _accept(run, order, outcomes, unreadable)
    _judge_by_record(run, order.component)
    run.finish_component(order.component, Phase.SUCCEEDED)


def _require_no_link(run: RunContext, source: str) -> None:
    """Stop where a path leads through a symbolic link, of which restic has the link alone.

    What it points to may be out of the volume, too: a folder of the pod.
    """
    link = run.link_in(source)
    if link is not None:
        msg = f"{link} is a symbolic link, which is all that would be backed up: name its target"
        raise RunFailedError(ErrorClass.SOURCE_INCOMPLETE, msg)


def _add_unresolved(run: RunContext, outcome: Outcome) -> None:
    """Count what the volume lists but cannot find as files that could not be read."""
    complaints = outcome.output.complaints
    for item in unresolved(complaints[Where.MISSING].items):
        text = f"{item}: listed by its folder, but not found"
        complaints[Where.SOURCE].add(item, text)
        run.errors.add(text)


def _require_sound(run: RunContext, name: str, outcome: Outcome) -> None:
    """Stop where restic found out, while it read the volume, that the repository lacks something.

    It stores again what it can, so this snapshot may be whole; the older ones are not.
    """
    complaints = outcome.output.complaints
    if complaints[Where.STORAGE].count:
        texts = complaints[Where.STORAGE].texts
        reason = of_storage(texts)
        if reason is ErrorClass.REPOSITORY_DAMAGED:
            run.components[name] = run.components[name].model_copy(update={"integrity": False})
        raise RunFailedError(reason, f"restic backup: {'; '.join(texts)}")
    is_explained = any(
        complaints[place].count for place in (Where.SOURCE, Where.NOWHERE, Where.MISSING)
    )
    if outcome.exit_code == SOURCE_INCOMPLETE and not is_explained:
        raise RunFailedError(ErrorClass.SOURCE_INCOMPLETE, f"restic backup: {outcome.text}")


def _accept(
    run: RunContext, order: BackupOrder, outcomes: Sequence[Outcome], unreadable: AffectedFiles
) -> None:
    """Stop where files are missing, unless the policy accepts that; nothing at all is no backup."""
    said = next(text for found in outcomes for text in found.output.complaints[Where.SOURCE].texts)
    what = f"could not read {unreadable.text} ({said})"
    summaries = [found.output.last("summary") or {} for found in outcomes]
    if not any(item.get("total_files_processed") for item in summaries):
        # There is nothing that could be restored.
        component = run.components[order.component].model_copy(update={"unreadable": None})
        run.components[order.component] = component
        raise RunFailedError(ErrorClass.SOURCE_INCOMPLETE, f"{what}, and nothing else is there")
    if order.on_unreadable is OnUnreadable.FAIL:
        raise RunFailedError(ErrorClass.SOURCE_INCOMPLETE, what)


def _back_up_path(
    run: RunContext,
    order: BackupOrder,
    reporter: Reporter,
    *,
    restic: Restic,
    name: str,
    source: str,
) -> Outcome:
    component = run.components[order.component]
    done = component.restic_stats or ()
    started = run.now()

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            running = ResticStats(progress=backup_progress(message))
            shown = component.model_copy(update={"restic_stats": (*done, running)})
            reporter.snapshot(run.plan, {order.component: shown})

    outcome = restic.run(
        "backup",
        f"--host={HOST}",
        f"--tag={tag_for(name)}",
        restic.time_flag(),
        *(f"--exclude={pattern}" for pattern in _left_out(run, order)),
        "--",
        source,
        ok=(0, SOURCE_INCOMPLETE),
        on_progress=progress,
        meanwhile=reporter.load,
    )
    summary = outcome.output.last("summary")
    if summary is None or not summary.get("snapshot_id"):
        raise RunFailedError(
            ErrorClass.INTERNAL, f"restic backup created no snapshot: {outcome.text}"
        )
    stats = ResticStats(
        summary=Summary(
            id=str(summary["snapshot_id"]),
            uploaded=format_size(int(str(summary.get("data_added_packed") or 0))),
            host_path=source,
            size=format_size(int(str(summary.get("total_bytes_processed") or 0))),
            start_time=started,
            end_time=run.now(),
        )
    )
    run.components[order.component] = component.model_copy(update={"restic_stats": (*done, stats)})
    if not run.is_there(source):
        # Whatever was in it counts as gone meanwhile, and that would be no fault.
        msg = f"{source} disappeared while it was being read"
        raise RunFailedError(ErrorClass.SOURCE_INCOMPLETE, msg)
    return outcome


def _left_out(run: RunContext, order: BackupOrder) -> Sequence[str]:
    """The patterns of what is not backed up: the policy's, and what belongs to the file system.

    Those that begin anywhere match below the volume's folder only: restic compares them with the
    name of that folder, too, and would leave out everything.
    """
    data = run.environment.data
    excluded = (item if item.startswith("/") else f"{data}/**/{item}" for item in order.exclude)
    return [*excluded, *(f"{data}/{name}" for name in sorted(OF_FILE_SYSTEM))]


def _check(run: RunContext, name: str, restic: Restic) -> None:
    """Have restic check the repository; a backup in a damaged repository is not good.

    Under restic's lock: what a prune removes meanwhile would look like damage.
    """
    # The backup's lock goes beside others, the check's does not: one may have become stale by now.
    clear_stale_locks(run, restic, run.components[name].path or "")
    try:
        restic.run("check")
    except ResticError as error:
        if error.reason is ErrorClass.REPOSITORY_DAMAGED:
            run.components[name] = run.components[name].model_copy(update={"integrity": False})
        raise
    run.components[name] = run.components[name].model_copy(update={"integrity": True})


def _judge_by_record(run: RunContext, name: str) -> None:
    """Say so where it is recorded that the repository is damaged, and its own check is no answer.

    It may share what is damaged with older ones. A check by a backup reads no stored data.
    """
    if not is_recorded_as_damaged(run):
        return
    component = run.components[name]
    if component.integrity is None or damaged_part(run) is not None:
        run.components[name] = component.model_copy(update={"integrity": False})


def _upload(run: RunContext, snapshot: Snapshot) -> None:
    """Put the Snapshot with its final status into the bucket."""
    now = run.now()
    uploaded = Condition(
        type=ConditionType.SNAPSHOT_METADATA_UPLOADED,
        status=ConditionStatus.TRUE,
        reason="SuccessfullyUploadedSnapshotMetadata",
        message="Metadata uploaded to backend successfully",
        last_transition_time=now,
    )
    lacks = next((item.unreadable for item in run.components.values() if item.unreadable), None)
    status = SnapshotStatus(
        snapshot_time=snapshot.metadata.creation_timestamp or run.started,
        last_update_time=now,
        total_components=len(run.components),
        components=dict(run.components),
        conditions=(
            uploaded,
            *files_unreadable(lacks, now),
            *repository_damaged(run.components.values(), now),
        ),
    )
    status = status.model_copy(
        update={
            "phase": snapshot_phases.snapshot_phase(status),
            "size": snapshot_phases.snapshot_size(status),
            "integrity": snapshot_phases.snapshot_integrity(status),
        }
    )
    create_record(run, snapshot.model_copy(update={"status": status}))
    run.uploaded = True
