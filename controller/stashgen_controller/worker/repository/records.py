"""The Snapshot records in a bucket: created once, never rewritten, and untrusted input.

Times and sizes in a record are not used where restic has them too: restic's own snapshots are
sealed with the repository's key, but a record is a file that anyone with the bucket's credentials
can write.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from pydantic import ValidationError

from stashgen.api.base import JsonObject
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import layout
from stashgen.yaml import emitter
from stashgen.yaml.documents import read_documents
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.process import HOST, Restic
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.storage.base import StorageError

_TAG = "stashgen.dev/snapshot="
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A snapshot that restic itself lists.

    Attributes:
        time: When its backup started.
        size_bytes: How much data the backup read; None if an old restic did not record it.
        owner: The Snapshot that it was created for, by its tag; None if no worker created it.
    """

    time: datetime
    size_bytes: int | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One Snapshot of a session as recorded in the bucket.

    Attributes:
        snapshot: As read.
        path: Its component's restic repository.
        ids: restic's ids there; empty for a failed one without a restic snapshot.
        is_stored: It is in the bucket; otherwise it exists only as an object in the cluster.
    """

    snapshot: Snapshot
    path: str
    ids: tuple[str, ...]
    is_stored: bool = True

    @property
    def name(self) -> str:
        """The Snapshot's name."""
        return self.snapshot.metadata.name

    @property
    def session(self) -> str:
        """The session that made it."""
        return self.snapshot.spec.session or ""

    @property
    def is_good(self) -> bool:
        """Whether the record says that it succeeded."""
        return self.snapshot.phase is Phase.SUCCEEDED

    def is_whole(self, listed: Mapping[str, Listed]) -> bool:
        """Whether restic still has all of it."""
        return bool(self.ids) and all(id_ in listed for id_ in self.ids)

    def time(self, listed: Mapping[str, Listed]) -> datetime:
        """When it was taken, according to restic if possible, else to the record."""
        times = [listed[id_].time for id_ in self.ids if id_ in listed]
        return min(times, default=self.snapshot.time)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a repository.

    Attributes:
        ignored: The names of files in the folder that are not records.
    """

    records: tuple[Record, ...]
    ignored: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The names of all Snapshots that have a file here."""
        return frozenset((*self.ignored, *(item.name for item in self.records)))


def read_records(run: RunContext, component: str) -> Records:
    """The records of a repository's component, sorted by name.

    Files that are not ours are ignored, so nothing of them is ever removed.

    Raises:
        StorageError: the storage does not respond.
    """
    found = []
    ignored = []
    for name in sorted(record_names(run)):
        record = read_record(run, name, component)
        if record is None:
            ignored.append(name)
        else:
            found.append(record)
    return Records(tuple(found), tuple(ignored))


def record_names(run: RunContext) -> list[str]:
    """The names of the Snapshots that have a file in the bucket.

    Raises:
        StorageError: the storage does not respond.
    """
    files = run.bucket.names(layout.snapshots_folder(run.directory))
    names = (file.removesuffix(".yaml") for file in files if file.endswith(".yaml"))
    return [name for name in names if _NAME.fullmatch(name) is not None]


def read_record(run: RunContext, name: str, component: str) -> Record | None:
    """One record; None if the file is not a record of this repository's component.

    Raises:
        StorageError: the storage does not respond.
    """
    return _read(name, _content(run, layout.snapshot_file(run.directory, name)), component)


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


def list_restic(restic: Restic) -> dict[str, Listed]:
    """The snapshots that restic itself lists, by full id.

    Raises:
        ResticError: the repository cannot be read.
    """
    return {
        str(item["id"]): Listed(
            datetime.fromisoformat(str(item["time"])), _size(item), _owner(item)
        )
        for item in restic.run("snapshots", "--no-lock").output.items()
    }


def stored_ids(run: RunContext, path: str) -> frozenset[str]:
    """The ids of all snapshots that are in a restic repository.

    restic leaves out of its list what it cannot load for a moment; only what has no file is gone.

    Raises:
        StorageError: the storage does not respond.
    """
    folder = layout.join(layout.restic_folder(run.directory, path), "snapshots")
    return frozenset(run.bucket.names(folder))


def tag_for(name: str) -> str:
    """The restic tag for the data of a Snapshot, before a record names its id.

    It contains no comma, like all object names: restic would treat the rest as another tag.
    """
    return f"{_TAG}{name}"


def _owner(item: JsonObject | dict[str, object]) -> str | None:
    """The Snapshot that a worker's tag names; None if further tags were added by hand."""
    tags = item.get("tags")
    ours = [str(tag) for tag in tags if str(tag).startswith(_TAG)] if isinstance(tags, list) else []
    if len(ours) != 1 or item.get("hostname") != HOST:
        return None
    return ours[0].removeprefix(_TAG)


def _size(item: JsonObject | dict[str, object]) -> int | None:
    summary = item.get("summary")
    size = summary.get("total_bytes_processed") if isinstance(summary, dict) else None
    return size if isinstance(size, int) else None


def _content(run: RunContext, path: str) -> bytes:
    try:
        return run.bucket.read(path) or b""
    except StorageError as error:
        if error.reason is error.reason.INVALID_BUCKET:
            return b""
        raise


def _read(name: str, data: bytes, component: str) -> Record | None:
    documents = read_documents(data, PurePosixPath(name)).value
    if len(documents) != 1:
        return None
    try:
        snapshot = Snapshot.from_wire(documents[0].data)
        path = layout.component_path(snapshot.spec.session or "", component)
    except (ValidationError, layout.UnsafePathError):
        return None
    if snapshot.metadata.name != name or snapshot.status is None:
        return None
    found = (snapshot.status.components or {}).get(component)
    if found is not None and found.path not in {None, path}:
        return None
    ids = tuple(
        item.summary.id
        for item in (found.restic_stats if found is not None else None) or ()
        if item.summary is not None and item.summary.id
    )
    if any(_ID.fullmatch(id_) is None for id_ in ids):
        return None
    return Record(snapshot, path, ids)
