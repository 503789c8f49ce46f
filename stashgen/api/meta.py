"""ObjectMeta and OwnerReference (Kubernetes API reference, "ObjectMeta")."""

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from stashgen.api.base import Bool, Int, JsonObject, Model, Time
from stashgen.api.resources import Resource


class OwnerReference(Model):
    """The owner of an object, with which it is deleted."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: Bool | None = None
    block_owner_deletion: Bool | None = None


class ObjectMeta(Model):
    """The metadata that we read or write; other fields of a server are ignored."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    name: str = ""
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: Int | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None


class Kind(Model):
    """Base of all kinds: what they have besides ``apiVersion`` and ``kind``.

    ``resource`` says where the API server serves the kind.
    """

    resource: ClassVar[Resource]

    metadata: ObjectMeta

    def to_wire(self) -> JsonObject:
        """Plain JSON data, ``apiVersion`` and ``kind`` first, as people write them."""
        data = super().to_wire()
        return {"apiVersion": data.pop("apiVersion"), "kind": data.pop("kind"), **data}

    @property
    def owners(self) -> tuple[OwnerReference, ...]:
        """The owner references, or none."""
        return self.metadata.owner_references or ()

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.metadata.namespace or "", self.metadata.name)
