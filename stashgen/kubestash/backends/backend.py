"""What every provider answers about a storage: the one interface of this folder's modules."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject


class UnsupportedStorageError(Exception):
    """The storage's provider, or what it asks for, is not supported yet."""


class Backend(ABC):
    """One storage, by its provider's block.

    Attributes:
        url_prefix: How the address of such a storage begins; the worker knows the provider by it.
        cluster_field: The field of the block that keeps clusters apart; a template in policies.
        secret_keys: Which keys the Secret with the credentials needs; none where no Secret is.
        flag_names: The worker's flags beside the address, in the order of its command line.
    """

    __slots__ = ()

    url_prefix: ClassVar[str]
    cluster_field: ClassVar[str]
    secret_keys: ClassVar[tuple[str, ...]] = ()
    flag_names: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def of(cls, storage: api.Backend) -> Self | None:
        """The backend of a ``spec.storage``; None where the provider's block is missing."""

    @property
    @abstractmethod
    def claim(self) -> str | None:
        """The claim, in the storage's own namespace, that the copies are kept on."""

    @property
    @abstractmethod
    def bucket(self) -> str | None:
        """The bucket in words; None for a volume.

        A bucket is the same one from every namespace and cluster, belongs to no Linux user, and
        KubeStash's webhooks let no two storages share one.
        """

    @abstractmethod
    def url(self) -> str:
        """Where a worker finds the storage, as restic spells it.

        Raises:
            UnsupportedStorageError: for a path that leaves its place.
        """

    @abstractmethod
    def flags(self) -> Mapping[str, str]:
        """The values of ``flag_names``, without those that say nothing."""

    @abstractmethod
    def volume(self, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
        """The pod's volume with the storage or with the keys to it, and its mount.

        Raises:
            UnsupportedStorageError: for an access that is not supported yet.
        """

    @abstractmethod
    def place(self, directory: str = "") -> str:
        """Where a directory of the storage is, however it is reached: equal for the same place.

        Only a bucket's holds beyond the namespace.

        Raises:
            UnsafePathError: when a path has a step ``.`` or ``..``.
        """

    @abstractmethod
    def rendered(self) -> JsonObject:
        """The provider's block of a BackupStorage with every default written out."""

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """What KubeStash's webhooks refuse in the block."""

    @abstractmethod
    def unsupported(self) -> Mapping[str, str]:
        """Fields of the block that ask for what is not supported yet, and why that is nothing."""
