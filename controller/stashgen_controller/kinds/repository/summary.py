"""What a Repository's status sums up: its Snapshots, their writer, retention and integrity."""

from dataclasses import replace
from datetime import datetime, timedelta

from stashgen.api.backup_session import RetentionPhase
from stashgen.api.labels import ADOPT_ANNOTATION
from stashgen.api.repository import RecentSnapshot, RepositoryStatus
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase
from stashgen.kubestash import quantities
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kinds.repository.observe import Observed
from stashgen_controller.kinds.repository.upkeep import damaged
from stashgen_controller.listers.history import SnapshotRecord
from stashgen_controller.listers.integrity import known_integrity
from stashgen_controller.protocol.run_result import Upkeep
from stashgen_controller.runtime.conditions import (
    condition,
    with_condition,
    without,
)

_RECENT = 5
# Most retentions are done by then, with the start of their pod and behind many others.
_RETENTION_FOLLOWS = timedelta(minutes=2)


def retention_awaited(seen: Observed, now: datetime) -> timedelta | None:
    """How long the summary may wait for retention, which changes it again; None: not at all.

    The Snapshot's time may be by a node's clock that is ahead: for that nothing waits.
    """
    newest = next((item for item in seen.snapshots if item.is_finished), None)
    if newest is None or newest.last_update_time is None or not seen.retention_follows:
        return None
    left = newest.last_update_time + _RETENTION_FOLLOWS - now
    return left if timedelta() < left <= _RETENTION_FOLLOWS else None


def summarize(seen: Observed) -> RepositoryStatus:
    """The status with a summary of the Snapshots; without any, what the bucket showed stays."""
    status = seen.status
    if seen.writer is not None:
        known = seen.writer.claim_uid or status.writer_claim_uid
        other = None if seen.writer.matches else known
        status = status.model_copy(
            update={"writer_matches": seen.writer.matches, "writer_claim_uid": other}
        )
    # One that is being made is not counted: each of its steps would be a write here.
    finished = [item for item in seen.snapshots if item.is_finished]
    if not finished and not status.recent_snapshots:
        return status
    succeeded = [item for item in finished if item.phase is Phase.SUCCEEDED]
    update: dict[str, object] = {
        "snapshot_count": len(finished),
        "recent_snapshots": tuple(map(_recent, finished[:_RECENT])) or None,
    }
    if succeeded:
        update["last_backup_time"] = succeeded[0].last_update_time
    update["integrity"] = known_integrity(seen.status, seen.snapshots)
    return status.model_copy(update=update)


def _recent(snapshot: SnapshotRecord) -> RecentSnapshot:
    return RecentSnapshot(
        name=snapshot.name,
        phase=snapshot.phase,
        session=snapshot.session,
        size=snapshot.size,
        snapshot_time=snapshot.snapshot_time,
    )


def with_integrity_known(seen: Observed) -> Observed:
    """With what the Snapshots say by now, which decides what is due before it is summed up."""
    integrity = known_integrity(seen.status, seen.snapshots)
    status = seen.status.model_copy(update={"integrity": integrity})
    return replace(seen, repository=seen.repository.model_copy(update={"status": status}))


def with_writer(
    seen: Observed, status: RepositoryStatus, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    """Say whether the bucket records another writer, so that a restore has to come first."""
    if status.writer_matches is not False:
        return without(conditions, ConditionType.RESTORE_EXPECTED)
    message = (
        f"{seen.repository.spec.path} was written by another volume or cluster: restore from it "
        "into this volume before backing it up again."
    )
    if status.writer_claim_uid is not None and status.writer_claim_uid != seen.claim_uid:
        message += (
            " If this volume is to begin without that data, acknowledge it with annotation "
            f"{ADOPT_ANNOTATION}={status.writer_claim_uid} on its BackupConfiguration."
        )
    return with_condition(
        conditions,
        condition(
            ConditionType.RESTORE_EXPECTED,
            status=True,
            reason="OtherWriterRecorded",
            message=message,
            now=now,
        ),
    )


def with_retention(
    seen: Observed, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    """Say how the newest retention went; what was said before stays where none is known."""
    if seen.retention is None:
        return conditions
    is_applied = seen.retention.phase is RetentionPhase.APPLIED
    return with_condition(
        conditions,
        condition(
            ConditionType.RETENTION_APPLIED,
            status=is_applied,
            reason="RetentionPolicyApplied" if is_applied else "FailedToApplyRetentionPolicy",
            message="" if is_applied else seen.retention.error or "the Job reported no reason",
            now=now,
        ),
    )


def with_upkeep(status: RepositoryStatus, done: Upkeep) -> RepositoryStatus:
    """With what a run found."""
    update: dict[str, object] = {}
    if done.intact is not None:
        update["integrity"] = done.intact
    if done.size_bytes is not None:
        update["size"] = quantities.format_size(done.size_bytes)
    return status.model_copy(update=update)


def with_integrity(
    status: RepositoryStatus, conditions: tuple[Condition, ...], now: datetime
) -> tuple[Condition, ...]:
    """Say whether the repository is damaged."""
    if status.integrity is not False:
        return without(conditions, ConditionType.REPOSITORY_DAMAGED)
    return with_condition(conditions, damaged(status, now))
