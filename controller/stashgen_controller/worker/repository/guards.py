"""When retention must not remove anything, whatever the policy says.

An emptied volume must not displace the history that it can be restored from, and a clock that is
wrong must not make a history old. What a person has accepted is no reason to stop any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from stashgen.api.base import format_time
from stashgen.api.labels import ACCEPT_GAP_ANNOTATION, ACCEPT_SMALLER_ANNOTATION
from stashgen.kubestash.quantities import format_size
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.repository.acceptance import AcceptedGap, AcceptedSize
from stashgen_controller.worker.run import RunFailedError

SHRUNK_BELOW = 0.5
# Clocks of nodes differ a little.
_CLOCK_SKEW = timedelta(minutes=5)
# The finest rule of a policy counts hours.
_STORAGE_SKEW = timedelta(hours=1)
# Retention follows a backup; the Job may have waited for a node, or the controller was away.
_LATEST = timedelta(days=2)
# A pause of a week has ordinary reasons. What is usual are the longest of the three pauses before
# (a policy thins older ones out), and before there are as many, a year.
_SHORTEST_GAP = timedelta(days=7)
_UNUSUAL = 4
_COMPARED = 3
_ANY_RHYTHM = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Good:
    """A good backup that restic still has.

    Attributes:
        time: By restic.
        size_bytes: What it read of the volume; None where restic did not record it.
    """

    name: str
    time: datetime
    size_bytes: int | None


def refuse_past(times: Iterable[datetime], now: datetime) -> None:
    """Stop where restic has snapshots from the future: by our clock their ages are wrong.

    Raises:
        RunFailedError: RetentionHeld.
    """
    newest = max(times, default=now)
    if newest > now + _CLOCK_SKEW:
        raise _held(f"the clock went back: there is a snapshot from {format_time(newest)}")


def refuse_other_clock(now: datetime, written: datetime | None) -> None:
    """Stop where the node's clock is far from that of the storage.

    Args:
        now: The node's clock.
        written: When the storage says that a file was written that was written just now.

    Raises:
        RunFailedError: RetentionHeld.
    """
    if written is not None and abs(now - written) > _STORAGE_SKEW:
        raise _held(
            f"the node's clock says {format_time(now)}, the storage's {format_time(written)}: one "
            "of them is wrong"
        )


def refuse_late(times: Iterable[datetime], now: datetime) -> None:
    """Stop where nothing was attempted for days: retention runs after backups.

    Args:
        times: Of all backups, good or not.
        now: The worker's clock.

    Raises:
        RunFailedError: RetentionHeld.
    """
    newest = max(times, default=now)
    if now - newest > _LATEST:
        raise _held(
            f"the clock says {format_time(now)}, but the newest backup is from "
            f"{format_time(newest)}: the clock may have jumped ahead"
        )


def refuse_gap(
    backups: Sequence[Good], known: AcceptedGap | None, accepted: str | None
) -> AcceptedGap | None:
    """Stop where there was no backup for an implausibly long time before one.

    A clock that jumped ahead looks like that, and everything before the jump looks old.

    Args:
        backups: Oldest first.
        known: What was accepted before.
        accepted: The Snapshot that a person names now.

    Returns:
        What is accepted by now.

    Raises:
        RunFailedError: RetentionHeld.
    """
    usual: list[timedelta] = []
    for before, after in pairwise(backups):
        gap = after.time - before.time
        latest = usual[-_COMPARED:]
        longest = max(latest) * _UNUSUAL if len(latest) == _COMPARED else _ANY_RHYTHM
        if gap <= max(_SHORTEST_GAP, longest):
            usual.append(gap)
            continue
        if known is not None and after.time.replace(microsecond=0) <= known.time:
            continue
        if after.name != accepted:
            raise _held(
                f"there was no backup for {gap.days} days before Snapshot {after.name}: the clock "
                f"may have jumped ahead. If it did not, {_annotate(ACCEPT_GAP_ANNOTATION, after)}"
            )
        known = AcceptedGap(snapshot=after.name, time=after.time)
    return known


def refuse_shrunk(
    backups: Iterable[Good], known: AcceptedSize | None, accepted: str | None
) -> AcceptedSize | None:
    """Stop where a volume lost half of its bytes from one good backup to the next.

    It holds until the volume has grown again, or until a person has accepted the smaller size.

    Args:
        backups: Oldest first.
        known: What was accepted before.
        accepted: The Snapshot that a person names now.

    Returns:
        What is accepted by now.

    Raises:
        RunFailedError: RetentionHeld, with the first backup of the smaller size.
    """
    size = known.size_bytes if known is not None else 0
    shrunk: Good | None = None
    for backup in backups:
        if known is not None and backup.time.replace(microsecond=0) <= known.time:
            continue
        if backup.size_bytes is None:
            continue
        if backup.size_bytes >= size * SHRUNK_BELOW:
            size, shrunk = backup.size_bytes, None
        elif backup.name == accepted:
            size, shrunk = backup.size_bytes, None
            known = AcceptedSize(
                snapshot=backup.name, time=backup.time, size_bytes=backup.size_bytes
            )
        else:
            shrunk = shrunk or backup
    if shrunk is not None:
        raise _held(
            f"the volume shrank from {format_size(size)} to {format_size(shrunk.size_bytes or 0)} "
            f"with Snapshot {shrunk.name}: nothing is removed. If that is right, "
            f"{_annotate(ACCEPT_SMALLER_ANNOTATION, shrunk)}"
        )
    return known


def _annotate(key: str, backup: Good) -> str:
    return f"annotate the BackupConfiguration with {key}: {backup.name}"


def _held(message: str) -> RunFailedError:
    return RunFailedError(ErrorClass.RETENTION_HELD, message)
