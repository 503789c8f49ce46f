"""The volumes that exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stashgen.diagnostics import Position, quote
from stashgen.model.source import Origin

CLAIM = "PersistentVolumeClaim"


@dataclass(frozen=True, slots=True, order=True)
class VolumeKey:
    """A volume's identity; it outlives renames of cluster, policy and files."""

    cluster_id: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ContainerUser:
    """Whom a container that mounts a volume runs as.

    Attributes:
        user, group: None where the image decides, or where it is not known.
        position: Where it is written; of the container where it is not.
        not_a_number: What is written in place of the user's number, such as a text.
    """

    container: str
    user: int | None
    group: int | None
    position: Position
    not_a_number: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """What mounts a volume: a StatefulSet, a Deployment, a CronJob, a Pod and the like.

    Attributes:
        labels: Its own; None where they are not known.
        pod_labels: Labels that its pods have; None where they are not known.
        users: Of the containers that write to the volume, or that read it if none writes.
        fs_group: Of its pods.
        is_running: It has pods all the time: it is no Job and not scaled down to nothing.
        doubt: Why its users are not known although it sets them, or nothing.
    """

    kind: str
    name: str
    labels: Mapping[str, str] | None
    pod_labels: Mapping[str, str] | None
    users: tuple[ContainerUser, ...]
    fs_group: int | None
    is_running: bool
    position: Position
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation by which somebody says how a volume is backed up, and where it is written."""

    value: str
    origin: Origin


Annotations = Mapping[str, Annotation]


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolumeClaim in an inventory.

    Attributes:
        block: A raw device without files (``volumeMode: Block``).
        workloads: What mounts it, sorted by kind and name; empty where that is not known.
        storage_class: The name that the claim says, empty for a volume without class; None where it
            says none, which means the cluster's default, or where it is not known.
        annotations: Those of ``stashgen.dev`` that the claim has.
        size_bytes: What it requests; None where that is not known.
    """

    key: VolumeKey
    labels: Mapping[str, str]
    access_modes: tuple[str, ...]
    position: Position
    block: bool = False
    workloads: tuple[Workload, ...] = ()
    storage_class: str | None = None
    size_bytes: int | None = None
    annotations: Annotations = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class UnknownVolume:
    """What may be a volume, and cannot be protected because too little is known of it.

    Attributes:
        position: The first place that speaks of it.
        cluster_id: Empty for a file that cannot be read.
        namespace: Empty if it is not known.
        name: Of the claim, or what is most likely; empty if nothing is known.
    """

    position: Position
    cluster_id: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for what is the same volume: a name, or a place where no name can be read."""
        return (self.cluster_id, self.namespace, self.name) if self.name else (self.position,)


@dataclass(frozen=True, slots=True)
class ForeignBackup:
    """A BackupConfiguration that people wrote: of what is no volume, or of a claim.

    Attributes:
        namespace, target_namespace: None where it is only set when the object is applied.
        target_kind, target: What it backs up.
        claims: Those that the target mounts, as far as the inventory knows it.
    """

    cluster_id: str
    namespace: str | None
    name: str
    target_kind: str
    target: str
    target_namespace: str | None
    position: Position
    claims: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The volumes of all clusters, sorted by key.

    Attributes:
        namespace_labels: By cluster id and namespace; only for namespaces that have a manifest.
        namespace_annotations: Likewise, those of ``stashgen.dev``.
        unknown: What may be further volumes, sorted by position.
        foreign: What others back up, in the order of the manifests.
    """

    volumes: tuple[Volume, ...]
    namespace_labels: Mapping[tuple[str, str], Mapping[str, str]]
    unknown: tuple[UnknownVolume, ...] = ()
    foreign: tuple[ForeignBackup, ...] = ()
    namespace_annotations: Mapping[tuple[str, str], Annotations] = field(default_factory=dict)


def volume_list(volumes: Sequence[Volume]) -> str:
    """Volumes as findings name them: the first, and how many more."""
    first = volumes[0].key
    name = quote(f"{first.namespace}/{first.name}")
    if len(volumes) == 1:
        return f"volume {name}"
    rest = len(volumes) - 1
    return f"volume {name} and {rest} {'other' if rest == 1 else 'others'}"
