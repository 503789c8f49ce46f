"""The snapshots that restic itself lists, and whose each of them is."""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.base import JsonObject
from stashgen.kubestash import layout
from stashgen_controller.worker.restic.process import HOST, Restic
from stashgen_controller.worker.run import RunContext

_TAG = "stashgen.dev/snapshot="


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
