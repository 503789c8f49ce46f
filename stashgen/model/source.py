"""What people wrote, with the place of every document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Position
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage
from stashgen.yaml.documents import Document

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """What ``load`` read of one project.

    Attributes:
        project: The document of kind Project in ``stashgen.yaml``.
        policies: Every other document of the project's own folders.
        manifests: Documents of the inventory's files, by cluster id, in the order of their paths.
        unreadable: Where the inventory's files could not be read.
    """

    project: Document
    policies: tuple[Document, ...]
    manifests: Mapping[str, tuple[Document, ...]]
    unreadable: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Authored(Generic[T]):
    """A validated object and the document that it was written in."""

    value: T
    document: Document


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What people wrote, shape and references checked.

    Attributes:
        retentions: RetentionPolicies by name, plain KubeStash documents beside the policies.
    """

    project: Authored[Project]
    storages: Mapping[str, Authored[Storage]]
    policies: tuple[Authored[BackupPolicy], ...]
    retentions: Mapping[str, Authored[RetentionPolicySpec]]
