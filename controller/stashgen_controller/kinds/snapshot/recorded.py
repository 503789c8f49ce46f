"""The status of a Snapshot that was read back from the bucket, and the conditions of a record."""

from datetime import datetime

from stashgen.api.shared import Condition
from stashgen.api.snapshot import (
    Component,
    Driver,
    Phase,
    ResticStats,
    SnapshotStatus,
    Summary,
)
from stashgen.kubestash import layout
from stashgen.kubestash.conditions import ConditionType, files_unreadable, repository_damaged
from stashgen.kubestash.pods.templates import COMPONENT
from stashgen_controller.protocol.recorded_snapshot import RecordedSnapshot
from stashgen_controller.runtime.conditions import condition


def recorded_status(record: RecordedSnapshot) -> SnapshotStatus:
    """The status that the Snapshot had, as far as its record says."""
    stats = tuple(
        ResticStats(
            summary=Summary(
                id=item.id,
                host_path=item.host_path,
                size=item.size,
                uploaded=item.uploaded,
                start_time=record.time,
            )
        )
        for item in record.paths
    )
    component = Component(
        path=layout.component_path(record.session, COMPONENT),
        phase=record.phase,
        driver=Driver.RESTIC,
        size=record.size,
        duration=record.duration,
        integrity=record.integrity,
        error=record.error,
        unreadable=record.unreadable,
        restic_stats=stats or None,
    )
    conditions = [
        metadata_uploaded(record.updated, None),
        list_updated(record.updated),
        *files_unreadable(record.unreadable, record.updated),
        *repository_damaged((component,), record.updated),
    ]
    if record.phase is Phase.FAILED:
        conditions.append(
            condition(
                ConditionType.BACKUP_INCOMPLETE,
                status=True,
                reason="BackupExecutorTerminatedBeforeCompletion",
                message=record.error or "its record in the bucket says that it failed",
                now=record.updated,
            )
        )
    return SnapshotStatus(
        snapshot_time=record.time,
        last_update_time=record.updated,
        total_components=1,
        components={COMPONENT: component},
        conditions=tuple(conditions),
    )


def metadata_uploaded(now: datetime, why: str | None) -> Condition:
    """Whether the record is in the bucket; otherwise why it is not."""
    return condition(
        ConditionType.SNAPSHOT_METADATA_UPLOADED,
        status=why is None,
        reason="FailedToUploadSnapshotMetadata" if why else "SuccessfullyUploadedSnapshotMetadata",
        message=why or "Metadata uploaded to backend successfully",
        now=now,
    )


def list_updated(now: datetime) -> Condition:
    """KubeStash's condition that the Repository lists the Snapshot."""
    return condition(
        ConditionType.RECENT_SNAPSHOT_LIST_UPDATED,
        status=True,
        reason="SuccessfullyUpdatedRecentSnapshotList",
        message="Recent snapshot list updated successfully",
        now=now,
    )
