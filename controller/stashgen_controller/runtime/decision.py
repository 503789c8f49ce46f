"""What a reconciler wants done: built by pure code, carried out by ``apply.py``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stashgen.api.base import JsonObject
from stashgen.api.pod import Pod
from stashgen.api.resources import Resource
from stashgen_controller.protocol.reason import Reason


@dataclass(frozen=True, slots=True)
class Key:
    """One object of a reconciled kind."""

    resource: Resource
    namespace: str
    name: str

    def __hash__(self) -> int:
        """Few objects of different kinds share a name, and queue and lanes ask all the time."""
        return hash((self.namespace, self.name))


@dataclass(frozen=True, slots=True)
class Create:
    """Create one object; one that is there already counts only if it is ours.

    It is ours when it has the same controller owner and the same labels of our domains.
    """

    resource: Resource
    manifest: JsonObject


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge-patch one object that the controller made itself."""

    resource: Resource
    namespace: str
    name: str
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one object by UID; a missing object is success."""

    resource: Resource
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class PodsQuestion:
    """Which pods of a Job the API server has: of some decisions a cache is not proof enough.

    Attributes:
        namespace, job: Of the Job.
        answered: The decision, given the pods.
    """

    namespace: str
    job: str
    answered: Callable[[Sequence[Pod]], "Decision"]


@dataclass(frozen=True, slots=True)
class EventsQuestion:
    """What the Events of one object say: no cache holds them, and few decisions need them.

    Attributes:
        kind, namespace, name: Of the object.
        answered: The decision, given their words; none of them where the text is empty.
    """

    kind: str
    namespace: str
    name: str
    answered: Callable[[str], "Decision"]


Action = Create | Patch | Delete
Question = PodsQuestion | EventsQuestion


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of looking at one object.

    Attributes:
        actions: Writes to other objects, in order.
        status: The whole desired status of the object, or None to leave it alone. It is written
            after the actions, so a status never says what was not done; but for a claim.
        requeue_after: Look again after this long even if nothing changes.
        refused: The status that says why, for the case that the API server refuses this action
            (a quota, an admission policy, a name that is taken). It is tried again later.
        question: To be asked first: its answer takes this decision's place.
        is_claim: The status says who works on a volume and a repository from now on, and is
            written before the actions: whoever looks after that finds it taken, whatever became
            of the answers to the actions.
    """

    actions: tuple[Action, ...] = ()
    status: JsonObject | None = None
    requeue_after: timedelta | None = None
    refused: Callable[[Reason, Action], JsonObject] | None = None
    question: Question | None = None
    is_claim: bool = False
