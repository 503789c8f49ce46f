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

from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import layout
from stashgen.yaml.documents import read_documents
from stashgen_controller.worker.repository.restic_snapshots import Listed
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.storage.base import StorageError

_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_ID = re.compile(r"[0-9a-f]{64}")


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
