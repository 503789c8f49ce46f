"""The record of a requested restore in the bucket: one file per nonce, created only if absent.

``writing`` is recorded before the first byte of the volume changes, ``done`` after the last. So a
restore that is synced again, pruned and added again, or found by a rebuilt cluster is not
repeated, and an interrupted one is resumed only by the same request.
"""

import json
from enum import StrEnum
from typing import Literal

from pydantic import ValidationError

from stashgen.api.base import Int, Model, Time, format_time
from stashgen.api.restore_session import RestoredBefore
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart
from stashgen_controller.protocol.run_spec import RestoreOrder
from stashgen_controller.worker.run import RunContext, RunFailedError


class State(StrEnum):
    """The progress of a restore."""

    WRITING = "writing"
    DONE = "done"


class Record(Model):
    """The record of one restore.

    Attributes:
        order: What was requested, and by which RestoreRequest.
        snapshot: The one that ``latest`` resolved to, or the requested name.
        claim_uid, cluster_uid: The volume that is written, and its cluster.
        begun, done: By the workers' clocks.
        files, size_bytes: Totals of the whole snapshot.
        restored: How far the last attempt came that could say so.
        metadata_refused: What the volume has without all of its metadata.
    """

    version: Literal["v1"] = "v1"
    state: State
    order: RestoreOrder
    snapshot: str
    claim_uid: str
    cluster_uid: str
    begun: Time
    done: Time | None = None
    files: Int | None = None
    size_bytes: Int | None = None
    restored: RestoredPart | None = None
    metadata_refused: AffectedFiles | None = None


def find(run: RunContext, order: RestoreOrder) -> Record | None:
    """The record of this restore; None if it was never started.

    Raises:
        RunFailedError: NonceReused, if it belongs to another restore or another volume.
        StorageError: the storage does not respond.
    """
    path = layout.restore_file(run.directory, order.nonce)
    data = run.bucket.read(path)
    if data is None:
        return None
    try:
        record = Record.from_wire(json.loads(data))
    except (ValueError, ValidationError, RecursionError) as error:
        msg = f"the record {path} cannot be read, so it is unknown whether the restore was done"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg) from error
    if not record.order.is_same_act(order):
        raise _reused(f"nonce {order.nonce!r} belongs to {_text(record.order)}")
    if record.state is State.WRITING and not _is_here(run, record):
        raise _reused(
            f"the restore was started at {format_time(record.begun)} with Snapshot "
            f"{record.snapshot} into volume {record.claim_uid} of cluster {record.cluster_uid} "
            "and did not finish; this is another snapshot, volume or cluster"
        )
    return record


def restored_before(run: RunContext, record: Record) -> RestoredBefore | None:
    """A note that the restore was completed before; None if it was not."""
    if record.state is not State.DONE:
        return None
    time = record.done or record.begun
    is_here = (record.claim_uid, record.cluster_uid) == _place(run)
    where = "" if is_here else f" into volume {record.claim_uid} of cluster {record.cluster_uid}"
    message = (
        f"already restored at {format_time(time)}{where} from Snapshot {record.snapshot}; "
        "nothing was written this time"
    )
    return RestoredBefore(time=time, message=message)


def begin(run: RunContext, order: RestoreOrder) -> Record:
    """Record that writing starts; an existing record is never replaced.

    Raises:
        RunFailedError: NonceReused, if another run created one at the same time.
        StorageError: the storage does not respond, or it would replace a record.
    """
    run.bucket.require_create_only(layout.create_only_file(run.directory))
    claim_uid, cluster_uid = _place(run)
    record = Record(
        state=State.WRITING,
        order=order,
        snapshot=_snapshot(run),
        claim_uid=claim_uid,
        cluster_uid=cluster_uid,
        begun=run.now(),
    )
    if not run.bucket.create(layout.restore_file(run.directory, order.nonce), _bytes(record)):
        raise _reused(f"another run started the restore {order.nonce!r} at the same time")
    return record


def note_part(run: RunContext, record: Record, part: RestoredPart) -> None:
    """Record how far an attempt came that did not finish; only words depend on it.

    Raises:
        StorageError: the storage does not respond.
    """
    noted = record.model_copy(update={"restored": part})
    run.bucket.write(layout.restore_file(run.directory, record.order.nonce), _bytes(noted))


def finish(
    run: RunContext,
    record: Record,
    *,
    files: int,
    size_bytes: int,
    metadata_refused: AffectedFiles | None,
) -> None:
    """Record that everything was written.

    Raises:
        StorageError: the storage does not respond.
    """
    done = record.model_copy(
        update={
            "state": State.DONE,
            "done": run.now(),
            "files": files,
            "size_bytes": size_bytes,
            "restored": None,
            "metadata_refused": metadata_refused,
        }
    )
    run.bucket.write(layout.restore_file(run.directory, record.order.nonce), _bytes(done))


def _bytes(record: Record) -> bytes:
    return json.dumps(record.to_wire(), sort_keys=True, indent=1).encode()


def _is_here(run: RunContext, record: Record) -> bool:
    where = (record.claim_uid, record.cluster_uid)
    return record.snapshot == _snapshot(run) and where == _place(run)


def _place(run: RunContext) -> tuple[str, str]:
    return run.plan.claim_uid or "", run.plan.cluster_uid


def _snapshot(run: RunContext) -> str:
    return Snapshot.from_wire(run.plan.snapshot).metadata.name


def _text(order: RestoreOrder) -> str:
    return (
        f"RestoreRequest {order.namespace}/{order.request}: Snapshot {order.snapshot} of "
        f"Repository {order.repository} into {order.target} with mode {order.mode.value}"
    )


def _reused(what: str) -> RunFailedError:
    text = f"{what}. Nothing was written; use a new nonce for another restore"
    return RunFailedError(ErrorClass.NONCE_REUSED, text)
