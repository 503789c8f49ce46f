"""What happened to an object of a cache."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stashgen.api.base import JsonObject
from stashgen_controller.runtime.packing import Packing

ADDED = "ADDED"
MODIFIED = "MODIFIED"
DELETED = "DELETED"


def _nothing() -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object: ADDED, MODIFIED or DELETED.

    Attributes:
        obj: As it is now; as it was last where it was deleted.
        before: As it was before, not to be changed; it is unpacked when it is asked for first.
            Empty where it is new.
    """

    type: str
    obj: JsonObject
    before: Callable[[], JsonObject] = _nothing
    _concerns: dict[Callable[[JsonObject], object], bool] = field(default_factory=dict)

    def concerns(self, relevant: Callable[[JsonObject], object]) -> bool:
        """Whether the part of the object that matters is another one; a deletion always matters.

        Several watches ask for the same part: it is compared once.

        Raises:
            Whatever ``relevant`` raises of an object of an odd shape.
        """
        if self.type == DELETED:
            return True
        known = self._concerns.get(relevant)
        if known is None:
            part = relevant(self.obj)
            before = relevant(self.before()) if self.type == MODIFIED else None
            known = self._concerns[relevant] = part != before
        return known


class Before:
    """An object as it was, unpacked once."""

    __slots__ = ("_obj", "_packed", "_packing")

    def __init__(self, packing: Packing, packed: bytes) -> None:
        self._packing = packing
        self._packed = packed
        self._obj: JsonObject | None = None

    def __call__(self) -> JsonObject:
        """The object."""
        if self._obj is None:
            self._obj = self._packing.unpack(self._packed)
        return self._obj
