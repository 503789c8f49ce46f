"""The names of what keeps the controller from doing something, as conditions and errors show them.

Why a run failed has names of its own (``protocol.run_result.ErrorClass``).
"""

from enum import StrEnum

from stashgen_controller.protocol.reason import Reason


class Cause(StrEnum):
    """Why something is not done now, or cannot be done at all."""

    # Passes by itself.
    WAITING_FOR_APPLY = "WaitingForApply"
    WAITING_FOR_CLUSTER = "WaitingForCluster"
    STORAGE_NOT_READY = "StorageNotReady"
    PAUSED = "Paused"
    CLAIM_PENDING = "ClaimPending"
    WAITING_FOR_RESYNC = "WaitingForResync"
    # Somebody else works on the volume or the repository.
    WAITING_FOR_BACKUP = "WaitingForBackup"
    WAITING_FOR_INITIALIZATION = "WaitingForInitialization"
    WAITING_FOR_POD = "WaitingForPod"
    WAITING_FOR_RESTORE = "WaitingForRestore"
    WAITING_FOR_RETENTION = "WaitingForRetention"
    WAITING_FOR_UPKEEP = "WaitingForUpkeep"
    RESTORED_IN_PART = "RestoredInPart"
    # In strict mode the API server compares every Job with the pods in git (strict/self_check.py).
    NOT_REVIEWED_YET = "NotReviewedYet"
    ADMISSION_POLICY_MISSING = "AdmissionPolicyMissing"
    # A person has to change something.
    CLAIM_LOST = "ClaimLost"
    CLAIM_TERMINATING = "ClaimTerminating"
    NOT_COMPILED = "NotCompiled"
    NOT_REVIEWED = "NotReviewed"
    NAME_COLLISION = "NameCollision"
    GRANT_MISSING = "GrantMissing"
    INVALID_FIELD = "InvalidField"
    UNSUPPORTED_FIELD = "UnsupportedField"
    UNSUPPORTED_ADDON = "UnsupportedAddon"
    NO_SESSION = "NoSession"
    NO_STORAGE = "NoStorage"
    NO_REPOSITORY = "NoRepository"
    NO_RETENTION_POLICY = "NoRetentionPolicy"
    NO_ADDON = "NoAddon"
    NO_FUNCTION = "NoFunction"


# Only a change of the manifests mends these.
REFUSALS = frozenset(
    {
        Cause.NOT_COMPILED,
        Cause.GRANT_MISSING,
        Cause.INVALID_FIELD,
        Cause.UNSUPPORTED_FIELD,
        Cause.UNSUPPORTED_ADDON,
    }
)

# What something that could begin otherwise waits for.
TURNS = frozenset(
    {
        Cause.WAITING_FOR_BACKUP,
        Cause.WAITING_FOR_INITIALIZATION,
        Cause.WAITING_FOR_POD,
        Cause.WAITING_FOR_RESTORE,
        Cause.WAITING_FOR_RETENTION,
        Cause.WAITING_FOR_UPKEEP,
    }
)

# The bucket's records carry the cluster's UID for ever.
WAITING_FOR_CLUSTER = Reason(
    Cause.WAITING_FOR_CLUSTER,
    "the UID of namespace kube-system, which identifies this cluster, is not known yet",
)


def not_applied(*missing: str) -> Reason:
    """That children of a rendered object, which come from git, are not in the cluster yet."""
    verbs = ("is", "has") if len(missing) == 1 else ("are", "have")
    text = "{} {} managed in Git and {} not been applied yet".format(", ".join(missing), *verbs)
    return Reason(Cause.WAITING_FOR_APPLY, text)


def why_waiting(problem: Reason | None, cluster_uid: str | None) -> Reason | None:
    """What a Job waits for that is only a matter of time; None where nothing is.

    Args:
        problem: Why there is no pod template.
        cluster_uid: None while it is not known.
    """
    if problem is not None and problem.name == Cause.WAITING_FOR_APPLY:
        return problem
    return WAITING_FOR_CLUSTER if cluster_uid is None else None
