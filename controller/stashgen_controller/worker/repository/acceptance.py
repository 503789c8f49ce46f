"""What people accepted about a session's Snapshots, in a file beside the records.

A person names a Snapshot in an annotation. It is kept here too, because that Snapshot goes with
time while larger ones from before it may stay for years.
"""

from typing import Literal

from stashgen.api.base import Int, Model, Time
from stashgen.kubestash import layout
from stashgen_controller.worker.repository.documents import read_document, write_document
from stashgen_controller.worker.run import RunContext


class AcceptedSize(Model):
    """The volume was meant to shrink to the size of this Snapshot."""

    snapshot: str
    time: Time
    size_bytes: Int


class AcceptedGap(Model):
    """There really was no backup for a long time before this Snapshot."""

    snapshot: str
    time: Time


class Accepted(Model):
    """The file."""

    version: Literal["v1"] = "v1"
    size: AcceptedSize | None = None
    gap: AcceptedGap | None = None


def read_accepted(run: RunContext, session: str) -> Accepted:
    """What was accepted before.

    Raises:
        StorageError: the storage does not respond.
    """
    path = layout.acceptance_file(run.directory, session)
    return read_document(run, path, Accepted) or Accepted()


def keep_accepted(run: RunContext, session: str, accepted: Accepted) -> None:
    """Keep what was accepted.

    Raises:
        StorageError: it could not be written.
    """
    write_document(run, layout.acceptance_file(run.directory, session), accepted)
