"""restore: restore a Snapshot's files to their original paths."""

import contextlib
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from stashgen.api.base import format_time
from stashgen.api.restore_request import RestoreMode
from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart
from stashgen_controller.protocol.run_spec import RestoreOrder, RunSpec
from stashgen_controller.worker.repository import restore_ledger
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.records import list_restic
from stashgen_controller.worker.repository.writer import adopt
from stashgen_controller.worker.restic.output import Output
from stashgen_controller.worker.restic.process import Restic, ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter, restore_progress
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.arguments import add_cache, add_repository

_ID = re.compile(r"[0-9a-f]{8,64}")
# What a new file system has by itself.
_SHOWN = 3
_BEFORE_THE_FIRST_BYTE = frozenset(
    {
        ErrorClass.LOCKED,
        ErrorClass.WRONG_PASSWORD,
        ErrorClass.NO_REPOSITORY,
        ErrorClass.NO_SNAPSHOT,
        ErrorClass.NO_BUCKET,
        ErrorClass.ACCESS_DENIED,
        ErrorClass.UNAVAILABLE,
    }
)
_OF_THE_FILE_SYSTEM = frozenset({"lost+found"})
_Progress = Callable[[dict[str, object]], None]


def add_arguments(parser: ArgumentParser) -> None:
    """Which restore, and of which Snapshot."""
    add_repository(parser)
    add_cache(parser)
    parser.add_argument("--restoresession", required=True)
    parser.add_argument("--snapshot", required=True)


def subject(plan: RunSpec) -> Mapping[str, str]:
    """The restore and the Snapshot."""
    metadata = cast("dict[str, str]", (plan.snapshot or {}).get("metadata") or {})
    return {
        "restoresession": plan.restore_session or "",
        "snapshot": metadata.get("name", ""),
    }


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Restore, and report the RestoreSession."""
    return Work(lambda run: restore(run, args.component, reporter), reporter.restore_ended)


def restore(run: RunContext, component: str, reporter: Reporter) -> None:
    """Restore a component; files that the snapshot does not have stay as they are.

    A requested restore that was completed before succeeds without writing a byte.

    Raises:
        RunFailedError, ResticError, StorageError: not everything was restored.
    """
    snapshot = Snapshot.from_wire(run.plan.snapshot)
    known = (snapshot.status.components if snapshot.status else None) or {}
    source = known.get(component)
    path = _path(snapshot, component, source)
    run.components[component] = Component(path=path, phase=Phase.RUNNING, driver=Driver.RESTIC)
    name = run.plan.restore_session or ""
    running = RestoreComponent(phase=RestorePhase.RUNNING)
    reporter.restore_session(name, {component: running})

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            shown = running.model_copy(update={"progress": restore_progress(message)})
            reporter.restore_session(name, {component: shown})

    def ids() -> list[str]:
        found = _ids(source)
        if not found:
            what = f"Snapshot {snapshot.metadata.name} has no restic snapshot"
            raise RunFailedError(ErrorClass.NO_SNAPSHOT, f"{what} of component {component!r}")
        return found

    if run.plan.order is None:
        wanted = ids()
        _write(run, _restic(run, path), wanted, progress)
    else:
        _restore_once(run, run.plan.order, path, ids, progress)
    run.finish_component(component, Phase.SUCCEEDED)


def _restore_once(
    run: RunContext,
    order: RestoreOrder,
    path: str,
    ids: Callable[[], list[str]],
    progress: _Progress,
) -> None:
    """Restore unless the bucket's record says that it was done; resume an interrupted restore."""
    record = restore_ledger.find(run, order)
    if record is not None:
        run.restored_before = restore_ledger.restored_before(run, record)
        if run.restored_before is not None:
            return
    passed = f"notAfter {format_time(order.not_after)} has passed"
    if record is not None:
        run.restored = record.restored or RestoredPart()
        if run.now() >= order.not_after:
            msg = f"{passed}: the interrupted restore is not resumed"
            raise RunFailedError(ErrorClass.DEADLINE_EXCEEDED, msg)
    if run.now() >= order.not_after:
        raise RunFailedError(ErrorClass.EXPIRED, passed)
    wanted = ids()
    restic = _restic(run, path)
    _require_listed(restic, wanted)
    if record is None:
        if order.mode is RestoreMode.ONLY_IF_EMPTY:
            _require_empty(run)
        record = restore_ledger.begin(run, order)
    try:
        files, size_bytes = _write(run, restic, wanted, progress)
        restore_ledger.finish(run, record, files=files, size_bytes=size_bytes)
    except (ResticError, StorageError):
        if run.restored is not None:
            with contextlib.suppress(StorageError):
                restore_ledger.note_part(run, record, run.restored)
        raise


def _restic(run: RunContext, path: str) -> Restic:
    restic = run.restic(path)
    clear_stale_locks(run, restic, path)
    return restic


def _write(
    run: RunContext, restic: Restic, ids: Sequence[str], progress: _Progress
) -> tuple[int, int]:
    """Have restic write the volume; returns the snapshots' numbers of files and bytes.

    restic holds a lock of its own while it reads.
    """
    status: dict[str, object] = {}

    def take(message: dict[str, object]) -> None:
        status.update(message)
        progress(message)

    done, size_bytes = RestoredPart(), 0
    for id_ in ids:
        status.clear()
        try:
            outcome = restic.run("restore", id_, "--target=/", "--sparse", on_progress=take)
        except ResticError as error:
            # restic sums up unless it was interrupted.
            said = (error.output.last("summary") if error.output is not None else None) or status
            if said or _may_have_written(error):
                run.restored = _sum(done, said, error.output)
            raise
        summary = outcome.output.last("summary") or {}
        # Whatever fails from here on, the volume is not what it was.
        done = run.restored = _sum(done, summary)
        size_bytes += _int(summary, "total_bytes")
    if run.plan.adopt:
        adopt(run)
    return done.total_files, size_bytes


def _sum(
    done: RestoredPart, message: Mapping[str, object], failed: Output | None = None
) -> RestoredPart:
    """What was restored before, and what restic says of this snapshot.

    restic counts a file as restored that it could not write, so its errors are subtracted.
    """
    files = _int(message, "files_restored") + _int(message, "files_skipped")
    total = _int(message, "total_files")
    errors = failed.errors.count if failed is not None else 0
    files = max(0, min(files, total - errors))
    return RestoredPart(files=done.files + files, total_files=done.total_files + total)


def _int(message: Mapping[str, object], key: str) -> int:
    return int(str(message.get(key) or 0))


def _may_have_written(error: ResticError) -> bool:
    """Whether restic may have written although it reported no progress yet.

    Progress comes 20 times a second, but nothing at all tells the moment before the first report
    from the wait for a lock. In doubt the volume is not what it was.
    """
    return error.output is not None and error.reason not in _BEFORE_THE_FIRST_BYTE


def _require_listed(restic: Restic, ids: Sequence[str]) -> None:
    """Check that restic still has all of it, before the record says that writing starts."""
    listed = list_restic(restic)
    for id_ in ids:
        if not any(known.startswith(id_) for known in listed):
            msg = f"restic no longer lists snapshot {id_}"
            raise RunFailedError(ErrorClass.NO_SNAPSHOT, msg)


def _require_empty(run: RunContext) -> None:
    found = sorted(
        path.name for path in run.environment.data.iterdir() if path.name not in _OF_THE_FILE_SYSTEM
    )
    if found:
        shown = ", ".join(found[:_SHOWN]) + (" and more" if len(found) > _SHOWN else "")
        msg = f"mode OnlyIfEmpty: the volume contains {shown}"
        raise RunFailedError(ErrorClass.NOT_EMPTY, msg)


def _path(snapshot: Snapshot, component: str, source: Component | None) -> str:
    """Where the component's restic repository is; a record may not point elsewhere."""
    expected = layout.component_path(snapshot.spec.session or "", component)
    if source is not None and source.path not in {None, expected}:
        msg = (
            f"Snapshot {snapshot.metadata.name} says its data is at {source.path!r}, "
            f"not at {expected!r}"
        )
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg)
    return expected


def _ids(source: Component | None) -> list[str]:
    """Snapshot ids of restic, from a status that others can write too."""
    found = [
        item.summary.id
        for item in (source.restic_stats if source else None) or ()
        if item.summary is not None and item.summary.id
    ]
    for id_ in found:
        if _ID.fullmatch(id_) is None:
            raise RunFailedError(ErrorClass.INVALID_BUCKET, f"{id_!r} is not a restic snapshot id")
    return found
