"""What people wrote, with the position of every document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Position
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.guardrail import Guardrail
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

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
    """Where a value is written: a path of keys and indices in a document.

    Attributes:
        parts: Where parts of a merged value are written that come from elsewhere, by their key.
    """

    document: Document
    path: Path
    parts: Mapping[str | int, "Origin"] = field(default_factory=dict, compare=False)

    def at(self, *keys: str | int) -> "Origin":
        """Where a part of the value is written."""
        here = self
        for key in keys:
            here = here.parts.get(key) or Origin(here.document, (*here.path, key))
        return here

    @property
    def written(self) -> Json:
        """The value as the document has it; None where it has none, or null."""
        node: Json = self.document.data
        for key in self.path:
            if isinstance(node, dict) and isinstance(key, str):
                node = node.get(key)
            elif isinstance(node, list) and isinstance(key, int) and key < len(node):
                node = node[key]
            else:
                return None
        return node

    @property
    def is_written(self) -> bool:
        """Whether the document has the value, rather than a default."""
        return self.written is not None

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
    """A validated object and the document that it was written in.

    Attributes:
        spec_parts: Where fields of its spec are written that it has from other documents.
    """

    value: T
    document: Document
    spec_parts: Mapping[str | int, Origin] = field(default_factory=dict)

    def at(self, *path: str | int) -> Origin:
        """Where one of its values is written, or would be."""
        spec = Origin(self.document, ("spec",), self.spec_parts)
        return Origin(self.document, (), {"spec": spec}).at(*path)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What people wrote, with shape and references checked.

    Attributes:
        policies: Sorted by name; those without ``select`` are only there to be extended.
        retentions: RetentionPolicies by name, plain KubeStash documents next to the policies.
        guardrails: Sorted by name.
    """

    project: Authored[Project]
    storages: Mapping[str, Authored[Storage]]
    policies: tuple[Authored[BackupPolicy], ...]
    retentions: Mapping[str, Authored[RetentionPolicySpec]]
    guardrails: tuple[Authored[Guardrail], ...] = ()
