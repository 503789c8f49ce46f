"""What a worker reports to the controller: one document for both channels.

It is the pod's termination message, and the source of what the worker patches into the status. At
most 4,096 bytes (Kubernetes, "Customizing the termination message").
"""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field

from stashgen.api.base import Bool, Int, Model, Time
from stashgen.api.restore_session import RestoredBefore
from stashgen.api.shared import AffectedFiles
from stashgen.api.snapshot import Component, Phase, RecordedWriter, ResticStats, Summary
from stashgen_controller.protocol.reason import Reason

MAX_BYTES = 4096
LONGEST_MESSAGE = 1000
_SHORTEST_MESSAGE = 60


class ErrorClass(StrEnum):
    """Why a run failed; decides whether another attempt makes sense."""

    # from restic's exit codes (restic manual, "Exit codes") and from where it failed: in the
    # repository or its storage, in the pod's scratch folder, in the volume that is read or written
    LOCKED = "Locked"
    WRONG_PASSWORD = "WrongPassword"  # noqa: S105 (a class of errors)
    NO_REPOSITORY = "NoRepository"
    NO_SPACE = "NoSpace"
    NO_BUCKET = "NoBucket"
    ACCESS_DENIED = "AccessDenied"
    UNAVAILABLE = "Unavailable"
    SCRATCH_FULL = "ScratchFull"
    SOURCE_INCOMPLETE = "SourceIncomplete"
    TARGET_FULL = "TargetFull"
    TARGET_REFUSED = "TargetRefused"
    INTERRUPTED = "Interrupted"
    # from the worker itself
    SECRET_MISSING = "SecretMissing"  # noqa: S105 (a class of errors)
    RESTORE_EXPECTED = "RestoreExpected"
    NO_SNAPSHOT = "NoSnapshot"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    INVALID_BUCKET = "InvalidBucket"
    CREATE_ONLY_IGNORED = "CreateOnlyIgnored"
    RECORD_EXISTS = "RecordExists"
    REPOSITORY_DAMAGED = "RepositoryDamaged"
    RETENTION_HELD = "RetentionHeld"
    NONCE_REUSED = "NonceReused"
    NOT_EMPTY = "NotEmpty"
    EXPIRED = "Expired"
    RESTIC_TOO_OLD = "ResticTooOld"
    INTERNAL = "Internal"
    # detected by the controller when no worker could report
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    EXECUTOR_LOST = "ExecutorLost"
    UNSCHEDULABLE = "Unschedulable"
    NODE_LOST = "NodeLost"
    KILLED = "Killed"


TRANSIENT = frozenset(
    {
        ErrorClass.LOCKED,
        ErrorClass.UNAVAILABLE,
        ErrorClass.SECRET_MISSING,
        ErrorClass.INTERRUPTED,
        ErrorClass.EVICTED,
        ErrorClass.EXECUTOR_LOST,
        ErrorClass.UNSCHEDULABLE,
        ErrorClass.NODE_LOST,
        ErrorClass.KILLED,
    }
)

# The repository cannot be reached, or not worked on safely: retention would fail as the backup did.
# A refused write is not among them: that is how some storages say that they are full.
REPOSITORY_UNUSABLE = frozenset(
    {
        ErrorClass.LOCKED,
        ErrorClass.WRONG_PASSWORD,
        ErrorClass.NO_REPOSITORY,
        ErrorClass.NO_BUCKET,
        ErrorClass.UNAVAILABLE,
        ErrorClass.SECRET_MISSING,
        ErrorClass.RESTORE_EXPECTED,
        ErrorClass.INVALID_BUCKET,
        ErrorClass.CREATE_ONLY_IGNORED,
        ErrorClass.REPOSITORY_DAMAGED,
        ErrorClass.RESTIC_TOO_OLD,
    }
)


class RunError(Model):
    """Why the run failed: a class for machines, a message for people."""

    reason: ErrorClass
    message: str

    @property
    def why(self) -> Reason:
        """The same as conditions and statuses have it."""
        return Reason(self.reason.value, self.message)


class Retention(Model):
    """What a retain run did.

    Attributes:
        removed: Names of Snapshots whose data and YAML were removed: the objects can be deleted.
        remaining: How many more are due; the next run removes them.
        kept: How many good and failed ones are kept.
        missing: Succeeded ones that restic no longer lists; they do not count.
        ignored: Files among the records that are not records of this repository.
        orphans: restic snapshots without a record that were removed.
        removed_before: Names of those that earlier runs removed: their results may have been lost.
    """

    removed: tuple[str, ...] = ()
    remaining: int = 0
    kept: int = 0
    missing: int = 0
    ignored: int = 0
    orphans: int = 0
    removed_before: tuple[str, ...] = ()


class Upkeep(Model):
    """What upkeep did to all restic repositories of a Repository.

    Attributes:
        pruned: The data of forgotten snapshots was removed from all of them.
        checked: All of them were checked.
        intact: Whether they are whole; False as soon as one of them is not, None where that is not
            known.
        size_bytes: Of all stored data; None where it was not measured.
        checked_paths, pruned_paths: The restic repositories that are whole and pruned so far: what
            is left of this round is for the next run.
    """

    pruned: Bool = False
    checked: Bool = False
    intact: Bool | None = None
    size_bytes: Int | None = None
    checked_paths: tuple[str, ...] = ()
    pruned_paths: tuple[str, ...] = ()


class RepositoryState(Model):
    """What init-repository found in the bucket.

    Attributes:
        records: Files among the Snapshots' records, whether or not they can be read.
        writer_claim: UID of the claim that is recorded as the writer.
        is_damaged: A check found damage, as is recorded there.
    """

    component_paths: tuple[str, ...] = ()
    snapshot_count: int = 0
    records: int = 0
    writer_matches: bool = True
    writer_claim: str | None = None
    is_damaged: bool = False


class Resync(Model):
    """A page of the Snapshots that the bucket has records of, newest first.

    Attributes:
        snapshots: The good records of the page, packed (``protocol.recorded_snapshot``).
        cursor: Name of the last record that was read.
        is_last: There are no more after it.
        ignored: How many records of the page cannot become Snapshots.
        examples: Some of these, with the reason.
    """

    snapshots: str
    cursor: str | None = None
    is_last: bool
    ignored: int = 0
    examples: tuple[str, ...] = ()


class RestoredPart(Model):
    """How far a restore came that ended badly after the first byte was written.

    Both counts are restic's: files, directories and links that are complete in the volume.

    Attributes:
        total_files: 0 where no attempt lived long enough to say: how far it came is not known.
    """

    files: int = 0
    total_files: int = 0


class RunResult(Model):
    """The outcome of one run.

    Attributes:
        verb: The plan's verb (or ``trigger``).
        phase: Succeeded or Failed.
        error: Set if and only if the phase is Failed.
        components: Backup and restore: by component name; ``path``, ``phase``, sizes, restic ids.
        uploaded: The YAML of this run's object (metadata, repository, snapshot) is in the bucket.
        repository: What init-repository found.
        retention: What retain did.
        restored: Set if and only if a restore failed and the volume is half written, by this
            attempt or an earlier one of the same request.
        metadata_refused: What a restore that succeeded wrote without all of its owner, mode,
            times and attributes, because the volume refused them.
        resync: What resync read.
        upkeep: What upkeep did, even if it failed later.
        writer: Who the bucket records as the writer at the end of a backup.
        restored_before: A requested restore was completed before: nothing was written.
        read_only: Whether the storage took no writes, for example of keys that may only read it: an
            initialisation found all there, a restore held no lock.
        details: Where in the bucket the complete result is, if this one is shortened.
        started, finished: By the worker's clock.
    """

    version: str = "v1"
    verb: str
    phase: Phase
    error: RunError | None = None
    components: dict[str, Component] = Field(default_factory=dict)
    uploaded: bool = False
    repository: RepositoryState | None = None
    retention: Retention | None = None
    restored: RestoredPart | None = None
    metadata_refused: AffectedFiles | None = None
    resync: Resync | None = None
    upkeep: Upkeep | None = None
    writer: RecordedWriter | None = None
    restored_before: RestoredBefore | None = None
    read_only: Bool | None = None
    details: str | None = None
    started: Time
    finished: Time


def encode(result: RunResult) -> str:
    """The result as JSON of at most 4,096 bytes.

    Texts are shortened until it fits, then fields that the controller does not need are removed
    from the components (restic's ids stay, because a restore needs them). A result that is still
    too long becomes a failure that says so, never a truncated document.
    """
    return next(text for text in _encodings(result) if len(text.encode()) <= MAX_BYTES)


def is_whole(result: RunResult) -> bool:
    """Whether the termination message has room for all of it."""
    return len(_dump(result).encode()) <= MAX_BYTES


def shorten(text: str, length: int = LONGEST_MESSAGE) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _encodings(result: RunResult) -> Iterator[str]:
    """The result as JSON, each time shorter than before."""
    yield _dump(result)
    length = LONGEST_MESSAGE
    while length > _SHORTEST_MESSAGE:
        yield _dump(_shortened(result, length))
        length //= 2
    short = _shortened(result, _SHORTEST_MESSAGE)
    slim = {name: _slim(item) for name, item in short.components.items()}
    refused = _counted(result.metadata_refused)
    yield _dump(short.model_copy(update={"components": slim, "metadata_refused": refused}))
    what = f"the result does not fit in {MAX_BYTES} bytes"
    yield _dump(
        RunResult(
            verb=result.verb,
            phase=Phase.FAILED,
            error=RunError(reason=ErrorClass.INTERNAL, message=what),
            uploaded=result.uploaded,
            restored=result.restored,
            upkeep=result.upkeep,
            details=result.details,
            started=result.started,
            finished=result.finished,
        )
    )


def _dump(result: RunResult) -> str:
    return result.model_dump_json(by_alias=True, exclude_none=True)


def _shortened(result: RunResult, length: int) -> RunResult:
    error = result.error
    components = {
        name: item.model_copy(update={"error": shorten(item.error, length)}) if item.error else item
        for name, item in result.components.items()
    }
    if error is not None:
        error = error.model_copy(update={"message": shorten(error.message, length)})
    return result.model_copy(update={"error": error, "components": components})


def _slim(component: Component) -> Component:
    stats = tuple(
        ResticStats(summary=Summary(id=item.summary.id, host_path=item.summary.host_path))
        for item in component.restic_stats or ()
        if item.summary is not None
    )
    unreadable = _counted(component.unreadable)
    return component.model_copy(update={"restic_stats": stats, "unreadable": unreadable})


def _counted(files: AffectedFiles | None) -> AffectedFiles | None:
    """How many they are, without the names."""
    return files.model_copy(update={"first": ()}) if files is not None else None
