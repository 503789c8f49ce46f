"""The ports of a reconciled kind: what it reads from and what it is; no client, no loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar, cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import NAMESPACES, Resource
from stashgen_controller.runtime.decision import Decision

ObservedT = TypeVar("ObservedT")


class Reader(Protocol):
    """The cluster as the caches know it."""

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        ...

    def items(self, resource: Resource, namespace: str | None = None) -> Sequence[JsonObject]:
        """The objects of a kind, of one namespace if one is given; in no order."""
        ...


@dataclass(frozen=True, slots=True)
class Kind(Generic[ObservedT]):
    """How one kind is reconciled.

    Attributes:
        resource: The kind.
        observe: Collects from the caches what ``decide`` needs to know about an object.
        decide: Says what to do; pure and total, every early return has a condition.
    """

    resource: Resource
    observe: Callable[[Reader, JsonObject], ObservedT]
    decide: Callable[[ObservedT, datetime], Decision]

    def look(self, reader: Reader, obj: JsonObject, now: datetime) -> Decision:
        """What is to be done about an object, as of now."""
        return self.decide(self.observe(reader, obj), now)


def is_deleting(obj: JsonObject) -> bool:
    """Whether an object was deleted and is only still there for its finalizers."""
    return bool(cast("JsonObject", obj["metadata"]).get("deletionTimestamp"))


def is_namespace_terminating(reader: Reader, namespace: str) -> bool:
    """Whether a namespace is on its way out: nothing can be made in it any more."""
    found = reader.get(NAMESPACES, None, namespace)
    return found is not None and is_deleting(found)
