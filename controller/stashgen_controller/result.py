"""What a worker tells the controller: one document, the same on both ways home.

It is the pod's termination message (the kubelet's word) and the source of what the worker
patches into the status. At most 4,096 bytes (Kubernetes, "Customizing the termination message").
"""

from enum import StrEnum

from stashgen.api.base import Model, Time
from stashgen.api.snapshot import Component, Phase

MAX_BYTES = 4096


class ErrorClass(StrEnum):
    """Why a run failed; decides whether another attempt makes sense."""

    # from restic's exit codes (restic manual, "Exit codes") and its messages
    LOCKED = "Locked"
    WRONG_PASSWORD = "WrongPassword"  # noqa: S105
    NO_REPOSITORY = "NoRepository"
    NO_SPACE = "NoSpace"
    UNAVAILABLE = "Unavailable"
    SOURCE_INCOMPLETE = "SourceIncomplete"
    INTERRUPTED = "Interrupted"
    # from the worker itself
    SECRET_MISSING = "SecretMissing"  # noqa: S105
    RESTORE_EXPECTED = "RestoreExpected"
    NO_SNAPSHOT = "NoSnapshot"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    INVALID_BUCKET = "InvalidBucket"
    RESTIC_TOO_OLD = "ResticTooOld"
    INTERNAL = "Internal"
    # seen by the controller, when no worker could write
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    EXECUTOR_LOST = "ExecutorLost"
    UNSCHEDULABLE = "Unschedulable"
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
        ErrorClass.KILLED,
    }
)


class RunError(Model):
    """Why the run failed: a class for machines, a message for people."""

    reason: ErrorClass
    message: str

    @property
    def text(self) -> str:
        """``Reason: message``, as conditions and statuses show it."""
        return f"{self.reason.value}: {self.message}"


class Retention(Model):
    """What a retain run did: Snapshot names whose data and YAML are gone, and what is left."""

    removed: tuple[str, ...] = ()
    remaining: int = 0
    kept: int = 0


class RepositoryState(Model):
    """What init-repository and retain saw in the bucket."""

    component_paths: tuple[str, ...] = ()
    snapshot_count: int = 0
    size_bytes: int | None = None
    writer_matches: bool = True


class WorkerResult(Model):
    """The outcome of one run.

    Attributes:
        verb: The plan's verb (or ``trigger``).
        phase: Succeeded or Failed.
        error: Set if and only if the phase is Failed.
        components: Backup and restore: by component name; ``path``, ``phase``, sizes, restic ids.
        uploaded: The YAML of this run's object (metadata, repository, snapshot) is in the bucket.
        repository: What init-repository and retain saw.
        retention: What retain did.
        started, finished: The worker's clock.
    """

    version: str = "v1"
    verb: str
    phase: Phase
    error: RunError | None = None
    components: dict[str, Component] = {}
    uploaded: bool = False
    repository: RepositoryState | None = None
    retention: Retention | None = None
    started: Time
    finished: Time
