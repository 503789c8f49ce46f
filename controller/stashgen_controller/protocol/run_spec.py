"""What the controller passes to a worker: one JSON document in a pod template annotation.

The pod's spec is constant and reviewed; everything that differs between two runs travels here
(annotation ``session.stashgen.dev/plan``, read by the worker as a downward-API file).
"""

import hashlib
import json
from datetime import timedelta

from stashgen.api.base import JsonObject, Model, Time
from stashgen.api.labels import ORDER_ANNOTATION
from stashgen.api.restore_request import Nonce, RestoreMode
from stashgen.api.restore_session import RestoreSession
from stashgen.kubestash.verbs import VERBS, Verb

# The worker stops itself at the plan's deadline and needs a moment to release its lock and to
# report; the Job's own deadline is only for a worker that cannot.
DEADLINE_GRACE = timedelta(minutes=2)
# The deadline of a Job whose plan has none.
WITHOUT_TIMEOUT = timedelta(hours=24)
_OF_EVERY_VERB = frozenset({"attempt", "cluster_uid", "deadline", "verb"})


class RestoreOrder(Model):
    """What a RestoreRequest adds to its RestoreSession.

    Attributes:
        request: Name of the RestoreRequest.
        snapshot: As requested: a name or ``latest``.
        target: The claim.
        not_after: Nothing starts at or after this time; not part of the restore's identity.
    """

    nonce: Nonce
    namespace: str
    request: str
    repository: str
    snapshot: str
    target: str
    mode: RestoreMode
    not_after: Time

    def is_same_act(self, other: "RestoreOrder") -> bool:
        """Whether both are the same reviewed restore, regardless of ``not_after``."""
        return self == other.model_copy(update={"not_after": self.not_after})

    def to_json(self) -> str:
        """Compact JSON with sorted keys."""
        return json.dumps(self.to_wire(), sort_keys=True, separators=(",", ":"))


class UnrecordedFailure(Model):
    """A failed Snapshot whose worker left no record in the bucket.

    Attributes:
        session: The one that made it.
        time: When it began.
    """

    name: str
    session: str
    time: Time


class RunSpec(Model):
    """One worker's order.

    Attributes:
        verb: What to do.
        attempt: Counts from 1; an attempt is a new Job.
        deadline: The worker stops itself at this time (its own clock).
        cluster_uid: UID of the namespace kube-system: identifies the cluster in the bucket.
        claim_uid: UID of the PersistentVolumeClaim that is backed up or restored.
        storage: The BackupStorage as stored, for ``metadata.yaml`` (init-storage).
        repository: The Repository as stored, for ``repository.yaml`` and paths.
        snapshot: The Snapshot as stored: backup fills its status and uploads it, restore reads
            the components' restic ids from it.
        backup_session: Name of the BackupSession whose phase the last copy's Job reports.
        restore_session: Name of the RestoreSession whose phase the restore Job reports.
        session_uid: Of that BackupSession or RestoreSession: another one of its name is left alone.
        last_copy: True for the Job that ends the session's last copy.
        earlier_copy_failed: A copy of the same session failed before this one.
        refuse_other_writer: A bucket record of another claim or cluster stops the backup
            (compiled objects); otherwise the backup goes on (plain KubeStash manifests).
        acknowledged_writer: UID of the claim that the backup may displace as the recorded writer,
            because Git acknowledges it.
        cursor: Name of the last record that the page before has read (resync).
        order: A restore that a RestoreRequest asked for is done once, and its record is kept.
        adopt: A restore into the repository's own claim makes it the recorded writer.
        terminated_pods: Host names of pods that this cluster's sessions recorded and that are gone:
            a lock that one of them holds is stale (backup, restore, retain, upkeep: the others take
            no lock).
        unrecorded_failures: Snapshots of the repository that failed without a record and whose
            pods are gone: the policy counts them, too, and what they left in restic goes (retain).
        session: The session whose snapshots retention removes; it touches no other one's (retain).
        pinned_snapshots: Names of Snapshots that restores need: retention neither removes nor
            counts them (retain).
        accepted_smaller: The Snapshot whose smaller size a person accepted (retain).
        accepted_gap: The Snapshot before which, as a person said, there really was none for a long
            time (retain).
        check: Have restic check the repositories (upkeep; a backup where the last check found
            damage: what it makes is good only if the repository is).
        check_number: How many checks there were before: it says which part of the data is read
            (upkeep).
        damage_accepted: A person says that the damage which the last check found was repaired: the
            check that follows need not read that part of the data (upkeep).
        prune: Have restic remove the data of forgotten snapshots (upkeep).
        checked_paths, pruned_paths: What an earlier run of the same round did already (upkeep).
        turn: Which of the restic repositories comes first: a number that grows (upkeep).
        storage_is_full: Prune without room to write anything but an index (upkeep).
    """

    verb: Verb
    attempt: int = 1
    deadline: Time | None = None
    cluster_uid: str
    claim_uid: str | None = None
    storage: JsonObject | None = None
    repository: JsonObject | None = None
    snapshot: JsonObject | None = None
    backup_session: str | None = None
    restore_session: str | None = None
    session_uid: str | None = None
    last_copy: bool = False
    earlier_copy_failed: bool = False
    refuse_other_writer: bool = True
    acknowledged_writer: str | None = None
    cursor: str | None = None
    order: RestoreOrder | None = None
    adopt: bool = False
    terminated_pods: tuple[str, ...] = ()
    unrecorded_failures: tuple[UnrecordedFailure, ...] = ()
    session: str | None = None
    pinned_snapshots: tuple[str, ...] = ()
    accepted_smaller: str | None = None
    accepted_gap: str | None = None
    check: bool = False
    check_number: int = 0
    damage_accepted: bool = False
    prune: bool = False
    checked_paths: tuple[str, ...] = ()
    pruned_paths: tuple[str, ...] = ()
    turn: int = 0
    storage_is_full: bool = False

    def to_json(self) -> str:
        """Compact JSON with sorted keys: equal plans have equal bytes.

        Raises:
            ValueError: a field is set that the verb's row does not have.
        """
        useless = self.model_fields_set - _OF_EVERY_VERB - VERBS[self.verb].plan
        if useless:
            msg = f"{self.verb} has no use for {', '.join(sorted(useless))}"
            raise ValueError(msg)
        return json.dumps(self.to_wire(), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


def order_of(restore: RestoreSession) -> RestoreOrder | None:
    """What a RestoreRequest says of a restore; None for a plain one.

    Raises:
        pydantic.ValidationError: somebody changed it to what cannot be read.
    """
    text = (restore.metadata.annotations or {}).get(ORDER_ANNOTATION)
    return RestoreOrder.model_validate_json(text) if text is not None else None
