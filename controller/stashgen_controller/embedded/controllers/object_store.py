"""What an embedded controller knows of one kind: the objects as the last event showed them."""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from stashgen.api.base import JsonObject, metadata_of, name_of, namespace_of


class ObjectStore:
    """Plain objects by namespace and name, filled by an informer; do not change them.

    Args:
        on_change: Called after each change, in the informer's thread.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = Lock()
        self._objects: dict[tuple[str, str], JsonObject] = {}

    def replace(self, objects: Iterable[JsonObject], version: str) -> None:
        """Take over a whole list."""
        del version
        with self._lock:
            self._objects = {(namespace_of(obj), name_of(obj)): _kept(obj) for obj in objects}
        self._on_change()

    def apply(self, type_: str, obj: JsonObject) -> None:
        """Take over an event of a watch."""
        key = (namespace_of(obj), name_of(obj))
        with self._lock:
            if type_ == "DELETED":
                self._objects.pop(key, None)
            else:
                self._objects[key] = _kept(obj)
        self._on_change()

    def get(self, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        with self._lock:
            return self._objects.get((namespace or "", name))

    def items(self, namespace: str | None = None) -> Sequence[JsonObject]:
        """The objects, of one namespace if one is given."""
        with self._lock:
            return [obj for key, obj in self._objects.items() if namespace in {None, key[0]}]


def _kept(obj: JsonObject) -> JsonObject:
    metadata_of(obj).pop("managedFields", None)
    return obj
