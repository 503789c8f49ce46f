"""The record of a plain RestoreSession in the bucket: it begins to write once, whatever comes back.

Its Job has one pod. But where etcd is restored from an older state, Jobs and pods come back that
have ended, and a kubelet runs a pod that it does not know: what was written since would be
overwritten. So a worker records that its session begins, and another one finds that. A
RestoreRequest has a record of its own (``restore_ledger.py``).
"""

import json
from typing import Literal

from pydantic import ValidationError

from stashgen.api.base import Model, Time, format_time
from stashgen.api.restore_session import RestoredBefore
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass, RestoredPart
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.storage.base import StorageError


class Record(Model):
    """The record of one RestoreSession; times are by the workers' clocks."""

    version: Literal["v1"] = "v1"
    restore_session: str
    begun: Time
    done: Time | None = None


def begin(run: RunContext, uid: str) -> RestoredBefore | None:
    """Record that a session writes from now on.

    It is read first: a storage that replaces a file on a create-only write keeps no record from a
    pod that runs beside this one, but from all that come after it.

    Returns:
        A note that it was done before; None where it begins.

    Raises:
        RunFailedError: RecordExists, because it began before and did not finish.
        StorageError: the storage does not respond.
    """
    path = _path(run, uid)
    record = Record(restore_session=run.plan.restore_session or "", begun=run.now())
    if not _is_there(run, path) and run.bucket.create(path, _bytes(record)):
        return None
    # Nobody knows how far it came, unless the record says that.
    run.restored = RestoredPart()
    try:
        known = Record.from_wire(json.loads(run.bucket.read(path) or b"null"))
    except (ValueError, ValidationError, RecursionError) as error:
        msg = f"the record {path} cannot be read, so it is unknown whether the restore was done"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg) from error
    if known.done is None:
        msg = (
            f"it began at {format_time(known.begun)} and is not begun again: nothing was written "
            "this time; create another RestoreSession"
        )
        raise RunFailedError(ErrorClass.RECORD_EXISTS, msg)
    run.restored = None
    text = f"already restored at {format_time(known.done)}; nothing was written this time"
    return RestoredBefore(time=known.done, message=text)


def finish(run: RunContext, uid: str) -> None:
    """Record that everything was written.

    Raises:
        StorageError: the storage does not respond.
    """
    now = run.now()
    record = Record(restore_session=run.plan.restore_session or "", begun=run.started, done=now)
    run.bucket.write(_path(run, uid), _bytes(record))


def _is_there(run: RunContext, path: str) -> bool:
    try:
        return run.bucket.read(path) is not None
    except StorageError as error:
        if error.reason is not ErrorClass.INVALID_BUCKET:
            raise
        # It is too long to be ours, and it is there.
        return True


def _path(run: RunContext, uid: str) -> str:
    return layout.restore_file(run.directory, f"session-{uid}")


def _bytes(record: Record) -> bytes:
    return json.dumps(record.to_wire(), sort_keys=True, indent=1).encode()
