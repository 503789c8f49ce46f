"""RestoreSession: one restore of a snapshot (core.kubestash.com/v1alpha1)."""

import hashlib
import json
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Duration, Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import RESTORE_SESSIONS, Resource
from stashgen.api.shapes import (
    DatabaseManifest,
    DruidManifest,
    MsSqlServerManifest,
    RedisSentinelManifest,
)
from stashgen.api.shared import (
    AddonInfo,
    AffectedFiles,
    Condition,
    Dependency,
    Executor,
    HookInfo,
    HookStatus,
    ObjectReference,
    TypedObjectReference,
)
from stashgen.api.snapshot import Progress


class PointInTime(Model):
    """Point-in-time recovery (databases)."""

    target_time: Time | None = None
    exclusive: Bool | None = None


class DataSource(Model):
    """Which snapshot; ``latest`` is the newest succeeded one of the repository."""

    namespace: str | None = None
    repository: str | None = None
    snapshot: str | None = None
    pitr: PointInTime | None = None
    components: tuple[str, ...] | None = None
    encryption_secret: ObjectReference | None = None


class RestoreHooks(Model):
    """Hooks around a restore."""

    pre_restore: tuple[HookInfo, ...] | None = None
    post_restore: tuple[HookInfo, ...] | None = None


class WorkloadManifestOptions(Model):
    """Where a workload's own manifest is restored to."""

    restore_namespace: str | None = None


class ManifestOptions(Model):
    """Restores of manifests: of workloads, and of databases that other operators know."""

    workload: WorkloadManifestOptions | None = None
    mongo_db: DatabaseManifest | None = Field(default=None, alias="mongoDB")
    postgres: DatabaseManifest | None = None
    my_sql: DatabaseManifest | None = Field(default=None, alias="mySQL")
    maria_db: DatabaseManifest | None = Field(default=None, alias="mariaDB")
    ms_sql_server: MsSqlServerManifest | None = Field(default=None, alias="msSQLServer")
    redis: DatabaseManifest | None = None
    redis_sentinel: RedisSentinelManifest | None = None
    druid: DruidManifest | None = None
    zoo_keeper: DatabaseManifest | None = None
    singlestore: DatabaseManifest | None = None
    clickhouse: DatabaseManifest | None = None


class RestoreSessionSpec(Model):
    """What is restored where to."""

    target: TypedObjectReference | None = None
    data_source: DataSource | None = None
    addon: AddonInfo | None = None
    hooks: RestoreHooks | None = None
    restore_timeout: Duration | None = None
    manifest_options: ManifestOptions | None = None

    def digest(self) -> str:
        """Of all that it says."""
        text = json.dumps(self.to_wire(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class RestorePhase(StrEnum):
    """How far a restore or one of its components is."""

    PENDING = "Pending"
    RUNNING = "Running"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"
    INVALID = "Invalid"
    UNKNOWN = "Unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {RestorePhase.SUCCEEDED, RestorePhase.FAILED, RestorePhase.INVALID}


class RestoreComponent(Model):
    """One component of the snapshot; ``metadataRefused`` is our addition.

    Attributes:
        metadata_refused: What was written without all of its owner, mode, times and attributes,
            because the target refused them. All data is there.
    """

    phase: RestorePhase | None = None
    progress: Progress | None = None
    duration: str | None = None
    error: str | None = None
    metadata_refused: AffectedFiles | None = None


class RestoreHooksStatus(Model):
    """Hooks of the restore."""

    pre_hooks: tuple[HookStatus, ...] | None = None
    post_hooks: tuple[HookStatus, ...] | None = None


class RestoredBefore(Model):
    """That a RestoreRequest's act was done already, as the record in the bucket says."""

    time: Time
    message: str


class RestoreInEffect(Model):
    """What a restore works on from its claim to its end, whatever its spec says since.

    Attributes:
        target: The PersistentVolumeClaim that it writes.
        repository: The Repository that it reads.
        snapshot: The one that it restores.
        spec_digest: Of the spec that it began with.
    """

    target: str
    repository: str
    snapshot: str
    spec_digest: str


class RestoreSessionStatus(Model):
    """What happened; ``executor``, ``inEffect`` and ``restoredBefore`` are our additions."""

    phase: RestorePhase | None = None
    target_found: Bool | None = None
    duration: str | None = None
    restore_deadline: Time | None = None
    total_components: Int | None = None
    components: dict[str, RestoreComponent] | None = None
    hooks: RestoreHooksStatus | None = None
    dependencies: tuple[Dependency, ...] | None = None
    paused_backups: tuple[TypedObjectReference, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    executor: Executor | None = None
    in_effect: RestoreInEffect | None = None
    restored_before: RestoredBefore | None = None


class RestoreSession(Kind):
    """One restore of a snapshot."""

    resource: ClassVar[Resource] = RESTORE_SESSIONS
    api_version: Literal["core.kubestash.com/v1alpha1"] = "core.kubestash.com/v1alpha1"
    kind: Literal["RestoreSession"] = "RestoreSession"
    spec: RestoreSessionSpec = RestoreSessionSpec()
    status: RestoreSessionStatus | None = None

    @property
    def phase(self) -> RestorePhase | None:
        """The phase in the status."""
        return self.status.phase if self.status else None

    @property
    def is_finished(self) -> bool:
        """Nothing more will happen."""
        return self.phase is not None and self.phase.is_final

    @property
    def spec_in_effect(self) -> RestoreSessionSpec:
        """What it does: what was recorded when it began, before that what its spec says."""
        known = self.status.in_effect if self.status is not None else None
        if known is None:
            return self.spec
        source = self.spec.data_source or DataSource()
        named = {"repository": known.repository, "snapshot": known.snapshot}
        return self.spec.model_copy(
            update={
                "target": TypedObjectReference(kind="PersistentVolumeClaim", name=known.target),
                "data_source": source.model_copy(update=named),
            }
        )

    @property
    def was_changed(self) -> bool:
        """Whether its spec says something else than what it began with."""
        known = self.status.in_effect if self.status is not None else None
        return known is not None and known.spec_digest != self.spec.digest()
