"""One object of a cache, packed; and the models of those that were read last.

A look reads the same objects several times, and so does the next. All models of a cluster would be
most of what the process holds, and most of them are read once in hours.
"""

from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Generic

from pydantic import ValidationError

from stashgen_controller.runtime.kind import IndexKey, ModelT, Place
from stashgen_controller.runtime.packing import Packing

# Models that are kept of a kind: a BackupConfiguration's takes 23 kB, a hundred times what it takes
# packed, and is made again in 30 microseconds.
_MOST_PARSED = 64


class Entry(Generic[ModelT]):
    """One object of the cache."""

    __slots__ = (
        "is_ours",
        "is_read_again",
        "keys",
        "model",
        "packed",
        "place",
        "values",
        "version",
    )

    def __init__(self, place: Place, packed: bytes, version: int, *, is_ours: bool) -> None:
        self.place = place
        self.packed = packed
        self.version = version
        # The answer to a request of ours: the watch has not shown it yet.
        self.is_ours = is_ours
        self.model: ModelT | None = None
        # The model was asked for since it was made, or since it was last to go.
        self.is_read_again = False
        self.keys: tuple[tuple[IndexKey, ...], ...] = ()
        # What a covering index holds of it; None for another index.
        self.values: tuple[object, ...] = ()


class Models(Generic[ModelT]):
    """The models of one kind's entries; safe to use from several threads."""

    def __init__(self, model: type[ModelT], packing: Packing) -> None:
        self._model = model
        self._packing = packing
        self._lock = Lock()
        # Those that have a model, in the order in which it goes.
        self._with_model: deque[Entry[ModelT]] = deque()

    def of(self, entry: Entry[ModelT]) -> ModelT:
        """The model of one.

        Raises:
            ValidationError: the object has another shape.
        """
        found = entry.model
        if found is not None:
            entry.is_read_again = True
            return found
        found = self._model.from_wire_json(self._packing.text(entry.packed))
        with self._lock:
            entry.model = found
            self._with_model.append(entry)
            while len(self._with_model) > _MOST_PARSED:
                oldest = self._with_model.popleft()
                # A second chance for what is read often, such as a storage.
                if oldest.is_read_again:
                    oldest.is_read_again = False
                    self._with_model.append(oldest)
                else:
                    oldest.model = None
        return found

    def of_all(self, entries: Iterable[Entry[ModelT]]) -> list[ModelT]:
        """The models of several; those of another shape left out."""
        found = []
        for entry in entries:
            try:
                found.append(self.of(entry))
            except ValidationError:
                continue
        return found
