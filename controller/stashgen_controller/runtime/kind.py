"""The ports of a reconciled kind: what it reads from, and what it is. No client and no loop here.

``observe`` reads caches only and ``decide`` is pure; ``apply.py`` writes what was decided.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.namespace import Namespace
from stashgen.api.resources import Resource
from stashgen_controller.runtime.decision import Decision
from stashgen_controller.runtime.permission import Permission

ModelT = TypeVar("ModelT", bound=ApiKind)
ObservedT = TypeVar("ObservedT")
ValueT = TypeVar("ValueT")
ValueT_co = TypeVar("ValueT_co", covariant=True)

# An object's namespace and name, or the parts of an index's key.
Place = tuple[str, str]
IndexKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Index(Generic[ModelT]):
    """How objects of a kind are found other than by name (client-go's ``cache.Indexers``).

    Attributes:
        model: The kind.
        keys: The keys of an object as stored; it is found by each of them. Computed once for each
            version of the object, before anything is parsed.
    """

    model: type[ModelT]
    keys: Callable[[JsonObject], Iterable[IndexKey]]


@dataclass(frozen=True, slots=True, eq=False)
class CoveringIndex(Generic[ModelT, ValueT]):
    """An index that holds what is asked for itself, so that no object has to be read.

    For a history: what it says of thousands of finished objects stays in memory, they do not.

    Attributes:
        model, keys: As of an ``Index``.
        value: What is kept of an object as stored.
    """

    model: type[ModelT]
    keys: Callable[[JsonObject], Iterable[IndexKey]]
    value: Callable[[JsonObject], ValueT]


class Reader(Protocol):
    """The cluster as the caches know it; no two answers need be of the same moment."""

    def get(self, model: type[ModelT], namespace: str | None, name: str) -> ModelT | None:
        """One object, or None.

        Raises:
            MalformedError: it has another shape.
        """
        ...

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object as the API server returned it, or None; the caller may change it."""
        ...

    def has(self, resource: Resource, namespace: str | None, name: str) -> bool:
        """Whether there is such an object; nothing of it is read."""
        ...

    def items(self, model: type[ModelT], namespace: str | None = None) -> Sequence[ModelT]:
        """The objects of a kind, of one namespace if one is given; in no order.

        One of another shape is left out: its own look says so.
        """
        ...

    def by(self, index: Index[ModelT], *key: str) -> Sequence[ModelT]:
        """The objects that an index has under a key; in no order, those of odd shape left out."""
        ...

    def places(self, index: Index[ModelT], *key: str) -> Sequence[Place]:
        """Namespace and name of each object that an index has under a key; nothing is read."""
        ...

    def values(self, index: CoveringIndex[ModelT, ValueT], *key: str) -> Sequence[ValueT]:
        """What an index holds under a key; without a key, all that it holds. In no order."""
        ...

    def live(self, model: type[ModelT], namespace: str, name: str) -> ModelT | None:
        """One object as the API server has it now, or None (controller-runtime's ``APIReader``).

        "Not in my cache" is not "not in the cluster": this is asked before anything final is
        concluded from an absence, and only then.

        Raises:
            Whatever a request raises; nothing is concluded then.
        """
        ...

    def live_items(
        self, model: type[ModelT], namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[ModelT]:
        """The objects of a namespace as the API server has them now, those of odd shape left out.

        Args:
            model: Their kind.
            namespace: Theirs.
            label: Only those with this label and value.

        Raises:
            Whatever a request raises.
        """
        ...

    def live_objects(
        self, resource: Resource, namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[JsonObject]:
        """The same as stored, those of odd shape among them."""
        ...


def _always(_obj: JsonObject) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Watch:
    """Which objects of a kind a change of another object concerns.

    Attributes:
        model: The kind of the other object.
        keys: Namespace and name of each object to look at, given the other one as stored.
        relevant: The part of the other object, as stored, that matters, None as long as nothing
            of it does. A change elsewhere concerns nobody; that it is deleted always does.
        is_missed: Unless nobody misses it, as it was then.
    """

    model: type[ApiKind]
    keys: Callable[[Reader, JsonObject], Iterable[Place]]
    relevant: Callable[[JsonObject], object]
    is_missed: Callable[[JsonObject], bool] = _always


def _never(_obj: JsonObject) -> bool:
    return False


def _alone(_reader: Reader, _obj: object) -> Iterable[IndexKey]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[ModelT, ObservedT]):
    """How one kind is reconciled.

    Attributes:
        model: The kind.
        observe: Collects from the caches what ``decide`` needs to know about an object.
        decide: Says what to do; pure and total, every early return has a condition.
        permissions: What that asks the API server for, besides watching.
        watches: Other objects whose changes concern this kind's.
        is_finished: Whether an object as stored is history: its own changes need no look.
        urgent: Has those, by namespace and name, that wait for something to begin, and so are
            looked at before those of which only something is to be recorded. None: none is.
        uses: What an object works on: its volume and its repositories. Two objects that share one
            of them are not looked at beside each other, so that the second sees what was written
            for the first.
        malformed_phase: Of an object that our model refuses, before anything has begun.
        waiting_phase: Of an object that has to read one that is refused.
    """

    model: type[ModelT]
    observe: Callable[[Reader, ModelT], ObservedT]
    decide: Callable[[ObservedT, datetime], Decision]
    permissions: tuple[Permission, ...] = ()
    watches: tuple[Watch, ...] = ()
    is_finished: Callable[[JsonObject], bool] = _never
    urgent: Index[ModelT] | None = None
    uses: Callable[[Reader, ModelT], Iterable[IndexKey]] = _alone
    malformed_phase: str = "Failed"
    waiting_phase: str = "Pending"

    @property
    def resource(self) -> Resource:
        """Where the API server serves the kind."""
        return self.model.resource

    def reconcile(self, reader: Reader, obj: ModelT, now: datetime) -> Decision:
        """What is to be done about an object, as of now."""
        return self.decide(self.observe(reader, obj), now)


def is_deleting(obj: ApiKind) -> bool:
    """Whether an object was deleted and is only still there for its finalizers."""
    return obj.metadata.deletion_timestamp is not None


def is_namespace_terminating(reader: Reader, namespace: str) -> bool:
    """Whether a namespace is being deleted: nothing can be made in it any more."""
    found = reader.get(Namespace, None, namespace)
    return found is not None and is_deleting(found)


def phase_of(obj: JsonObject) -> str:
    """The phase in the status of an object as stored; empty where there is none."""
    return str(mapping_of(obj, "status").get("phase") or "")
