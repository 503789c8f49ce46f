"""Repository: one target's place in a storage (storage.kubestash.com/v1alpha1)."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import REPOSITORIES, Resource
from stashgen.api.shared import (
    Condition,
    DeletionPolicy,
    Executor,
    ObjectReference,
    TypedObjectReference,
)


class RepositorySpec(Model):
    """What it holds and where."""

    app_ref: TypedObjectReference | None = None
    storage_ref: ObjectReference | None = None
    path: str | None = None
    deletion_policy: DeletionPolicy | None = Field(
        default=None, json_schema_extra={"default": "Delete"}
    )
    encryption_secret: ObjectReference | None = None
    paused: Bool | None = None


class RecentSnapshot(Model):
    """One of the newest snapshots."""

    name: str | None = None
    phase: str | None = None
    session: str | None = None
    size: str | None = None
    snapshot_time: Time | None = None


class RestoreRecord(Model):
    """A restore into the Repository's volume, kept whatever becomes of its RestoreSession.

    Attributes:
        uid: The RestoreSession's: another one may have its name.
        since: When its Job was made.
    """

    restore_session: str
    uid: str
    since: Time


class LostPod(Model):
    """A pod that was deleted before any kubelet reported its end; its owner is gone, or may go.

    Attributes:
        kind: Of the owner: BackupSession or RestoreSession.
        name: The owner's.
        uid: The owner's, where it is known.
        claims: The volumes that the pod mounts, as far as they are known.
        until: From then on nothing of it runs.
    """

    pod: str
    kind: str
    name: str
    uid: str | None = None
    claims: tuple[str, ...] | None = None
    until: Time


class ResyncPhase(StrEnum):
    """How far the Snapshots have come back from the bucket."""

    RUNNING = "Running"
    FINISHED = "Finished"


class ResyncStatus(Model):
    """The Snapshots' way back from the bucket: a page of records after the other, newest first.

    Attributes:
        request: The value of the annotation that asked for it; None where nobody had to.
        cursor: Name of the last record that was taken over.
        records: Good records so far, with or without a Snapshot in the cluster before.
        ignored: Records so far that cannot become Snapshots.
        examples: Some of these, with the reason.
        executor: The Job of the page at hand.
    """

    phase: ResyncPhase
    request: str | None = None
    cursor: str | None = None
    records: Int = 0
    ignored: Int = 0
    examples: tuple[str, ...] | None = None
    executor: Executor | None = None


class UpkeepStatus(Model):
    """Work on all of the repository, apart from any session.

    Attributes:
        last_check_time: When the last check ended, whatever it found.
        last_check_created: When the Job was created that last found out whether all is whole, or
            met damage, by the API server's clock.
        last_prune_time: When the data of forgotten snapshots was last removed.
        checks: How many checks there were: each reads another part of the data.
        failures: How many runs in a row failed.
        next_try_time: Not before then, because the last run failed.
        checked_paths, pruned_paths: The restic repositories that are done in a round that is not
            over yet.
        stops: How many runs were stopped for backups and restores since the last that succeeded.
        stopped_for: Why the run at hand is being stopped.
        waiting_since: When it was due, while only its turn is missing: as many others as may are
            being pruned or checked.
        forced_attempt: The last run that backups had to wait for, because it was long overdue; the
            number is the minute of its beginning.
        full_storage: The last Snapshot that failed because the storage is full and after which
            the repository was pruned, or could not be.
        damage_answered: What was said last to a Repository that is damaged, and was followed by a
            check that found damage again, or failed: a person's acknowledgement, or a backup.
        executor: The Job of the last run.
    """

    last_check_time: Time | None = None
    last_check_created: Time | None = None
    last_prune_time: Time | None = None
    checks: Int = 0
    failures: Int = 0
    next_try_time: Time | None = None
    checked_paths: tuple[str, ...] | None = None
    pruned_paths: tuple[str, ...] | None = None
    stops: Int = 0
    stopped_for: str | None = None
    waiting_since: Time | None = None
    forced_attempt: Int = 0
    full_storage: str | None = None
    damage_answered: str | None = None
    executor: Executor | None = None


class RepositoryStatus(Model):
    """What the controller saw.

    ``integrity`` is the last check's word, ``size`` what was stored then.
    ``writerClaimUID`` is that of the recorded writer where it is another volume or cluster.
    ``writerMatches`` and what follows are our additions. ``openRestore`` writes the volume now, or
    left it half written; of the two that end that, ``acceptedRestore`` is the last one that a
    person accepted, ``goodRestore`` the last one that succeeded. ``lostPods`` may run on although
    they are gone.
    """

    phase: str | None = Field(default=None, json_schema_extra={"enum": ["Ready", "NotReady"]})
    last_backup_time: Time | None = None
    integrity: Bool | None = None
    snapshot_count: Int | None = None
    size: str | None = None
    recent_snapshots: tuple[RecentSnapshot, ...] | None = None
    component_paths: tuple[str, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    writer_matches: Bool | None = None
    writer_claim_uid: str | None = Field(default=None, alias="writerClaimUID")
    snapshot_resync: ResyncStatus | None = None
    executor: Executor | None = None
    open_restore: RestoreRecord | None = None
    accepted_restore: RestoreRecord | None = None
    good_restore: RestoreRecord | None = None
    lost_pods: tuple[LostPod, ...] | None = None
    upkeep: UpkeepStatus | None = None


class Repository(Kind):
    """One target's place in a storage."""

    resource: ClassVar[Resource] = REPOSITORIES
    api_version: Literal["storage.kubestash.com/v1alpha1"] = "storage.kubestash.com/v1alpha1"
    kind: Literal["Repository"] = "Repository"
    spec: RepositorySpec = RepositorySpec()
    status: RepositoryStatus | None = None

    @property
    def storage_key(self) -> tuple[str, str]:
        """Namespace and name of the BackupStorage; the namespace defaults to our own."""
        reference = self.spec.storage_ref
        if reference is None:
            return (self.metadata.namespace or "", "")
        return (reference.namespace or self.metadata.namespace or "", reference.name)
