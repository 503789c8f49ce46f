"""What of a Repository's upkeep is due, and what that gives way to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stashgen.api.repository import UpkeepStatus
from stashgen.api.shared import Executor
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.listers.integrity import damage_time, found_whole_by
from stashgen_controller.protocol.reason import Reason

LONGEST_WAIT = timedelta(days=1)
FIRST_DELAY = timedelta(minutes=10)
# What failed so often in a row is not mended by yet another try.
TRIES = 3
_FORCED_EVERY = timedelta(days=7)
_LONGEST_RETRY = FIRST_DELAY * (1 << (TRIES - 1))


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now, and when the next of it is due otherwise.

    Attributes:
        since: When it was due, whatever has held it since.
    """

    check: bool
    prune: bool
    is_full: bool
    next_time: datetime
    since: datetime


def due_upkeep(seen: Observed, known: UpkeepStatus, now: datetime) -> Due:
    """What is due of a Repository.

    Nothing is pruned that is damaged, or of which it is not known: a prune could make it worse.
    What is backed up no longer is only checked: nothing is forgotten there any more.
    """
    rhythm, integrity = seen.upkeep.rhythm, seen.status.integrity
    is_damaged = integrity is False
    check = rhythm.next_check(known.last_check_time, now, is_damaged=is_damaged)
    prune = None
    if seen.sessions and not is_damaged:
        prune = rhythm.next_prune(known.last_prune_time, now)
    is_full = prune is not None and full_storage(seen) not in {None, known.full_storage}
    if is_full:
        prune = now
    next_time = min(time for time in (check, prune) if time is not None)
    held = _held_until(known, now)
    is_answered = is_damaged and damage_answer(seen) not in {None, known.damage_answered}
    if is_answered:
        check = next_time = now
    since = next_time
    # A prune that needs no room may do what the last one could not, and a check find that damage
    # is gone; what is tried again soon waits.
    is_pressing = (is_full or is_answered) and held - now > _LONGEST_RETRY
    if not is_pressing:
        next_time = max(next_time, held)
    prunes = prune is not None and prune <= now
    check_waits = is_pressing and not is_answered
    return Due(
        check=(check <= now and not check_waits) or (prunes and integrity is None),
        prune=prunes,
        is_full=is_full,
        next_time=next_time,
        since=since,
    )


def full_storage(seen: Observed) -> str | None:
    """The newest Snapshot, if it failed because the storage is full."""
    newest = next((item for item in seen.snapshots if item.is_finished), None)
    return newest.name if newest is not None and newest.is_storage_full else None


def damage_answer(seen: Observed) -> str | None:
    """Why a damaged Repository is worth a check now: an acknowledgement, or a Snapshot's name."""
    if is_acknowledged(seen):
        return damage_time(seen.status)
    found = found_whole_by(seen.status, seen.snapshots)
    return found.name if found is not None else None


def is_acknowledged(seen: Observed) -> bool:
    """Whether a person says that what the last check found was repaired."""
    return seen.status.integrity is False and damage_time(seen.status) in seen.upkeep.acknowledged


def goes_first(seen: Observed, known: UpkeepStatus, *, is_forced: bool) -> Reason | None:
    """A restore or a backup that is due, for which upkeep waits and even stops.

    No backup is good before a damaged repository is whole or a full one has room again: those wait.
    So do backups that have stopped it for too long.
    """
    if seen.upkeep.waiting_restore is not None:
        return seen.upkeep.waiting_restore
    is_full = full_storage(seen) not in {None, known.full_storage}
    if seen.status.integrity is False or is_full or is_forced:
        return None
    return seen.upkeep.waiting_backup


def is_overdue(seen: Observed, known: UpkeepStatus, now: datetime) -> bool:
    """Whether a check, or a prune where anything is pruned, is late by more than a day."""
    created = seen.repository.metadata.creation_timestamp
    is_pruned = bool(seen.sessions) and seen.status.integrity is not False
    return seen.upkeep.rhythm.is_overdue(
        known.last_check_time or created,
        (known.last_prune_time or created) if is_pruned else None,
        now,
    )


def is_to_be_forced(seen: Observed, known: UpkeepStatus, now: datetime) -> bool:
    """Whether backups wait for the next run: they have stopped those before until it was overdue.

    Once a week at most. A run has six hours: what takes longer would keep backups from running for
    a quarter of the time.
    """
    last = datetime.fromtimestamp(known.forced_attempt * 60, UTC)
    return known.stops > 0 and now - last > _FORCED_EVERY and is_overdue(seen, known, now)


def is_forced(known: UpkeepStatus, executor: Executor) -> bool:
    """Whether backups wait for the run at hand."""
    return executor.attempt == known.forced_attempt


def _held_until(known: UpkeepStatus, now: datetime) -> datetime:
    """Until when the last failure is waited out; ``now`` where none is."""
    held = known.next_try_time
    return held if held is not None and now < held <= now + LONGEST_WAIT else now
