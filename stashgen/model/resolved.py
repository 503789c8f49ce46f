"""The resolved settings of every volume."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stashgen.api.base import JsonObject
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Position
from stashgen.kubestash.backends.backend import Backend, Reach
from stashgen.kubestash.objectives import Objectives
from stashgen.kubestash.unreadable import OnUnreadable
from stashgen.kubestash.upkeep import Upkeep
from stashgen.model.coverage import Coverage, LeftOut
from stashgen.model.history import RetiredHistory
from stashgen.model.inventory import Volume, VolumeKey
from stashgen.model.merged import Merged
from stashgen.model.source import Origin
from stashgen.policy.backup_policy import Session
from stashgen.policy.project import Cluster, Project
from stashgen.policy.shared import Encryption, Job
from stashgen.policy.storage import Credentials, StorageFacts


def place_of(
    backend: Backend, cluster_id: str, namespace: str, directory: str = ""
) -> tuple[str, str, str]:
    """The real location of a directory of the backend that a namespace has."""
    place = backend.place(directory)
    match backend.reach:
        case Reach.NAMESPACE:
            return (cluster_id, namespace, place)
        case Reach.CLUSTER:
            return (cluster_id, "", place)
        case Reach.EVERYWHERE:
            return ("", "", place)


@dataclass(frozen=True, slots=True)
class ResolvedStorage:
    """A storage in one namespace of a cluster, with its templates filled in.

    Attributes:
        provider: KubeStash's name of it.
        credentials: How it is reached; None where nothing is needed for it.
        job: How its own Jobs run.
        facts: What people say of it.
    """

    cluster: Cluster
    name: str
    namespace: str
    provider: str
    backend: Backend
    credentials: Merged[Credentials] | None
    job: Merged[Job]
    facts: StorageFacts

    @property
    def key(self) -> tuple[str, str, str]:
        """Which BackupStorage it is: cluster id, name and namespace, in the order of the output."""
        return (self.cluster.id, self.name, self.namespace)

    @property
    def block(self) -> JsonObject:
        """The provider's block of a BackupStorage as it is rendered."""
        return self.backend.rendered()

    def place(self, directory: str = "") -> tuple[str, str, str]:
        """The real location of a directory: equal for two storages on the same volume or bucket."""
        return place_of(self.backend, self.cluster.id, self.namespace, directory)


@dataclass(frozen=True, slots=True)
class ResolvedCopy:
    """One storage's share of a session, everything decided.

    Attributes:
        repository: The Repository's name.
        directory: Below the storage's prefix.
        retention_name: The RetentionPolicy's name in the volume's namespace.
        encryption: The Secret with the encryption key.
        origin: Where the policy defines the copy.
        retention_origin: Where the copy's retention is set.
    """

    storage: ResolvedStorage
    repository: str
    directory: str
    retention_name: str
    retention: RetentionPolicySpec
    encryption: Merged[Encryption]
    origin: Origin
    retention_origin: Origin


@dataclass(frozen=True, slots=True)
class ResolvedSession:
    """One session of a volume, everything decided; ``schedule`` has no ``H`` left.

    Attributes:
        origin: Where the policy defines it.
        written: As the policy has it.
        paths: What is backed up: files and folders below the top of the volume, which is ``.``.
        exclude: Patterns of files that are left out.
    """

    name: str
    schedule: str
    time_zone: str
    timeout_seconds: int
    history_limit: int
    suspend: bool
    copies: tuple[ResolvedCopy, ...]
    origin: Origin
    written: Session
    paths: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """The workload on whose node a volume is backed up.

    Attributes:
        labels: Of its pods.
        is_there: It has pods; otherwise it is scaled down.
    """

    labels: Mapping[str, str]
    is_there: bool


@dataclass(frozen=True, slots=True)
class Protection:
    """How one volume is backed up.

    Attributes:
        configuration: The BackupConfiguration's name.
        job: How the Jobs that read and write the volume run, with a fixed user.
        spec: Where the spec of the policy is written.
        objectives: What the backups have to achieve.
        beside: The workload whose node the pods go to, if only one node can mount the volume.
        fs_group: The group that the kubelet gives the volume's files to for its workload.
        upkeep: When its repositories are checked and pruned.
        acknowledged: What the policy accepts about the volume, by annotation.
        on_unreadable: What becomes of a backup that lacks unreadable files.
    """

    volume: Volume
    cluster: Cluster
    policy: str
    configuration: str
    sessions: tuple[ResolvedSession, ...]
    job: Merged[Job]
    upkeep: Upkeep
    paused: bool
    position: Position
    spec: Origin
    objectives: Objectives
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    on_unreadable: OnUnreadable = OnUnreadable.FAIL
    fs_group: int | None = None
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The resolved settings of every volume, sorted by key; storages by their key.

    Attributes:
        excluded: Volumes that are left out on purpose, and why.
        unprotected: Those that no policy selects, and why the nearest one does not.
    """

    project: Project
    protections: tuple[Protection, ...]
    storages: tuple[ResolvedStorage, ...]
    coverage: Coverage
    retired: tuple[RetiredHistory, ...] = ()
    excluded: Mapping[VolumeKey, LeftOut] = field(default_factory=dict)
    unprotected: Mapping[VolumeKey, LeftOut] = field(default_factory=dict)
