"""The record of a requested restore in the bucket: one file a nonce, created only if absent.

``writing`` is there before the first byte of the volume changes, ``done`` after the last. So a
restore that was re-synced, pruned and added again, or found by a rebuilt cluster is not repeated,
and one that was interrupted is resumed by the same act alone.
"""

import json
from enum import StrEnum
from typing import Literal

from pydantic import ValidationError

from stashgen.api.base import Int, Model, Time, format_time
from stashgen.api.restore_session import RestoredBefore
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RestoreOrder
from stashgen_controller.worker.run import RunContext, RunFailedError


class State(StrEnum):
    """How far the act is."""

    WRITING = "writing"
    DONE = "done"


class Record(Model):
    """One act.

    Attributes:
        order: What was asked for, and by whom.
        snapshot: The one that ``latest`` stood for, or the same name.
        claim_uid, cluster_uid: The volume that is written, and where.
        begun, done: The workers' clocks.
        files, size_bytes: Of the whole snapshot.
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


def find(run: RunContext, order: RestoreOrder) -> Record | None:
    """The record of our act; None where nothing was begun.

    Raises:
        RunFailedError: NonceReused, where it is another act's or that of another volume.
        StorageError: the storage does not answer.
    """
    path = layout.restore_file(run.directory, order.nonce)
    data = run.bucket.read(path)
    if data is None:
        return None
    try:
        record = Record.from_wire(json.loads(data))
    except (ValueError, ValidationError, RecursionError) as error:
        msg = f"the record {path} cannot be read, so nobody knows whether the restore was done"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg) from error
    if not record.order.is_same_act(order):
        raise _reused(f"nonce {order.nonce!r} stands for {_text(record.order)}")
    if record.state is State.WRITING and not _is_here(run, record):
        raise _reused(
            f"the restore was begun at {format_time(record.begun)} with Snapshot "
            f"{record.snapshot} into volume {record.claim_uid} of cluster {record.cluster_uid} "
            "and did not end; this is another snapshot, volume or cluster"
        )
    return record


def restored_before(run: RunContext, record: Record) -> RestoredBefore | None:
    """That the act was done; None while it is not."""
    if record.state is not State.DONE:
        return None
    time = record.done or record.begun
    is_here = (record.claim_uid, record.cluster_uid) == _place(run)
    where = "" if is_here else f" into volume {record.claim_uid} of cluster {record.cluster_uid}"
    message = (
        f"restored before at {format_time(time)}{where} from Snapshot {record.snapshot}; "
        "nothing was written now"
    )
    return RestoredBefore(time=time, message=message)


def begin(run: RunContext, order: RestoreOrder) -> Record:
    """Leave the record that our writing begins; nobody else's is replaced.

    Raises:
        RunFailedError: NonceReused, where another run left one in this moment.
        StorageError: the storage does not answer.
    """
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
        raise _reused(f"another run began the restore {order.nonce!r} in this moment")
    return record


def finish(run: RunContext, record: Record, *, files: int, size_bytes: int) -> None:
    """Leave the record that all of it was written.

    Raises:
        StorageError: the storage does not answer.
    """
    done = record.model_copy(
        update={"state": State.DONE, "done": run.now(), "files": files, "size_bytes": size_bytes}
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
    text = f"{what}. Nothing was written; a restore that is wanted needs a new nonce"
    return RunFailedError(ErrorClass.NONCE_REUSED, text)
