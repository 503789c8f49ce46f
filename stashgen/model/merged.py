"""A block that several documents have a say in, and where each of its fields was set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from stashgen.model.source import Origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """One block out of several layers.

    Attributes:
        value: The block.
        origins: By the name of a field as people write it (``runAs``): where its value was set.
        nearest: Where the most special layer has, or would have, the block.
    """

    value: T
    origins: Mapping[str, Origin]
    nearest: Origin

    def origin(self, field: str, *keys: str | int) -> Origin:
        """Where a field, or the part of it at ``keys``, was set.

        What no layer sets has the place where the most special one would.
        """
        return self.origins.get(field, self.nearest.at(field)).at(*keys)
