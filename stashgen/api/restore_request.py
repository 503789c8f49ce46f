"""RestoreRequest: a restore in Git, which happens at most once (stashgen.dev/v1alpha1).

This kind is ours; KubeStash's RestoreSession restores every time it is created. The nonce
identifies the reviewed restore: the restore Job keeps a record of it in the bucket, so that a
repeated sync, a prune followed by a re-add, or a rebuilt cluster finds that it is done.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from stashgen.api.base import Int, Model, Time
from stashgen.api.meta import Kind
from stashgen.api.resources import RESTORE_REQUESTS, Resource
from stashgen.api.shared import Condition

LATEST = "latest"
NONCE_PATTERN = r"^[a-z0-9][-a-z0-9]{6,61}[a-z0-9]$"

# 8 to 63 lower-case letters, digits and dashes: a file's name in the bucket and a label's value.
Nonce = Annotated[str, StringConstraints(pattern=NONCE_PATTERN)]
# Kubernetes, "Object Names and IDs", DNS subdomain names; the server checks the length.
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]


class RestoreMode(StrEnum):
    """What a restore may find in the target.

    Overwrite: files of the snapshot replace those of the same name, others stay (restic restore).
    OnlyIfEmpty: a volume that has anything but ``lost+found`` is refused.
    """

    OVERWRITE = "Overwrite"
    ONLY_IF_EMPTY = "OnlyIfEmpty"


class OnMissing(StrEnum):
    """What happens while there is no matching snapshot."""

    FAIL = "Fail"
    WAIT = "Wait"


class RestoreTarget(Model):
    """A PersistentVolumeClaim in the request's namespace."""

    name: ObjectName


class RestoreRequestSpec(Model):
    """The act. It cannot be changed; another act is another request with another nonce.

    Attributes:
        nonce: Names the act in the bucket, for ever. Unique within the Repository.
        not_after: Nothing starts at or after this time.
        repository: A Repository of the same namespace.
        snapshot: A Snapshot's name, or ``latest``: the newest succeeded one when the restore is
            started, from then on in ``status.snapshot``.
        on_missing: ``Wait`` waits until ``not_after`` for a matching snapshot.
        reason: For whoever reads the history: a ticket, a sentence.
    """

    nonce: Nonce
    not_after: Time
    repository: ObjectName
    snapshot: ObjectName
    target: RestoreTarget
    mode: RestoreMode
    on_missing: OnMissing
    reason: str | None = None


class RestoreRequestPhase(StrEnum):
    """How far a request is; the last three are for ever."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    EXPIRED = "Expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {
            RestoreRequestPhase.SUCCEEDED,
            RestoreRequestPhase.FAILED,
            RestoreRequestPhase.EXPIRED,
        }


class RestoreRequestStatus(Model):
    """What became of the act.

    Attributes:
        snapshot: The one that is restored; never another once it is set.
        restore_session: Name of the RestoreSession of the newest attempt.
        attempt: Which one that is, from 1. One that was interrupted is resumed by another.
        restored_before: When the bucket's record says that the act was done already: then
            nothing was written.
        error: Why it failed or expired; never empty then.
        conditions: Ready, and while they are true Reconciling and Stalled, as kstatus reads them.
    """

    observed_generation: Int | None = None
    phase: RestoreRequestPhase | None = None
    snapshot: str | None = None
    restore_session: str | None = None
    attempt: Int | None = None
    restored_before: Time | None = None
    error: str | None = None
    conditions: tuple[Condition, ...] = ()


class RestoreRequest(Kind):
    """A restore in git, which happens at most once."""

    resource: ClassVar[Resource] = RESTORE_REQUESTS
    api_version: Literal["stashgen.dev/v1alpha1"] = "stashgen.dev/v1alpha1"
    kind: Literal["RestoreRequest"] = "RestoreRequest"
    spec: RestoreRequestSpec
    status: RestoreRequestStatus | None = None

    @property
    def phase(self) -> RestoreRequestPhase | None:
        """The phase in the status."""
        return self.status.phase if self.status else None

    @property
    def is_finished(self) -> bool:
        """Nothing more will happen."""
        return self.phase is not None and self.phase.is_final
