"""maintain, verb retain: remove what the reviewed policy does not keep.

The order lets the next run complete an interrupted one: mark the records, have restic forget and
prune the data, delete the records, report the names to the controller.

A worker that was killed between restic's snapshot and its record leaves data without a record. It
is removed once the cluster reports that its Snapshot failed. A missing record alone is not enough:
records can be lost, or reach a replica of a bucket late, and must not take history with them.
"""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stashgen.api.meta import ObjectMeta
from stashgen.api.snapshot import Phase, Snapshot, SnapshotSpec, SnapshotStatus
from stashgen.kubestash import layout, retention
from stashgen.kubestash.quantities import format_size
from stashgen.kubestash.retention import SnapshotFact
from stashgen_controller.protocol.run_result import ErrorClass, Retention
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.records import (
    Listed,
    Record,
    Records,
    list_restic,
    mark_pruning,
    read_records,
)
from stashgen_controller.worker.repository.writer import record_writer
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.maintenance import (
    MaintainOrder,
    add_arguments,
    order_of,
    subject,
)

__all__ = ["add_arguments", "prepare", "subject"]

# The result must fit a termination message; the rest is left to the next run.
MOST_REMOVED = 32
# Clocks of nodes differ a little.
_CLOCK_SKEW = timedelta(minutes=5)
# If a volume lost half of its bytes within a week, there must be time to notice it.
SHRUNK_BELOW = 0.5
SHRUNK_WITHIN = timedelta(days=7)

_ListedByPath = Mapping[str, Mapping[str, Listed]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to remove now, oldest first, and counts of the rest."""

    remove: Sequence[Record]
    remaining: int
    kept: int
    missing: int


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Apply the retention."""
    del reporter
    order = order_of(args)
    return Work(lambda run: retain(run, order))


def retain(run: RunContext, order: MaintainOrder) -> None:
    """Remove what the reviewed policy does not keep.

    Only snapshots that restic itself lists count as good ones.

    Raises:
        RunFailedError: RetentionHeld or RestoreExpected: removing would not be safe.
        ResticError, StorageError: the policy could not be applied.
    """
    if not record_writer(run).matches:
        msg = "another volume or cluster writes here; nothing is removed"
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)
    found = read_records(run, order.component)
    records = [item for item in found.records if item.session in order.sessions]
    failed = unrecorded_failures(run.plan.unrecorded_failures, found, order)
    listed = {path: list_restic(run.restic(path)) for path in order.paths}
    refuse_past(listed, run.now())
    choice = choose([*records, *failed], listed, order, run.now())
    if choice.remove:
        refuse_shrunk(records, listed)
        for record in choice.remove:
            mark_pruning(run, record)
    data = data_of([*choice.remove, *failed], records, listed)
    _forget(run, data)
    for record in choice.remove:
        if record.is_stored:
            run.bucket.delete(layout.snapshot_file(run.directory, record.name))
    run.retention = Retention(
        removed=tuple(item.name for item in choice.remove),
        remaining=choice.remaining,
        kept=choice.kept,
        missing=choice.missing,
        ignored=len(found.ignored),
        orphans=sum(map(len, data.values())) - _named(choice.remove, data),
    )


def refuse_past(listed: _ListedByPath, now: datetime) -> None:
    """Stop where restic has snapshots from the future: by our clock their ages are wrong.

    Raises:
        RunFailedError: RetentionHeld.
    """
    times = [item.time for found in listed.values() for item in found.values()]
    newest = max(times, default=now)
    if newest > now + _CLOCK_SKEW:
        msg = f"the clock went back: there is a snapshot from {newest:%Y-%m-%dT%H:%M:%SZ}"
        raise RunFailedError(ErrorClass.RETENTION_HELD, msg)


def refuse_shrunk(records: Iterable[Record], listed: _ListedByPath) -> None:
    """Stop where the newest good snapshot is much smaller than another one of the last week.

    An emptied volume must not displace the history that it can be restored from. After a week
    without intervention the smaller size is accepted as normal.

    Raises:
        RunFailedError: RetentionHeld.
    """
    by_path: dict[str, list[tuple[datetime, int]]] = {}
    for record in records:
        there = listed[record.path]
        if record.is_good and record.is_whole(there):
            size = sum(there[id_].size_bytes for id_ in record.ids)
            by_path.setdefault(record.path, []).append((record.time(there), size))
    for path, sizes in by_path.items():
        newest_time, newest = max(sizes)
        largest = max(size for time, size in sizes if newest_time - time <= SHRUNK_WITHIN)
        if newest < largest * SHRUNK_BELOW:
            msg = (
                f"the volume shrank from {format_size(largest)} to {format_size(newest)} within "
                f"a week ({path}): nothing is removed"
            )
            raise RunFailedError(ErrorClass.RETENTION_HELD, msg)


def choose(
    records: Sequence[Record], listed: _ListedByPath, order: MaintainOrder, now: datetime
) -> Choice:
    """Apply the policy to what counts; what an earlier run began to remove comes first.

    A good record whose data restic does not list is neither kept for nor removed: that data is
    missing is not retention's to tidy away. A session whose good ones were all marked is treated
    as if none was: the last good one stays.
    """
    counted = [item for item in records if not item.is_good or item.is_whole(listed[item.path])]
    with_good = {item.session for item in counted if item.is_good and not item.is_pruning}
    begun = [
        item
        for item in records
        if item.is_pruning and (item.session in with_good or not item.is_whole(listed[item.path]))
    ]
    names_begun = {item.name for item in begun}
    facts = [
        SnapshotFact(item.name, item.time(listed[item.path]), item.snapshot.phase, item.session)
        for item in counted
        if item.name not in names_begun
    ]
    decision = retention.decide(facts, order.keep, now)
    by_name = {item.name: item for item in counted}
    due = [*begun, *(by_name[name] for name in decision.remove)]
    missing = [item for item in records if item not in counted and item.name not in names_begun]
    return Choice(
        remove=due[:MOST_REMOVED],
        remaining=max(0, len(due) - MOST_REMOVED),
        kept=len(decision.keep),
        missing=len(missing),
    )


def unrecorded_failures(
    said: Iterable[UnrecordedFailure], found: Records, order: MaintainOrder
) -> Sequence[Record]:
    """The failed ones that only the cluster knows, as records without data of their own.

    Whatever has a file in the bucket is not among them: that file counts.
    """
    return [
        Record(
            Snapshot(
                metadata=ObjectMeta(name=item.name),
                spec=SnapshotSpec(session=item.session),
                status=SnapshotStatus(phase=Phase.FAILED, snapshot_time=item.time),
            ),
            layout.component_path(item.session, order.component),
            ids=(),
            is_pruning=False,
            is_stored=False,
        )
        for item in said
        if item.session in order.sessions and item.name not in found.names
    ]


def data_of(
    removed: Sequence[Record], records: Sequence[Record], listed: _ListedByPath
) -> Mapping[str, Sequence[str]]:
    """What restic is to forget with some records, by path.

    That is what they name, and what was made for them and nobody names (an earlier try of the
    same Job, a killed worker); never what another record refers to, too.
    """
    gone = {(item.path, item.name) for item in removed}
    named = {(item.path, id_) for item in removed for id_ in item.ids}
    kept = {
        (item.path, id_)
        for item in records
        if (item.path, item.name) not in gone
        for id_ in item.ids
    }
    return {
        path: [
            id_
            for id_, item in there.items()
            if ((path, id_) in named or (path, item.owner) in gone) and (path, id_) not in kept
        ]
        for path, there in listed.items()
    }


def _named(removed: Sequence[Record], data: Mapping[str, Sequence[str]]) -> int:
    named = {(item.path, id_) for item in removed for id_ in item.ids}
    return sum((path, id_) in named for path, ids in data.items() for id_ in ids)


def _forget(run: RunContext, data: Mapping[str, Sequence[str]]) -> None:
    """Have restic forget snapshots and what only they need."""
    for path, ids in data.items():
        if ids:
            restic = run.restic(path)
            clear_stale_locks(run, restic, path)
            restic.run("forget", "--prune", *ids)
