"""restore: restore a Snapshot's files to their original paths."""

import contextlib
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stashgen.api.base import format_time
from stashgen.api.restore_request import RestoreMode
from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Component, Driver, Phase, Snapshot
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart
from stashgen_controller.protocol.run_spec import RestoreOrder, RunSpec
from stashgen_controller.worker.repository import restore_ledger, session_ledger
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.restic_snapshots import list_restic
from stashgen_controller.worker.repository.writer import adopt
from stashgen_controller.worker.restic.comparison import differing_files
from stashgen_controller.worker.restic.complaints import Where, add_up
from stashgen_controller.worker.restic.output import Output
from stashgen_controller.worker.restic.process import Restic, ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter, restore_progress
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.arguments import OF_FILE_SYSTEM, add_cache, add_repository

_ID = re.compile(r"[0-9a-f]{8,64}")
_SHOWN = 3
# Where a file fails that is then not in the volume; one whose metadata was refused is there.
_LACKING = (Where.STORAGE, Where.TARGET)
# Attributes that are the node's: its policy sets them for every new file, and need not let anybody
# else do so.
_OF_THE_NODE = (
    "security.selinux",
    "security.ima",
    "security.evm",
    "security.apparmor",
    "security.SMACK64*",
)
_WRITES = ("restore", "--target=/", "--sparse", *(f"--exclude-xattr={n}" for n in _OF_THE_NODE))
# restic's last word after a restore that did all it could.
_COUNTED = re.compile(r"There were ([0-9]+) errors")
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
_Progress = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A volume that has all data of the snapshots.

    Attributes:
        files, size_bytes: The snapshots' numbers.
        refused: What it has without all of its metadata.
    """

    files: int
    size_bytes: int
    refused: AffectedFiles | None


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
    running = RestoreComponent(phase=RestorePhase.RUNNING)
    reporter.restore_session(run.plan, {component: running})

    def progress(message: dict[str, object]) -> None:
        if reporter.is_due():
            shown = running.model_copy(update={"progress": restore_progress(message)})
            reporter.restore_session(run.plan, {component: shown})

    def ids() -> list[str]:
        found = _ids(source)
        if not found:
            what = f"Snapshot {snapshot.metadata.name} has no restic snapshot"
            raise RunFailedError(ErrorClass.NO_SNAPSHOT, f"{what} of component {component!r}")
        return found

    if run.plan.order is None:
        refused = _restore_session_once(run, path, ids, progress)
    else:
        refused = _restore_once(run, run.plan.order, path, ids, progress)
    run.metadata_refused = refused
    run.finish_component(component, Phase.SUCCEEDED)


def _restore_session_once(
    run: RunContext, path: str, ids: Callable[[], list[str]], progress: _Progress
) -> AffectedFiles | None:
    """Restore for a plain RestoreSession, unless the bucket's record says that it began before.

    Where our keys may only read there is no record, and nothing is asked.

    Returns:
        What the volume has without all of its metadata.
    """
    wanted, uid = ids(), run.plan.session_uid
    restic = _restic(run, path)
    if uid is None or run.read_only:
        return _write(run, restic, wanted, progress).refused
    run.restored_before = session_ledger.begin(run, uid)
    if run.restored_before is not None:
        return None
    written = _write(run, restic, wanted, progress)
    session_ledger.finish(run, uid)
    return written.refused


def _restore_once(
    run: RunContext,
    order: RestoreOrder,
    path: str,
    ids: Callable[[], list[str]],
    progress: _Progress,
) -> AffectedFiles | None:
    """Restore unless the bucket's record says that it was done; resume an interrupted restore.

    Returns:
        What the volume has without all of its metadata.
    """
    record = restore_ledger.find(run, order)
    if record is not None:
        run.restored_before = restore_ledger.restored_before(run, record)
        if run.restored_before is not None:
            return record.metadata_refused
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
        written = _write(run, restic, wanted, progress)
        restore_ledger.finish(
            run,
            record,
            files=written.files,
            size_bytes=written.size_bytes,
            metadata_refused=written.refused,
        )
    except (ResticError, RunFailedError, StorageError):
        if run.restored is not None:
            with contextlib.suppress(StorageError):
                restore_ledger.note_part(run, record, run.restored)
        raise
    return written.refused


def _restic(run: RunContext, path: str) -> Restic:
    """Restic on the source; without a lock where our keys may only read.

    No run of this cluster removes data meanwhile (the claim on the Repository). What another
    cluster's prune removes makes the restore fail: restic verifies each blob that it reads.
    """
    restic = run.restic(path, writes=False)
    if run.bucket.is_writable(layout.create_only_file(run.directory)):
        clear_stale_locks(run, restic, path)
    else:
        restic.no_lock = run.read_only = True
    return restic


def _write(run: RunContext, restic: Restic, ids: Sequence[str], progress: _Progress) -> Written:
    """Have restic write the volume.

    restic holds a lock of its own while it reads.
    """
    status: dict[str, object] = {}

    def take(message: dict[str, object]) -> None:
        status.update(message)
        progress(message)

    done, size_bytes = RestoredPart(), 0
    refused: AffectedFiles | None = None
    for id_ in ids:
        status.clear()
        try:
            output = restic.run(*_WRITES, "--", id_, on_progress=take).output
        except ResticError as error:
            # restic sums up unless it was interrupted.
            said = (error.output.last("summary") if error.output is not None else None) or status
            if said or _may_have_written(error):
                run.restored = _sum(done, said, error.output)
            if error.output is None or not _is_done_but_for_metadata(error.output):
                raise
            root = str(run.environment.data)
            _require_whole(restic, id_, root)
            output = error.output
            refused = add_up(refused, output.complaints[Where.METADATA].files(root))
        summary = output.last("summary") or {}
        # Whatever fails from here on, the volume is not what it was.
        done = run.restored = _sum(done, summary)
        size_bytes += _int(summary, "total_bytes")
    if run.plan.adopt:
        adopt(run)
    return Written(done.total_files, size_bytes, refused)


def _is_done_but_for_metadata(output: Output) -> bool:
    """Whether restic went through all files and the target refused nothing but metadata."""
    counted = _COUNTED.fullmatch(output.fatal or "")
    refused = output.complaints[Where.METADATA].reports
    return (
        output.last("summary") is not None
        and counted is not None
        and int(counted[1]) == refused > 0
    )


def _require_whole(restic: Restic, id_: str, root: str) -> None:
    """See that all data is in the volume.

    Raises:
        RunFailedError: TargetRefused, where something is missing or different.
        ResticError: it could not be compared.
    """
    files = differing_files(restic, id_, root)
    if files is not None:
        msg = f"not as in the snapshot after the restore: {files.text}"
        raise RunFailedError(ErrorClass.TARGET_REFUSED, msg)


def _sum(
    done: RestoredPart, message: Mapping[str, object], failed: Output | None = None
) -> RestoredPart:
    """What was restored before, and what restic says of this snapshot.

    restic counts a file as restored that it could not write, so these are subtracted.
    """
    files = _int(message, "files_restored") + _int(message, "files_skipped")
    total = _int(message, "total_files")
    complaints = failed.complaints if failed is not None else {}
    errors = sum(complaints[place].count for place in _LACKING if place in complaints)
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
        path.name for path in run.environment.data.iterdir() if path.name not in OF_FILE_SYSTEM
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
