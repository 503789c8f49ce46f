"""maintain, verb retain: remove what the reviewed policy does not keep of one session's snapshots.

The order lets the next run complete an interrupted one: announce what is to be removed, have restic
forget it under its lock, delete the records of what is gone, report the names to the controller.
Records themselves are never rewritten. The data goes with the next prune (``upkeep``).

A worker that was killed between restic's snapshot and its record leaves data without a record. It
is removed once the cluster reports that its Snapshot failed. A missing record alone is not enough:
records can be lost, or reach a replica of a bucket late, and must not take history with them.
"""

import contextlib
from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from stashgen.api.meta import ObjectMeta
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.snapshot import Phase, Snapshot, SnapshotSpec, SnapshotStatus
from stashgen.kubestash import layout, retention
from stashgen.kubestash.retention import SnapshotFact
from stashgen_controller.protocol.run_result import ErrorClass, Retention
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.worker.repository import acceptance, guards, removal
from stashgen_controller.worker.repository.acceptance import Accepted
from stashgen_controller.worker.repository.damage import refuse_damaged
from stashgen_controller.worker.repository.guards import Good
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.records import Record, Records, read_records
from stashgen_controller.worker.repository.restic_snapshots import (
    Listed,
    list_restic,
    stored_ids,
)
from stashgen_controller.worker.repository.writer import record_writer
from stashgen_controller.worker.restic.process import Restic, ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.maintenance import (
    MaintainOrder,
    add_arguments,
    order_of,
    subject,
)

__all__ = ["add_arguments", "prepare", "subject"]


@dataclass(frozen=True, slots=True)
class History:
    """One session's snapshots, from all that knows of them.

    Attributes:
        path: Its restic repository.
        records: Those in the bucket.
        failed: Those that only the cluster knows.
        listed: What restic lists, by id.
        interrupted: Names of records whose removal an earlier run began: restic no longer has
            all of their data.
        gone: Names of those that earlier runs removed and may not have told, oldest first.
        pinned: Names of Snapshots that restores need.
    """

    session: str
    path: str
    records: Sequence[Record]
    failed: Sequence[Record]
    listed: Mapping[str, Listed]
    interrupted: Collection[str] = ()
    gone: Sequence[str] = ()
    pinned: Collection[str] = ()

    @property
    def good(self) -> Sequence[Good]:
        """The good ones that restic still has, oldest first."""
        found = [item for item in self.records if item.is_good and item.is_whole(self.listed)]
        goods = [Good(item.name, item.time(self.listed), self._size(item)) for item in found]
        return sorted(goods, key=lambda item: (item.time, item.name))

    @property
    def times(self) -> Sequence[datetime]:
        """When something was backed up, or failed to be."""
        recorded = [item.time(self.listed) for item in (*self.records, *self.failed)]
        return [*(item.time for item in self.listed.values()), *recorded]

    def _size(self, record: Record) -> int | None:
        sizes = [self.listed[id_].size_bytes for id_ in record.ids]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None


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
        RunFailedError: RetentionHeld, RestoreExpected or RepositoryDamaged: removing would not be
            safe.
        ResticError, StorageError: the policy could not be applied.
    """
    session = own_session(run.plan.session, order)
    if not record_writer(run).matches:
        msg = "another volume or cluster writes here; nothing is removed"
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)
    refuse_damaged(run)
    run.bucket.require_create_only(layout.create_only_file(run.directory))
    found = read_records(run, order.component)
    restic = run.restic(layout.component_path(session, order.component))
    history = _history(run, order.component, session, found, restic)
    guards.refuse_past([item.time for item in history.listed.values()], run.now())
    choice = choose(history, order.keep, run.now())
    if any(item.name not in history.interrupted for item in choice.remove):
        _refuse(run, history)
    data = data_of(history, [*choice.remove, *history.failed])
    removed = _remove(run, restic, history, choice, data)
    run.retention = Retention(
        removed=tuple(item.name for item in removed),
        remaining=choice.remaining + len(choice.remove) - len(removed),
        kept=choice.kept,
        missing=choice.missing,
        ignored=len(found.ignored),
        orphans=len(set(data) - {id_ for item in choice.remove for id_ in item.ids}),
        removed_before=tuple(history.gone),
    )


def own_session(session: str | None, order: MaintainOrder) -> str:
    """The session that the run is for, which the reviewed command line must list.

    Raises:
        RunFailedError: it does not.
    """
    if session is None or session not in order.sessions:
        msg = f"session {session!r} is not among those of the command line: {order.sessions}"
        raise RunFailedError(ErrorClass.INTERNAL, msg)
    return session


def _history(
    run: RunContext, component: str, session: str, found: Records, restic: Restic
) -> History:
    path = layout.component_path(session, component)
    records = [item for item in found.records if item.session == session]
    interrupted, gone = _earlier(run, session, path, records)
    # The attempt before has told its result. A name may be in use again.
    untold = [name for name in gone if name not in found.names] if run.plan.attempt == 1 else []
    return History(
        session=session,
        path=path,
        records=records,
        failed=unrecorded_failures(run.plan.unrecorded_failures, found, session, component),
        listed=list_restic(restic),
        interrupted=interrupted,
        gone=untold,
        pinned=frozenset(run.plan.pinned_snapshots),
    )


def _earlier(
    run: RunContext, session: str, path: str, records: Sequence[Record]
) -> tuple[Collection[str], Sequence[str]]:
    """Whose removal an earlier run began, and who is gone; the rest is no longer announced."""
    announced, gone = removal.announced(run, session)
    if not announced:
        return frozenset(), gone
    stored = stored_ids(run, path)
    begun = {
        item.name: item.ids
        for item in records
        if item.ids
        and set(item.ids) <= set(announced.get(item.name, ()))
        and not stored.issuperset(item.ids)
    }
    recorded = {item.name for item in records}
    gone = [
        *gone,
        *(
            name
            for name, ids in announced.items()
            if name not in recorded and stored.isdisjoint(ids)
        ),
    ]
    if begun.keys() != announced.keys():
        removal.settle(run, session, begun, gone)
    return begun.keys(), gone


def choose(history: History, policy: RetentionPolicySpec, now: datetime) -> Choice:
    """Apply the policy to what counts; what an earlier run began to remove comes first.

    A good record whose data restic does not list is neither kept for nor removed: that data is
    missing is not retention's to tidy away, unless retention itself removed it. What a restore
    needs stays beside what the policy keeps.
    """
    listed = history.listed
    open_ = [
        item
        for item in (*history.records, *history.failed)
        if item.name not in history.pinned and item.name not in history.interrupted
    ]
    counted = {item.name: item for item in open_ if not item.is_good or item.is_whole(listed)}
    facts = [
        SnapshotFact(
            item.name,
            item.time(listed),
            item.snapshot.phase,
            item.session,
            is_whole=item.snapshot.unreadable is None,
        )
        for item in counted.values()
    ]
    decision = retention.decide(facts, policy, now)
    begun = [item for item in history.records if item.name in history.interrupted]
    due = [
        *(item for item in begun if item.name not in history.pinned),
        *(counted[name] for name in decision.remove),
    ]
    pinned = [item for item in history.records if item.name in history.pinned]
    # What was not told yet shares the room of the result.
    most = max(0, removal.MOST_REMOVED - len(history.gone))
    return Choice(
        remove=due[:most],
        remaining=max(0, len(due) - most),
        kept=len(decision.keep) + len(pinned),
        missing=len(open_) - len(counted),
    )


def _refuse(run: RunContext, history: History) -> None:
    """Stop where what is known does not fit together, and keep what a person has accepted."""
    plan, known = run.plan, acceptance.read_accepted(run, history.session)
    size = guards.refuse_shrunk(history.good, known.size, plan.accepted_smaller)
    gap = known.gap
    # The other machine's clock is compared once something was written there.
    if not run.bucket.has_own_clock:
        guards.refuse_late(history.times, run.now())
        gap = guards.refuse_gap(history.good, known.gap, plan.accepted_gap)
    if (size, gap) != (known.size, known.gap):
        acceptance.keep_accepted(run, history.session, Accepted(size=size, gap=gap))


def unrecorded_failures(
    said: Iterable[UnrecordedFailure], found: Records, session: str, component: str
) -> Sequence[Record]:
    """The session's failed ones that only the cluster knows, as records without data of their own.

    Whatever has a file in the bucket is not among them: that file counts.
    """
    return [
        Record(
            Snapshot(
                metadata=ObjectMeta(name=item.name),
                spec=SnapshotSpec(session=item.session),
                status=SnapshotStatus(phase=Phase.FAILED, snapshot_time=item.time),
            ),
            layout.component_path(session, component),
            ids=(),
            is_stored=False,
        )
        for item in said
        if item.session == session and item.name not in found.names
    ]


def data_of(history: History, removed: Sequence[Record]) -> Sequence[str]:
    """What restic is to forget with some records.

    That is what they name, and what was made for them and nobody names (an earlier try of the
    same Job, a killed worker); never what another record or a restore refers to, too.
    """
    gone = {item.name for item in removed} - set(history.pinned)
    named = {id_ for item in removed for id_ in item.ids}
    kept = {id_ for item in history.records if item.name not in gone for id_ in item.ids}
    return [
        id_
        for id_, item in history.listed.items()
        if (id_ in named or item.owner in gone) and id_ not in kept
    ]


def _remove(
    run: RunContext, restic: Restic, history: History, choice: Choice, data: Sequence[str]
) -> Sequence[Record]:
    """Remove data and records; returned is what is gone."""
    if not choice.remove and not data:
        return ()
    ids = {item.name: item.ids for item in history.records}
    chosen = {item.name for item in choice.remove}
    left = {name: ids[name] for name in history.interrupted if name not in chosen}
    stored = {item.name: item.ids for item in choice.remove if item.is_stored}
    written = removal.announce(run, history.session, {**left, **stored}, history.gone)
    try:
        guards.refuse_other_clock(run.now() - run.environment.clock_offset, written)
        if data:
            clear_stale_locks(run, restic, history.path)
            restic.run("forget", *data)
    except (RunFailedError, ResticError, StorageError):
        with contextlib.suppress(StorageError):
            if stored_ids(run, history.path).issuperset(data):
                begun = {name: ids[name] for name in history.interrupted}
                removal.settle(run, history.session, begun, history.gone)
        raise
    there = stored_ids(run, history.path)
    still_there = there.intersection(data)
    gone = [item for item in choice.remove if still_there.isdisjoint(item.ids)]
    for item in gone:
        if item.is_stored:
            run.bucket.delete(layout.snapshot_file(run.directory, item.name))
    names = [item.name for item in gone if item.is_stored]
    removal.settle(run, history.session, left, [*history.gone, *names])
    return gone
