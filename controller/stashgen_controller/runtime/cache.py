"""The caches of all kinds: what reconcilers read, and what each change is told to."""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any

from pydantic import ValidationError

from stashgen.api.base import JsonObject
from stashgen.api.meta import Kind as ApiKind
from stashgen.api.pod import Pod, has_ended
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import Client, NotFoundError
from stashgen_controller.kube.informer import Informer
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.indexer import Indexer
from stashgen_controller.runtime.kind import CoveringIndex, Index, ModelT, Place, ValueT
from stashgen_controller.runtime.malformed import MalformedError, well_formed

# Told of every change once the cache has it: the kind, and what happened.
OnChange = Callable[[Resource, Change], None]


class Cache:
    """A Reader of what an API server holds, kept up to date by a watch a kind.

    Args:
        client: With which the kinds are listed and watched.
        models: The kinds.
        indexes: By which their objects can be found.
        on_change: Told of every change, from several threads.
    """

    def __init__(
        self,
        client: Client,
        models: Iterable[type[ApiKind]],
        indexes: Sequence[Index[Any] | CoveringIndex[Any, Any]],
        on_change: OnChange,
    ) -> None:
        self._client = client
        self._indexers: dict[Resource, Indexer[Any]] = {}
        self._by_model: dict[type[ApiKind], Indexer[Any]] = {}
        for model in models:
            self._indexers[model.resource] = self._by_model[model] = Indexer(
                model,
                _told_of(model.resource, on_change),
                [index for index in indexes if index.model is model],
                # A pod's last word is often followed by its deletion, sooner than anybody reads it.
                has_ended if model is Pod else _never,
            )
        self._turn = Lock()
        self._informers = self._new_informers()
        # The informers that need not be waited for any more.
        self._filled: object = None

    def start(self) -> None:
        """Begin to fill the caches; returns at once."""
        for informer in self._informers.values():
            informer.start()

    def restart(self) -> None:
        """List everything again and watch on new connections; not synced until that is done.

        A watch may be half open: a standby that has heard nothing for minutes cannot tell that
        from a quiet cluster.
        """
        old, self._informers = self._informers, self._new_informers()
        for informer in old.values():
            informer.stop()
        self.start()

    def stop(self) -> None:
        """End with the next events."""
        for informer in self._informers.values():
            informer.stop()

    @property
    def unsynced(self) -> list[str]:
        """The kinds that have not been listed yet, sorted."""
        return sorted(
            resource.plural for resource, informer in self._informers.items() if not informer.synced
        )

    @property
    def failed(self) -> list[str]:
        """The kinds whose watch has ended by an error of ours, sorted."""
        return sorted(
            resource.plural for resource, informer in self._informers.items() if informer.failed
        )

    def wait(self) -> None:
        """Until every kind has been listed once, or the caches are stopped."""
        while self._filled is not (informers := self._informers):
            for informer in informers.values():
                informer.wait()
            self._filled = informers

    def wrote(self, resource: Resource, obj: JsonObject) -> None:
        """Take over what the API server answered to a write of ours, ahead of the watch."""
        self._indexers[resource].wrote(obj)

    def get(self, model: type[ModelT], namespace: str | None, name: str) -> ModelT | None:
        """One object, or None."""
        try:
            return self._of(model).get(namespace, name)
        except ValidationError as error:
            raise MalformedError(model.resource, namespace, name, error) from error

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object as the API server returned it, or None."""
        return self._indexers[resource].stored(namespace, name)

    def has(self, resource: Resource, namespace: str | None, name: str) -> bool:
        """Whether there is such an object."""
        return self._indexers[resource].has(namespace, name)

    def items(self, model: type[ModelT], namespace: str | None = None) -> Sequence[ModelT]:
        """The objects of a kind, of one namespace if one is given."""
        return self._of(model).items(namespace)

    def by(self, index: Index[ModelT], *key: str) -> Sequence[ModelT]:
        """The objects that an index has under a key."""
        return self._of(index.model).by(index, key)

    def places(self, index: Index[ModelT], *key: str) -> Sequence[Place]:
        """Namespace and name of each object that an index has under a key."""
        return self._of(index.model).places(index, key)

    def values(self, index: CoveringIndex[ModelT, ValueT], *key: str) -> Sequence[ValueT]:
        """What an index holds under a key; without a key, all that it holds."""
        return self._of(index.model).values(index, key)

    def live(self, model: type[ModelT], namespace: str, name: str) -> ModelT | None:
        """One object as the API server has it now, or None.

        Raises:
            ApiError: it cannot be asked.
        """
        try:
            return model.from_wire(self._client.get(model.resource, namespace, name))
        except NotFoundError:
            return None

    def live_items(
        self, model: type[ModelT], namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[ModelT]:
        """The objects of a namespace as the API server has them now, those of odd shape left out.

        Raises:
            ApiError: it cannot be asked.
        """
        return well_formed(model, self.live_objects(model.resource, namespace, label))

    def live_objects(
        self, resource: Resource, namespace: str, label: tuple[str, str] | None = None
    ) -> Sequence[JsonObject]:
        """The same as stored, those of odd shape among them.

        Raises:
            ApiError: it cannot be asked.
        """
        selector = "=".join(label) if label is not None else ""
        found, _ = self._client.list(resource, namespace, label_selector=selector)
        return found

    def _new_informers(self) -> dict[Resource, Informer]:
        return {
            resource: Informer(self._client, resource, indexer, turn=self._turn)
            for resource, indexer in self._indexers.items()
        }

    def _of(self, model: type[ModelT]) -> Indexer[ModelT]:
        return self._by_model[model]


def _told_of(resource: Resource, on_change: OnChange) -> Callable[[Change], None]:
    return lambda change: on_change(resource, change)


def _never(_obj: JsonObject) -> bool:
    return False
