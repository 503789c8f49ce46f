"""The interface of a storage provider, implemented by the modules of this folder."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import ClassVar, Self

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject


class UnsupportedStorageError(Exception):
    """The storage's provider, or one of its settings, is not supported yet."""


class Reach(Enum):
    """From where the same description leads to the same storage."""

    NAMESPACE = auto()
    CLUSTER = auto()
    EVERYWHERE = auto()


class Backend(ABC):
    """One storage, by its provider's block.

    Attributes:
        url_prefix: The prefix of its address, by which the worker recognises the provider.
        cluster_field: The field of the block that separates clusters; a template in policies.
        secret_keys: The keys that the Secret with the credentials needs; empty without a Secret.
        optional_secret_keys: Further keys that the worker reads.
        flag_names: The worker's flags in addition to the address, in command-line order.
        own_fields: Settings that KubeStash's block does not have: by their field in our policies,
            the annotation of a BackupStorage that has the value.
        role_annotation: The annotation that names the role of its pods, in place of a Secret; None
            for a provider that has no such thing.
    """

    __slots__ = ()

    url_prefix: ClassVar[str]
    cluster_field: ClassVar[str]
    secret_keys: ClassVar[tuple[str, ...]] = ()
    optional_secret_keys: ClassVar[tuple[str, ...]] = ()
    flag_names: ClassVar[tuple[str, ...]] = ()
    own_fields: ClassVar[Mapping[str, str]] = {}
    role_annotation: ClassVar[str | None] = None

    @classmethod
    @abstractmethod
    def of(cls, storage: api.Backend, annotations: Mapping[str, str]) -> Self | None:
        """The backend of a ``spec.storage``; None if the provider's block is missing.

        Args:
            storage: The ``spec.storage``.
            annotations: Of the BackupStorage; those in ``own_annotations`` count.
        """

    @classmethod
    def own_annotations(cls) -> frozenset[str]:
        """The annotations of a BackupStorage that say what the block cannot."""
        role = () if cls.role_annotation is None else (cls.role_annotation,)
        return frozenset((*cls.own_fields.values(), *role))

    @property
    def role(self) -> str | None:
        """The role that its pods assume with the token of their ServiceAccount."""
        return None

    @property
    @abstractmethod
    def claim(self) -> str | None:
        """The claim, in the storage's own namespace, on which the copies are kept."""

    @property
    @abstractmethod
    def bucket(self) -> str | None:
        """A description of the bucket; None for a volume.

        A bucket is the same from every namespace and cluster, has no Linux owner, and KubeStash's
        webhooks do not let two storages share one.
        """

    @abstractmethod
    def url(self) -> str:
        """Where a worker finds the storage, as restic spells it.

        Raises:
            UnsupportedStorageError: for a path that leaves the storage.
        """

    @abstractmethod
    def flags(self) -> Mapping[str, str]:
        """The values of ``flag_names``, without empty ones."""

    @abstractmethod
    def volume(self, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
        """The pod's volume with the storage or its keys, and the mount.

        Raises:
            UnsupportedStorageError: for an access that is not supported yet.
        """

    @property
    @abstractmethod
    def reach(self) -> Reach:
        """Where its places are the same: a claim is its namespace's, an NFS export everyone's."""

    @abstractmethod
    def place(self, directory: str = "") -> str:
        """The location of a directory, equal for the same place however it is written.

        It is valid as far as ``reach`` says.

        Raises:
            UnsafePathError: when a path has a step ``.`` or ``..``.
        """

    def around(self) -> Iterator[str]:
        """The places in a bucket that this one is in, from the inside out; none in a volume."""
        return iter(())

    @abstractmethod
    def rendered(self) -> JsonObject:
        """The provider's block of a BackupStorage with every default explicit."""

    def annotations(self) -> Mapping[str, str]:
        """What the block cannot say, as annotations of the rendered BackupStorage."""
        return {}

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """What KubeStash's webhooks would reject in the block."""

    @abstractmethod
    def unsupported(self) -> Mapping[str, str]:
        """Fields of the block that are not supported yet, with the reason."""

    def refused_annotations(self) -> Mapping[str, str]:
        """Those of ``own_annotations`` whose value cannot be, with the reason."""
        return {}
