"""What people wrote, with the position of every document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Generic, Self, TypeVar

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Position
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage
from stashgen.yaml.documents import Document

T = TypeVar("T")
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The documents of one project, as ``load`` read them.

    Attributes:
        project: The document of kind Project in ``stashgen.yaml``.
        policies: Every other document of the project's own folders.
        manifests: Documents of the inventory's files, by cluster id, in the order of their paths.
        unreadable: Positions where the inventory's files could not be read.
        namespaces: Of objects that name none, by cluster id and file.
        records: Files that ``stashgen inventory`` wrote: their objects are rendered already.
    """

    project: Document
    policies: tuple[Document, ...]
    manifests: Mapping[str, tuple[Document, ...]]
    unreadable: tuple[Position, ...] = ()
    namespaces: Mapping[str, Mapping[PurePosixPath, str]] = field(default_factory=dict)
    records: frozenset[PurePosixPath] = frozenset()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value is written: a path of keys and indices in a document."""

    document: Document
    path: Path

    def at(self, *keys: str | int) -> Self:
        """Where a part of the value is written."""
        return type(self)(self.document, (*self.path, *keys))

    @property
    def position(self) -> Position:
        """File, line and column, of the longest part of the path that exists."""
        return self.document.position(*self.path)

    @property
    def subject(self) -> str:
        """The object and the field as findings name them."""
        return self.document.subject(*self.path)


@dataclass(frozen=True, slots=True)
class Authored(Generic[T]):
    """A validated object and the document that it was written in."""

    value: T
    document: Document

    def at(self, *path: str | int) -> Origin:
        """Where one of its values is written, or would be."""
        return Origin(self.document, path)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What people wrote, with shape and references checked.

    Attributes:
        retentions: RetentionPolicies by name, plain KubeStash documents next to the policies.
    """

    project: Authored[Project]
    storages: Mapping[str, Authored[Storage]]
    policies: tuple[Authored[BackupPolicy], ...]
    retentions: Mapping[str, Authored[RetentionPolicySpec]]
