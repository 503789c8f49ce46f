"""A block merged from several documents, and where each of its fields was set."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from stashgen.model.source import Origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """A block merged from several layers.

    Attributes:
        value: The block.
        nearest: Where the most specific layer has, or would have, the block; its parts are where
            each field was set, by its name as people write it (``runAs``).
    """

    value: T
    nearest: Origin

    def origin(self, field: str, *keys: str | int) -> Origin:
        """Where a field, or the part of it at ``keys``, was set.

        For a field that no layer sets, it is where the most specific one would set it.
        """
        return self.nearest.at(field, *keys)
