"""What is remembered of Snapshots: enough for summaries, metrics and the next run's plan.

A repository may have hundreds. They are not parsed to be summed up: this is read once, when the
cache takes a Snapshot over.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from stashgen.api.base import JsonObject, list_of, mapping_of, name_of, namespace_of, parse_time
from stashgen.api.labels import RECORD_ANNOTATION
from stashgen.api.snapshot import Phase, RecordedWriter
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.runtime.kind import phase_of

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """One Snapshot in short.

    Attributes:
        namespace, name, repository, session: Which one.
        backup_session: Name of the BackupSession that made it.
        phase: Pending where the status has none.
        created: When the object was made, as stored.
        snapshot_time: What the status says; None before it says so.
        last_update_time: When its last word was written.
        size: As a text, such as ``12.3 MiB``.
        integrity: Whether the last check found it intact.
        job_created: When the backup's Job was created, by the API server's clock; None where no
            Job was seen.
        pod: That ran the backup.
        pod_terminated: The kubelet reported its end.
        stops_by: From then on nothing of that pod runs.
        is_uploaded: Its record is in the bucket.
        is_restore_expected: The backup was refused because another writer is recorded there.
        is_storage_full: The backup failed because its storage had no room.
        unreadable: How many files it lacks because they could not be read.
        is_recovered: The object was made from the record in the bucket: it says nothing of what
            this cluster backed up.
        writer: Who the bucket recorded as its writer at the end of the backup, if it was told.
    """

    namespace: str
    name: str
    repository: str
    session: str
    backup_session: str
    phase: Phase
    created: str
    snapshot_time: datetime | None
    last_update_time: datetime | None
    size: str | None
    integrity: bool | None
    job_created: datetime | None
    pod: str | None
    pod_terminated: bool
    stops_by: datetime | None
    is_uploaded: bool
    is_restore_expected: bool
    is_storage_full: bool
    unreadable: int
    is_recovered: bool
    writer: RecordedWriter | None

    @property
    def time(self) -> datetime:
        """When it was taken: its own record, else when the object was made."""
        return self.snapshot_time or (parse_time(self.created) if self.created else _LONG_AGO)

    @property
    def is_finished(self) -> bool:
        """Succeeded or Failed."""
        return self.phase.is_final


def snapshot_record(obj: JsonObject) -> SnapshotRecord:
    """The record of a Snapshot as stored.

    Raises:
        ValueError: a time or the phase cannot be read.
    """
    spec, status = mapping_of(obj, "spec"), mapping_of(obj, "status")
    executor = mapping_of(status, "executor")
    components = cast("dict[str, JsonObject]", mapping_of(status, "components"))
    reasons = {Reason.parse(str(item.get("error") or "")).name for item in components.values()}
    return SnapshotRecord(
        namespace=namespace_of(obj),
        name=name_of(obj),
        repository=str(spec.get("repository") or ""),
        session=str(spec.get("session") or ""),
        backup_session=str(spec.get("backupSession") or ""),
        phase=Phase(phase_of(obj) or Phase.PENDING),
        created=str(mapping_of(obj, "metadata").get("creationTimestamp") or ""),
        snapshot_time=_time(status, "snapshotTime"),
        last_update_time=_time(status, "lastUpdateTime"),
        size=cast("str | None", status.get("size")),
        integrity=cast("bool | None", status.get("integrity")),
        job_created=_time(executor, "created"),
        pod=cast("str | None", executor.get("pod")),
        pod_terminated=bool(executor.get("podTerminated")),
        stops_by=_time(executor, "stopsBy"),
        is_uploaded=any(
            item.get("type") == ConditionType.SNAPSHOT_METADATA_UPLOADED
            and item.get("status") == "True"
            for item in list_of(status, "conditions")
        ),
        is_restore_expected=ErrorClass.RESTORE_EXPECTED in reasons,
        is_storage_full=ErrorClass.NO_SPACE in reasons,
        unreadable=sum(_count(item, "unreadable") for item in components.values()),
        is_recovered=RECORD_ANNOTATION in mapping_of(mapping_of(obj, "metadata"), "annotations"),
        writer=RecordedWriter.from_wire(status["writer"]) if status.get("writer") else None,
    )


def _count(component: JsonObject, field: str) -> int:
    count = mapping_of(component, field).get("count")
    return count if isinstance(count, int) else 0


def _time(status: JsonObject, field: str) -> datetime | None:
    text = status.get(field)
    return parse_time(str(text)) if text else None
