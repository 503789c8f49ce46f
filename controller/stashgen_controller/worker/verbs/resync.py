"""maintain, verb resync: read a page of the Snapshots that the bucket has records of.

A termination message has room for some twenty, so a page is a run of its own, the newest records
first; the controller makes their Snapshots and asks for the next page. Nothing is written here.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stashgen.api.repository import Repository
from stashgen_controller.protocol.recorded_snapshot import (
    MOST_PACKED_BYTES,
    RecordedSnapshot,
    pack,
)
from stashgen_controller.protocol.run_result import ErrorClass, Resync, shorten
from stashgen_controller.worker.repository.records import read_record, record_names
from stashgen_controller.worker.repository.recovery import (
    NotRecoverableError,
    Place,
    is_named_for,
    order_key,
    recovered,
)
from stashgen_controller.worker.repository.restic_snapshots import Listed, list_restic
from stashgen_controller.worker.restic.process import ResticError
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.maintenance import (
    MaintainOrder,
    add_arguments,
    order_of,
    subject,
)

__all__ = ["add_arguments", "prepare", "subject"]

# However many of them are bad, a page ends.
_MOST_READ = 200
_MOST_EXAMPLES = 5
_LONGEST_EXAMPLE = 90


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Read a page."""
    del reporter
    order = order_of(args)
    return Work(lambda run: resync(run, order))


def resync(run: RunContext, order: MaintainOrder) -> None:
    """Report the records that follow the cursor, as many as fit.

    A record that is bad is counted and named; it does not stop the others.

    Raises:
        RunFailedError, ResticError, StorageError: the records cannot be read now.
    """
    repository = Repository.from_wire(run.plan.repository)
    place = Place(repository.metadata.name, repository.metadata.namespace or "", order.component)
    names = _after(record_names(run), run.plan.cursor)
    page = _Page(run, place)
    read = 0
    for name in names[:_MOST_READ]:
        if not page.add(name):
            break
        read += 1
    run.resync = Resync(
        snapshots=pack(page.snapshots),
        cursor=names[read - 1] if read else run.plan.cursor,
        is_last=read == len(names),
        ignored=page.ignored,
        examples=tuple(page.examples),
    )


def _after(names: Sequence[str], cursor: str | None) -> list[str]:
    """The names that come after the cursor, newest first; the cursor itself may be gone."""
    last = order_key(cursor) if cursor is not None else None
    ordered = sorted(names, key=order_key, reverse=True)
    return [name for name in ordered if last is None or order_key(name) < last]


@dataclass(slots=True)
class _Page:
    """The records of a page as far as they have been read."""

    run: RunContext
    place: Place
    snapshots: list[RecordedSnapshot] = field(default_factory=list)
    ignored: int = 0
    examples: list[str] = field(default_factory=list)
    _listed: dict[str, dict[str, Listed]] = field(default_factory=dict)

    def add(self, name: str) -> bool:
        """Read one more record; returns whether the page had room for it."""
        try:
            snapshot = self._read(name, self.run.now())
        except NotRecoverableError as error:
            self.ignored += 1
            if len(self.examples) < _MOST_EXAMPLES:
                self.examples.append(shorten(f"{name}: {error}", _LONGEST_EXAMPLE))
            return True
        if len(pack([*self.snapshots, snapshot])) > MOST_PACKED_BYTES:
            return False
        self.snapshots.append(snapshot)
        return True

    def _read(self, name: str, now: datetime) -> RecordedSnapshot:
        if not is_named_for(name, self.place.repository):
            raise NotRecoverableError("its name is not one of this Repository's Snapshots")
        record = read_record(self.run, name, self.place.component)
        if record is None:
            raise NotRecoverableError("it is not a record of a Snapshot")
        if record.path not in self._listed:
            self._listed[record.path] = self._list(record.path)
        found = recovered(record, self.place, self._listed[record.path], now)
        if len(pack([found])) > MOST_PACKED_BYTES:
            raise NotRecoverableError("it is too large")
        return found

    def _list(self, path: str) -> dict[str, Listed]:
        try:
            return list_restic(self.run.restic(path, writes=False))
        except ResticError as error:
            if error.reason is ErrorClass.NO_REPOSITORY:
                return {}
            raise
