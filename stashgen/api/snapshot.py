"""Snapshot: one restore point of a repository (storage.kubestash.com/v1alpha1)."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import SNAPSHOTS, Resource
from stashgen.api.shapes import (
    ClickHouseStats,
    LogStats,
    MedusaStats,
    Neo4jStats,
    SolrStats,
    WalGStats,
)
from stashgen.api.shared import (
    AffectedFiles,
    Condition,
    DeletionPolicy,
    Executor,
    TypedObjectReference,
)


class Phase(StrEnum):
    """How far a snapshot or one of its components is."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {Phase.SUCCEEDED, Phase.FAILED}


class Driver(StrEnum):
    """What takes the backup."""

    RESTIC = "Restic"
    WAL_G = "WalG"
    VOLUME_SNAPSHOTTER = "VolumeSnapshotter"
    SOLR = "Solr"
    MEDUSA = "Medusa"
    CLICK_HOUSE_BACKUP = "ClickHouseBackup"
    NEO4J_ADMIN = "Neo4jAdmin"


class SnapshotSpec(Model):
    """What the snapshot is of."""

    snapshot_id: str | None = Field(default=None, alias="snapshotID")
    type: str | None = None
    repository: str | None = None
    session: str | None = None
    backup_session: str | None = None
    version: str | None = None
    app_ref: TypedObjectReference | None = None
    deletion_policy: DeletionPolicy | None = Field(
        default=None, json_schema_extra={"default": "Delete"}
    )
    paused: Bool | None = None


class Summary(Model):
    """One restic snapshot: ``id`` is restic's, ``size`` what was read, ``uploaded`` what grew."""

    id: str | None = None
    uploaded: str | None = None
    host_path: str | None = None
    size: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None


class Progress(Model):
    """How far a running backup or restore is; ``percentDone`` like ``7.48%``."""

    seconds_elapsed: Int | None = None
    percent_done: str | None = None
    total_files: Int | None = None
    files_done: Int | None = None
    backup_done: str | None = None
    restore_done: str | None = None
    total: str | None = None
    speed: str | None = None


class ResticStats(Model):
    """One backed-up path."""

    summary: Summary | None = None
    progress: Progress | None = None


class VolumeSnapshotterStats(Model):
    """One CSI volume snapshot."""

    pvc_name: str | None = None
    host_path: str | None = None
    volume_snapshot_name: str | None = None
    volume_snapshot_time: Time | None = None


class Component(Model):
    """One part of a snapshot; ``size`` is the raw data of its whole restic repository.

    Attributes:
        unreadable: What the snapshot lacks because it could not be read (ours).
    """

    path: str | None = None
    phase: Phase | None = None
    size: str | None = None
    duration: str | None = None
    integrity: Bool | None = None
    error: str | None = None
    unreadable: AffectedFiles | None = None
    driver: Driver | None = None
    restic_stats: tuple[ResticStats, ...] | None = None
    volume_snapshotter_stats: tuple[VolumeSnapshotterStats, ...] | None = None
    log_stats: LogStats | None = None
    wal_g_stats: WalGStats | None = None
    medusa_stats: MedusaStats | None = None
    solr_stats: tuple[SolrStats, ...] | None = None
    click_house_stats: tuple[ClickHouseStats, ...] | None = Field(
        default=None, alias="clickHouseStats"
    )
    neo4j_stats: tuple[Neo4jStats, ...] | None = Field(default=None, alias="neo4jStats")


class RecordedWriter(Model):
    """Who the bucket's directory records as its writer (``.stashgen/writer.json``).

    Attributes:
        claim_uid: UID of the PersistentVolumeClaim.
        matches: Claim and cluster are those of the backup that looked.
    """

    claim_uid: str | None = Field(default=None, alias="claimUID")
    matches: Bool


class SnapshotStatus(Model):
    """What the worker and the controller saw; ``executor`` and ``writer`` are our additions."""

    phase: Phase | None = None
    verification_status: str | None = Field(
        default=None,
        json_schema_extra={"enum": ["Verified", "NotVerified", "VerificationFailed"]},
    )
    verification_session: str | None = None
    snapshot_time: Time | None = None
    last_update_time: Time | None = None
    size: str | None = None
    integrity: Bool | None = None
    total_components: Int | None = None
    components: dict[str, Component] | None = None
    conditions: tuple[Condition, ...] = ()
    executor: Executor | None = None
    writer: RecordedWriter | None = None


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Snapshot(Kind):
    """One restore point of a repository."""

    resource: ClassVar[Resource] = SNAPSHOTS
    api_version: Literal["storage.kubestash.com/v1alpha1"] = "storage.kubestash.com/v1alpha1"
    kind: Literal["Snapshot"] = "Snapshot"
    spec: SnapshotSpec = SnapshotSpec()
    status: SnapshotStatus | None = None

    @property
    def phase(self) -> Phase:
        """The phase in the status; Pending where there is none."""
        return (self.status.phase if self.status else None) or Phase.PENDING

    @property
    def is_finished(self) -> bool:
        """Succeeded or Failed."""
        return self.phase.is_final

    @property
    def unreadable(self) -> AffectedFiles | None:
        """What it lacks because it could not be read; None if it is whole, or not known to be."""
        components = ((self.status.components if self.status else None) or {}).values()
        return next((item.unreadable for item in components if item.unreadable is not None), None)

    @property
    def is_restorable(self) -> bool:
        """Whether it can be restored by its name.

        Of those that failed only one that lacks no more than what it says it could not read.
        """
        if self.phase is Phase.SUCCEEDED:
            return True
        components = ((self.status.components if self.status else None) or {}).values()
        return (
            self.phase is Phase.FAILED
            and self.unreadable is not None
            and all(item.restic_stats and item.integrity is not False for item in components)
        )

    @property
    def time(self) -> datetime:
        """When it was taken: its own record, else when the object was made."""
        recorded = self.status.snapshot_time if self.status else None
        return recorded or self.metadata.creation_timestamp or _LONG_AGO
