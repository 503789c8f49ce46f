"""Which faults may happen in a run, and how often; a seed decides both.

Each run has a random part of them only ("swarm testing"): where everything fails at once, nothing
comes as far as the rare meeting of two.
"""

from enum import StrEnum

from tests.simulation.timeline import Timeline


class Fault(StrEnum):
    """What may go wrong, or be done by people meanwhile."""

    CONFLICT = "conflict"
    THROTTLED = "throttled"
    SERVER_ERROR = "server-error"
    LOST_ANSWER = "lost-answer"
    SLOW_REQUEST = "slow-request"
    LAG = "lag"
    HALF_OPEN = "half-open"
    RELIST = "relist"
    DEATH = "death"
    LEAD_CHANGE = "lead-change"
    LOST_PATCH = "lost-patch"
    WORKER_KILLED = "worker-killed"
    EVICTED = "evicted"
    UNSCHEDULABLE = "unschedulable"
    NODE_DEATH = "node-death"
    PARTITION = "partition"
    BUCKET_ERROR = "bucket-error"
    CLOCK_JUMP = "clock-jump"
    POLICY_CHANGE = "policy-change"
    PAUSE = "pause"
    RESTORE = "restore"
    REQUEST = "request"
    TRIGGER = "trigger"
    DELETE_JOB = "delete-job"
    DELETE_POD = "delete-pod"
    FORCE_DELETE_POD = "force-delete-pod"
    DELETE_SNAPSHOT = "delete-snapshot"
    DELETE_SESSION = "delete-session"
    MALFORMED = "malformed"
    RECREATE_RESTORE = "recreate-restore"
    ACCEPT_PARTIAL_RESTORE = "accept-partial-restore"
    ACCEPT_LOST_POD = "accept-lost-pod"
    UPKEEP = "upkeep"
    CHANGE_RESTORE = "change-restore"
    FINALIZER = "finalizer"
    ETCD_RESTORED = "etcd-restored"


class Faults:
    """The faults of one run.

    Args:
        timeline: For its chances.
        allowed: Those that may happen at all.

    Attributes:
        chosen: Those of this run, with their strength between 0 and 1.
        is_over: From now on nothing goes wrong any more.
    """

    def __init__(self, timeline: Timeline, allowed: frozenset[Fault]) -> None:
        self._random = timeline.random
        strengths = {fault: self._random.random() for fault in Fault}
        chosen = {fault: self._random.random() < 0.4 for fault in Fault}
        self.chosen = {
            fault: strengths[fault] for fault in Fault if chosen[fault] and fault in allowed
        }
        self.is_over = False

    def happens(self, fault: Fault, chance: float) -> bool:
        """Whether a fault happens now, at most with this chance."""
        strength = self.chosen.get(fault)
        if strength is None or self.is_over:
            return False
        return self._random.random() < chance * strength
