"""BackupPolicy: which volumes are backed up, when, where to, and what is kept."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import Bool, Int, Model
from stashgen.kubestash.unreadable import OnUnreadable
from stashgen.policy.selectors import Match, Select
from stashgen.policy.shared import Encryption, Job, Keep, Metadata, Upkeep


class Copy(Model):
    """One storage's share of a session: exactly one of ``keep`` and ``retention``.

    Attributes:
        retention: The name of a RetentionPolicy among the project's documents.
        directory: Below the storage's prefix; default ``{{namespace}}/{{volume}}``, or
            ``{{volume}}`` in a storage of every namespace.
        encryption: Replaces the policy's or the project's.
    """

    storage: str
    keep: Keep | None = None
    retention: str | None = None
    directory: str | None = None
    encryption: Encryption | None = None


class Session(Model):
    """One schedule: exactly one of ``every`` and ``schedule`` (in which ``H`` is spread).

    What a policy leaves out, copies too, it has from the session of this name that it inherits.

    Attributes:
        between: The hours in which ``every`` runs, ``22:00-05:00``; they may pass midnight.
        days: The weekdays on which it runs, or its hours begin: ``mon-fri``.
        paths: Files and folders of the volume that are backed up; all of it by default.
        exclude: Patterns of files that are left out beside the policy's.
    """

    name: str
    every: str | None = None
    schedule: str | None = None
    between: str | None = None
    days: tuple[str, ...] | None = None
    timeout: str = "1h"
    history_limit: Int = 3
    suspend: Bool = False
    paths: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()


class Objectives(Model):
    """What the backups of each volume have to achieve; a policy that breaks it is refused.

    Attributes:
        rpo: The maximum age of the newest backup, in one storage at least.
        keep_for: At every instant a backup at least this old exists, once they have run so long.
        min_copies: In how many storages the newest backup is no older than ``rpo``.
    """

    rpo: str | None = None
    keep_for: str | None = None
    min_copies: Int | None = None


class Acknowledgement(Model):
    """What a person accepts about one volume, so that its backups or its retention go on.

    Exactly one of the five is set. Each names one occasion and has no effect on any other, now or
    later; the status that waits for it says which.

    Attributes:
        volume: ``<namespace>/<claim>``.
        cluster: The cluster's id.
        adopt: UID of the claim that the storage records as its writer: the volume was re-created on
            purpose and begins without its history.
        partial_restore: The RestoreSession that restored it in part: it is backed up as it is.
        smaller: The Snapshot since which it is much smaller.
        gap: The Snapshot before which there was none for a long time.
        damage: The time of the check that found a Repository damaged: it was repaired since.
    """

    volume: str
    cluster: str
    adopt: str | None = None
    partial_restore: str | None = None
    smaller: str | None = None
    gap: str | None = None
    damage: str | None = None
    reason: str


class Settings(Model):
    """How volumes are backed up: what a policy inherits and refines.

    Attributes:
        time_zone: In which its schedules run; default the cluster's.
        exclude: Patterns of files that every session leaves out (restic's); one that begins with a
            slash is about the top of the volume.
        on_unreadable: Whether a backup that could not read some files is a failed one (``fail``)
            or a good one that says what it lacks (``warn``).
    """

    sessions: tuple[Session, ...] = ()
    time_zone: str | None = None
    objectives: Objectives | None = None
    encryption: Encryption | None = None
    job: Job | None = None
    upkeep: Upkeep | None = None
    exclude: tuple[str, ...] = ()
    on_unreadable: OnUnreadable = OnUnreadable.FAIL
    paused: Bool = False


class EveryBounds(Model):
    """Bounds of an interval; each is included.

    Both are needed: with ``keep: {last: 14}`` a claim that may ask for any interval decides how far
    back its history reaches.
    """

    at_least: str
    at_most: str


class OptOutRules(Model):
    """What an opt-out must say; a reason in any case."""

    needs: tuple[Literal["reason", "owner", "until"], ...] = ()


class Delegate(Model):
    """What annotations of claims and namespaces may decide.

    Attributes:
        every: The bounds of ``stashgen.dev/every``, which is about the first session.
        paths: ``stashgen.dev/paths`` may say what every session backs up.
        policy: What ``stashgen.dev/policy`` may name.
        opt_out: ``stashgen.dev/opt-out`` is allowed.
    """

    every: EveryBounds | None = None
    paths: Literal["allowed"] | None = None
    policy: tuple[str, ...] | None = None
    opt_out: OptOutRules | None = None


class InheritedSettings(Settings):
    """What a policy has from the one that it extends."""

    delegate: Delegate | None = None


class PolicyException(Model):
    """Other settings for some volumes of a policy, until a day.

    Attributes:
        match: Which of the policy's volumes.
        settings: What is set for them, above what the policy says.
        until: The last day (``YYYY-MM-DD``, UTC) on which a build accepts it.
    """

    match: Match
    settings: Settings = Field(alias="set")
    reason: str
    owner: str | None = None
    until: str


class BackupPolicySpec(InheritedSettings):
    """The desired backups.

    Attributes:
        extends: The policy whose settings this one has where it does not set its own.
        priority: Of several policies that select a volume, the one with the highest protects it.
        select: Never inherited; a policy without it protects nothing and is there to be extended.
    """

    extends: str | None = None
    priority: Int = 0
    select: Select | None = None
    exceptions: tuple[PolicyException, ...] = ()
    acknowledge: tuple[Acknowledgement, ...] = ()


class BackupPolicy(Model):
    """Which volumes are backed up, when, where to, and what is kept."""

    api_version: Literal["stashgen.dev/v1alpha1"]
    kind: Literal["BackupPolicy"]
    metadata: Metadata
    spec: BackupPolicySpec
