"""A Reader over objects that were listed once: it looks through them for each answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from stashgen.api.base import JsonObject, labels_of, name_of, namespace_of
from stashgen.api.resources import Resource
from stashgen_controller.runtime.kind import CoveringIndex, Index, ModelT, Place, ValueT
from stashgen_controller.runtime.malformed import MalformedError, well_formed


class ScannedReader(ABC):
    """What a command reads that ends soon, and has no use for indexes that are kept up to date."""

    @abstractmethod
    def listed(self, resource: Resource) -> Iterable[JsonObject]:
        """All objects of a kind as stored."""

    def get(self, model: type[ModelT], namespace: str | None, name: str) -> ModelT | None:
        """One object, or None."""
        found = self.stored(model.resource, namespace, name)
        try:
            return model.from_wire(found) if found is not None else None
        except ValidationError as error:
            raise MalformedError(model.resource, namespace, name, error) from error

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object as the API server returned it, or None."""
        key = (namespace or "", name)
        return next(
            (obj for obj in self.listed(resource) if (namespace_of(obj), name_of(obj)) == key),
            None,
        )

    def has(self, resource: Resource, namespace: str | None, name: str) -> bool:
        """Whether there is such an object."""
        return self.stored(resource, namespace, name) is not None

    def stored_items(
        self, resource: Resource, namespace: str | None = None
    ) -> Sequence[JsonObject]:
        """The objects of a kind as stored, of one namespace if one is given."""
        return [obj for obj in self.listed(resource) if namespace in {None, namespace_of(obj)}]

    def items(self, model: type[ModelT], namespace: str | None = None) -> Sequence[ModelT]:
        """The objects of a kind; one of another shape is left out."""
        return well_formed(model, self.stored_items(model.resource, namespace))

    def by(self, index: Index[ModelT], *key: str) -> Sequence[ModelT]:
        """The objects that have a key by an index."""
        return well_formed(
            index.model,
            [obj for obj in self.listed(index.model.resource) if key in tuple(index.keys(obj))],
        )

    def places(self, index: Index[ModelT], *key: str) -> Sequence[Place]:
        """Namespace and name of each object that has a key by an index."""
        return [
            (namespace_of(obj), name_of(obj))
            for obj in self.listed(index.model.resource)
            if key in tuple(index.keys(obj))
        ]

    def values(self, index: CoveringIndex[ModelT, ValueT], *key: str) -> Sequence[ValueT]:
        """What an index holds under a key; without a key, all that it holds."""
        held = ((obj, tuple(index.keys(obj))) for obj in self.listed(index.model.resource))
        return [index.value(obj) for obj, keys in held if (key in keys if key else keys)]

    def live(self, model: type[ModelT], namespace: str, name: str) -> ModelT | None:
        """One object: what is read here was read a moment ago."""
        return self.get(model, namespace, name)

    def live_items(
        self, model: type[ModelT], namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[ModelT]:
        """The objects of a namespace; what is read here was read a moment ago."""
        return well_formed(model, self.live_objects(model.resource, namespace, label))

    def live_objects(
        self, resource: Resource, namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[JsonObject]:
        """The same as stored, those of odd shape among them."""
        found = self.stored_items(resource, namespace)
        return [obj for obj in found if label is None or labels_of(obj).get(label[0]) == label[1]]
