"""KubeStash's condition on a session that the executor, which is its Job, could be made."""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.shared import Condition
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import condition, not_done


@dataclass(frozen=True, slots=True)
class ExecutorEnsured:
    """The condition of one kind of executor.

    Attributes:
        type: The condition's.
        executor: KubeStash's word for it in reasons and messages: Backup, Restore or
            RetentionPolicy.
    """

    type: str
    executor: str

    def done(self, now: datetime) -> Condition:
        """The Job was made."""
        return condition(
            self.type,
            status=True,
            reason=f"SuccessfullyEnsured{self.executor}Executor",
            message=f"{self.executor} Executor has been ensured successfully.",
            now=now,
        )

    def not_done(self, why: Reason, now: datetime) -> Condition:
        """The Job could not be made."""
        return not_done(self.type, f"FailedToEnsure{self.executor}Executor", why, now)
