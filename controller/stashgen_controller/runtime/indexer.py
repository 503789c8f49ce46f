"""The objects of one kind as of the last event, found by name and by index.

An object is kept packed, and parsed when somebody asks for it (``entry.py``).
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Generic, cast

from stashgen.api.base import JsonObject, metadata_of
from stashgen_controller.runtime.change import ADDED, DELETED, MODIFIED, Before, Change
from stashgen_controller.runtime.entry import Entry, Models
from stashgen_controller.runtime.kind import (
    CoveringIndex,
    Index,
    IndexKey,
    ModelT,
    Place,
    ValueT,
)
from stashgen_controller.runtime.malformed import ODD_SHAPE
from stashgen_controller.runtime.packing import Packing

log = logging.getLogger(__name__)

# Enough for what is read of a deleted object within the minutes after it.
_MOST_REMEMBERED = 500


class Indexer(Generic[ModelT]):
    """A cache of one kind; safe to use from several threads.

    Args:
        model: The kind.
        on_change: Called after each change, in the thread that brought it, one change of the kind
            after the other.
        indexes: By which objects can be found.
        is_remembered: Whether what an object said last is read for a while after its deletion.
    """

    def __init__(
        self,
        model: type[ModelT],
        on_change: Callable[[Change], None],
        indexes: Sequence[Index[ModelT] | CoveringIndex[ModelT, object]] = (),
        is_remembered: Callable[[JsonObject], bool] = lambda _obj: False,
    ) -> None:
        self._model = model
        self._is_remembered = is_remembered
        # Objects that were deleted and are still read, oldest first.
        self._remembered: dict[Place, None] = {}
        self._on_change = on_change
        self._lock = Lock()
        # Held while a change is made and told, so that no two are told in the wrong order.
        self._order = Lock()
        self._watched = self._listed = 0
        self._packing = Packing()
        self._models = Models(model, self._packing)
        self._entries: dict[str, dict[str, Entry[ModelT]]] = {}
        self._indexes = tuple(indexes)
        self._found: tuple[dict[IndexKey, list[Entry[ModelT]]], ...] = tuple({} for _ in indexes)
        self._numbers = {id(index): number for number, index in enumerate(indexes)}

    # what a list, a watch and our own writes bring

    def replace(self, objects: Iterable[JsonObject], version: str) -> None:
        """Take over a whole list, made at a version; what it lacks is deleted."""
        at = _number(version)
        with self._order:
            # An answer to a write that comes late is older than the list, and so is an event of
            # an earlier watch.
            self._watched = self._listed = at
        listed = set()
        for obj in objects:
            listed.add(_place(obj))
            # One at a time: the next page may be long in coming, and writes must not wait for it.
            with self._order:
                self._put(obj, is_ours=False)
        with self._order:
            with self._lock:
                missing = [
                    (place, entry)
                    for place, entry in self._places()
                    if place not in listed
                    and place not in self._remembered
                    and not (entry.is_ours and entry.version > at)
                ]
            for place, entry in missing:
                self._drop(place, self._packing.unpack(entry.packed))

    def apply(self, type_: str, obj: JsonObject) -> None:
        """Take over an event of a watch."""
        version = _number(_version(obj))
        with self._order:
            if version and version <= self._listed:
                return
            self._watched = version
            if type_ == DELETED:
                known = self._entry(*_place(obj))
                if known is None or not known.is_ours or known.version <= self._watched:
                    self._drop(_place(obj), obj)
            else:
                self._put(obj, is_ours=False)

    def wrote(self, obj: JsonObject) -> None:
        """Take over the answer to a write of ours, ahead of the watch.

        Versions of one kind are numbers that grow (Kubernetes, "Resource versions"): one that the
        watch has passed already is older than what the cache has, or was deleted meanwhile.
        """
        with self._order:
            if _number(_version(obj)) > self._watched:
                self._put(obj, is_ours=True)

    # what readers ask

    def get(self, namespace: str | None, name: str) -> ModelT | None:
        """One object, or None."""
        entry = self._entry(namespace, name)
        return self._models.of(entry) if entry is not None else None

    def stored(self, namespace: str | None, name: str) -> JsonObject | None:
        """One object as it came, or None."""
        entry = self._entry(namespace, name)
        return self._packing.unpack(entry.packed) if entry is not None else None

    def has(self, namespace: str | None, name: str) -> bool:
        """Whether there is such an object."""
        return self._entry(namespace, name) is not None

    def items(self, namespace: str | None = None) -> list[ModelT]:
        """The objects, of one namespace if one is given; those of another shape left out."""
        return self._models.of_all(self._in(namespace))

    def by(self, index: Index[ModelT], key: IndexKey) -> list[ModelT]:
        """The objects under a key of an index; those of another shape left out."""
        with self._lock:
            entries = list(self._under(index, key))
        return self._models.of_all(entries)

    def places(self, index: Index[ModelT], key: IndexKey) -> list[Place]:
        """Namespace and name of each object under a key of an index."""
        with self._lock:
            return [entry.place for entry in self._under(index, key)]

    def values(self, index: CoveringIndex[ModelT, ValueT], key: IndexKey) -> list[ValueT]:
        """What a covering index holds under a key; without a key, all that it holds."""
        with self._lock:
            number = self._numbers[id(index)]
            held = [self._under(index, key)] if key else self._found[number].values()
            return [cast("ValueT", entry.values[number]) for entries in held for entry in entries]

    def _under(
        self, index: Index[ModelT] | CoveringIndex[ModelT, ValueT], key: IndexKey
    ) -> Sequence[Entry[ModelT]]:
        return self._found[self._numbers[id(index)]].get(key, ())

    def _entry(self, namespace: str | None, name: str) -> Entry[ModelT] | None:
        with self._lock:
            return self._entries.get(namespace or "", {}).get(name)

    def _in(self, namespace: str | None) -> list[Entry[ModelT]]:
        with self._lock:
            if namespace is not None:
                return list(self._entries.get(namespace, {}).values())
            return [entry for entries in self._entries.values() for entry in entries.values()]

    def _places(self) -> Iterator[tuple[Place, Entry[ModelT]]]:
        for namespace, entries in self._entries.items():
            for name, entry in entries.items():
                yield (namespace, name), entry

    def _put(self, obj: JsonObject, *, is_ours: bool, is_told: bool = True) -> None:
        """Take over an object; ``_order`` is held, so that nobody else changes anything."""
        place = namespace, name = _place(obj)
        version = _number(_version(obj))
        known = self._entry(namespace, name)
        if known is not None and known.is_ours and known.version >= version:
            # The watch comes after our own write.
            known.is_ours = is_ours or known.version > version
            return
        metadata_of(obj).pop("managedFields", None)
        entry: Entry[ModelT] = Entry(place, self._packing.pack(obj), version, is_ours=is_ours)
        with self._lock:
            self._entries.setdefault(namespace, {})[name] = entry
            self._remembered.pop(place, None)
            if known is not None:
                self._leave(known)
            self._enter(entry, obj)
        if not is_told:
            return
        if known is None:
            self._on_change(Change(ADDED, obj))
        elif known.version != version:
            self._on_change(Change(MODIFIED, obj, Before(self._packing, known.packed)))

    def _drop(self, place: Place, obj: JsonObject) -> None:
        if self._is_remembered(obj):
            self._remember(place, obj)
        else:
            self._forget(place)
        self._on_change(Change(DELETED, obj))

    def _remember(self, place: Place, obj: JsonObject) -> None:
        self._put(obj, is_ours=False, is_told=False)
        self._remembered[place] = None
        if len(self._remembered) > _MOST_REMEMBERED:
            oldest = next(iter(self._remembered))
            del self._remembered[oldest]
            self._forget(oldest)

    def _forget(self, place: Place) -> None:
        namespace, name = place
        with self._lock:
            entries = self._entries.get(namespace, {})
            known = entries.pop(name, None)
            if known is not None:
                self._leave(known)
            if not entries:
                self._entries.pop(namespace, None)

    def _enter(self, entry: Entry[ModelT], obj: JsonObject) -> None:
        keys, values = [], []
        for index, held in zip(self._indexes, self._found, strict=True):
            try:
                found = tuple(dict.fromkeys(index.keys(obj)))
                value = index.value(obj) if isinstance(index, CoveringIndex) else None
            except ODD_SHAPE:
                # An object of an odd shape is found by name only, and stops no other one.
                log.exception("no index has this object", extra={"kind": self._model.resource.kind})
                found, value = (), None
            for key in found:
                held.setdefault(key, []).append(entry)
            keys.append(found)
            values.append(value)
        entry.keys, entry.values = tuple(keys), tuple(values)

    def _leave(self, entry: Entry[ModelT]) -> None:
        for held, keys in zip(self._found, entry.keys, strict=True):
            for key in keys:
                held[key].remove(entry)
                if not held[key]:
                    del held[key]


def _place(obj: JsonObject) -> Place:
    metadata = metadata_of(obj)
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _version(obj: JsonObject) -> str:
    return str(metadata_of(obj).get("resourceVersion") or "")


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
