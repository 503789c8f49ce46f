"""The Snapshot records in a bucket, read as the untrusted input that they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import cast

from pydantic import ValidationError

from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import layout
from stashgen.source import read_documents
from stashgen_controller.restic import Restic
from stashgen_controller.worker.run import Run

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Record:
    """One Snapshot as the bucket knows it; ``restic`` has the ids by component path."""

    name: str
    session: str
    time: datetime
    phase: Phase
    restic: Mapping[str, tuple[str, ...]]

    def ids(self, path: str) -> tuple[str, ...]:
        """Restic's ids in one restic repository."""
        return self.restic.get(path, ())

    def is_listed(self, listed: Mapping[str, set[str]]) -> bool:
        """Whether restic still has all of it; a failed one need not have anything."""
        if self.phase is not Phase.SUCCEEDED:
            return True
        return bool(self.restic) and all(
            set(ids) <= listed.get(path, set()) for path, ids in self.restic.items()
        )


def read_records(run: Run) -> list[Record]:
    """The records of a repository; what is not one of ours is passed over.

    Raises:
        StorageError: the storage does not answer.
    """
    folder = layout.snapshots_folder(run.directory)
    found = []
    for file in run.bucket.names(folder):
        name = file.removesuffix(".yaml")
        if name == file or _NAME.fullmatch(name) is None:
            continue
        record = _read(name, run.bucket.read(layout.join(folder, file)))
        if record is not None:
            found.append(record)
    return found


def restic_ids(restic: Restic) -> set[str]:
    """The ids that restic lists, whole ones."""
    outcome = restic.run("snapshots", "--no-lock")
    items = [item for message in outcome.messages for item in _items(message)]
    return {str(item["id"]) for item in items if "id" in item}


def _items(message: Mapping[str, object]) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", message.get("items") or [])


def _read(name: str, data: bytes | None) -> Record | None:
    documents = read_documents(data or b"", PurePosixPath(name)).value
    if len(documents) != 1:
        return None
    try:
        snapshot = Snapshot.from_wire(documents[0].data)
    except ValidationError:
        return None
    if snapshot.metadata.name != name:
        return None
    time = snapshot.status.snapshot_time if snapshot.status is not None else None
    if time is None:
        # Without a time it would count as very old, and retention would remove it.
        return None
    components = (snapshot.status.components if snapshot.status else None) or {}
    restic: dict[str, tuple[str, ...]] = {}
    for component in components.values():
        restic[component.path or ""] = tuple(
            item.summary.id
            for item in component.restic_stats or ()
            if item.summary is not None and item.summary.id
        )
    return Record(name, snapshot.spec.session or "", time, snapshot.phase, restic)
