"""The values that the passes of the compiler hand on; each pass knows these and no other pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Position
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.project import Cluster, Project
from stashgen.policy.shared import Job
from stashgen.policy.storage import Storage
from stashgen.source import Document

T = TypeVar("T")
FileTree = Mapping[PurePosixPath, bytes]


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


@dataclass(frozen=True, slots=True, order=True)
class VolumeKey:
    """A volume's identity; it outlives renames of cluster, policy and files."""

    cluster_id: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolumeClaim in an inventory.

    Attributes:
        block: A raw device without files (``volumeMode: Block``).
    """

    key: VolumeKey
    labels: Mapping[str, str]
    access_modes: tuple[str, ...]
    position: Position
    block: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """The volumes of all clusters, sorted by key.

    Attributes:
        namespace_labels: By cluster id and namespace; only namespaces with a manifest are there.
        unreadable: Objects that could not be understood (templates, no namespace): unknown.
    """

    volumes: tuple[Volume, ...]
    namespace_labels: Mapping[tuple[str, str], Mapping[str, str]]
    unreadable: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Which histories a file of the output holds; its second line says so.

    Attributes:
        repositories: Names of the Repositories, in the volume's namespace.
        until: Of a retired history: the day until which it is kept.
    """

    volume: VolumeKey
    repositories: tuple[str, ...]
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Previous:
    """The generated files of a folder as they were before the build.

    Attributes:
        root: The folder, as findings show it.
    """

    root: PurePosixPath
    files: FileTree


@dataclass(frozen=True, slots=True)
class History:
    """The backups of a volume in one Repository, as the output before the build has them.

    Attributes:
        path: The file that holds it, below ``root``.
        until: Set if it is retired already.
    """

    volume: VolumeKey
    repository: str
    root: PurePosixPath
    path: PurePosixPath
    until: date | None = None

    @property
    def position(self) -> Position:
        """The file, as findings show it."""
        return Position(self.root / self.path)


@dataclass(frozen=True, slots=True)
class RetiredHistory:
    """A history that is not written any more and stays usable until a day.

    Attributes:
        folder: Of the output, that has its cluster's and namespace's files.
    """

    history: History
    until: date
    folder: PurePosixPath


@dataclass(frozen=True, slots=True)
class ResolvedStorage:
    """A storage in one cluster, templates filled in.

    Attributes:
        provider: KubeStash's name of it: local or s3.
        block: The provider's block of a BackupStorage as it is rendered.
    """

    cluster: Cluster
    name: str
    namespace: str
    provider: str
    block: JsonObject
    job: Job


@dataclass(frozen=True, slots=True)
class ResolvedCopy:
    """One storage's share of a session, everything decided.

    Attributes:
        repository: The Repository's name.
        directory: Below the storage's prefix.
        retention_name: The RetentionPolicy's name in the volume's namespace.
        secret_name: Of the encryption key.
    """

    storage: ResolvedStorage
    repository: str
    directory: str
    retention_name: str
    retention: RetentionPolicySpec
    secret_name: str


@dataclass(frozen=True, slots=True)
class ResolvedSession:
    """One rhythm of a volume, everything decided; ``schedule`` has no ``H`` left."""

    name: str
    schedule: str
    time_zone: str
    timeout_seconds: int
    history_limit: int
    suspend: bool
    copies: tuple[ResolvedCopy, ...]


@dataclass(frozen=True, slots=True)
class Protection:
    """How one volume is backed up.

    Attributes:
        configuration: The BackupConfiguration's name.
        job: Merged from the project's defaults and the policy.
    """

    volume: Volume
    cluster: Cluster
    policy: str
    configuration: str
    sessions: tuple[ResolvedSession, ...]
    job: Job
    paused: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was decided for every volume, sorted by key; storages by cluster id and name."""

    project: Project
    protections: tuple[Protection, ...]
    storages: tuple[ResolvedStorage, ...]
    unprotected: tuple[Volume, ...]
    retired: tuple[RetiredHistory, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object ready to write, and the file that it goes to, relative to the output folder.

    Attributes:
        record: Which histories the file holds; the same for all objects of a file.
        is_kept: The object is taken from the output before the build, and holds no history.
    """

    path: PurePosixPath
    data: JsonObject
    record: Record | None = None
    is_kept: bool = False
