"""The record of a new Snapshot: created once, never replaced."""

from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import layout
from stashgen.yaml import emitter
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.run import RunContext, RunFailedError


def require_no_record(run: RunContext, name: str) -> None:
    """Stop before anything is made for a Snapshot that has a record.

    Whoever may name Snapshots could otherwise replace old ones by new ones, a year in a day.

    Raises:
        RunFailedError: RecordExists.
        StorageError: the storage does not respond.
    """
    if run.bucket.read(layout.snapshot_file(run.directory, name)) is not None:
        raise _taken(name)


def create_record(run: RunContext, snapshot: Snapshot) -> None:
    """Put a Snapshot's record into the bucket; one that is there is never replaced.

    Raises:
        RunFailedError: RecordExists, where there is another one.
        StorageError: it could not be written.
    """
    name = snapshot.metadata.name
    file = layout.snapshot_file(run.directory, name)
    data = emitter.emit(snapshot.to_wire()).encode()
    # A request whose answer was lost and that was sent again meets our own record.
    if not run.bucket.create(file, data) and run.bucket.read(file) != data:
        raise _taken(name)


def _taken(name: str) -> RunFailedError:
    msg = f"the bucket has a record of Snapshot {name} already, which is never replaced"
    return RunFailedError(ErrorClass.RECORD_EXISTS, msg)
