"""What a session's retention is about to remove, in a file beside the records.

It lets the next run complete an interrupted one, and it decides nothing: only what restic no
longer has is completed, everything else is judged again by the policy of the run that removes. So a
run that did not get restic's lock leaves nothing behind that matters.

It also names what was removed last. A result may be lost with its pod, or the storage may fail
between two removals: the next run says again what is gone, or its Snapshots would stay for ever.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from stashgen.api.base import Model, Time
from stashgen.kubestash import layout
from stashgen_controller.worker.repository.documents import read_document, write_document
from stashgen_controller.worker.run import RunContext

# The result must fit a termination message; the rest is left to the next run.
MOST_REMOVED = 32
# By Snapshot, restic's ids of its data.
Data = Mapping[str, Sequence[str]]


class Removal(Model):
    """The file.

    Attributes:
        data: By Snapshot, restic's ids of its data.
        gone: Names of the Snapshots that were removed last, oldest first.
        begun: By the worker's clock.
    """

    version: Literal["v1"] = "v1"
    data: dict[str, tuple[str, ...]]
    gone: tuple[str, ...] = ()
    begun: Time


def announced(run: RunContext, session: str) -> tuple[Data, Sequence[str]]:
    """What an earlier run was about to remove and did not complete, and what is gone.

    Raises:
        StorageError: the storage does not respond.
    """
    found = read_document(run, layout.removal_file(run.directory, session), Removal)
    return (found.data, found.gone) if found is not None else ({}, ())


def announce(
    run: RunContext, session: str, data: Data, gone: Sequence[str] = ()
) -> datetime | None:
    """Write what is about to be removed; returns when, by the clock of the storage.

    Raises:
        StorageError: it could not be written.
    """
    path = layout.removal_file(run.directory, session)
    removal = Removal(
        data={name: tuple(ids) for name, ids in data.items()},
        gone=tuple(gone[-MOST_REMOVED:]),
        begun=run.now(),
    )
    write_document(run, path, removal)
    return run.bucket.written_at(path)


def settle(run: RunContext, session: str, left: Data, gone: Sequence[str]) -> None:
    """Keep only what is still to be completed, and what is gone.

    Raises:
        StorageError: it could not be written.
    """
    if left or gone:
        announce(run, session, left, gone)
    else:
        run.bucket.delete(layout.removal_file(run.directory, session))
