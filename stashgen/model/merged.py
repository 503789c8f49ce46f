"""A block merged from several documents, and where each of its fields was set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from stashgen.model.source import Origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """A block merged from several layers.

    Attributes:
        value: The block.
        origins: Where each field was set, by its name as people write it (``runAs``).
        nearest: Where the most specific layer has, or would have, the block.
    """

    value: T
    origins: Mapping[str, Origin]
    nearest: Origin

    def origin(self, field: str, *keys: str | int) -> Origin:
        """Where a field, or the part of it at ``keys``, was set.

        For a field that no layer sets, it is where the most specific one would set it.
        """
        return self.origins.get(field, self.nearest.at(field)).at(*keys)
