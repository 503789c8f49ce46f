"""Blocks shared by several of our kinds."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import Int, JsonObject, Model
from stashgen.api.shapes import Affinity, TopologySpreadConstraint


class Metadata(Model):
    """Our kinds have only a name; the labels of rendered objects come from elsewhere."""

    name: str


class SecretStore(Model):
    """A store that External Secrets Operator reads: of the namespace, or of the cluster."""

    kind: Literal["SecretStore", "ClusterSecretStore"]
    name: str


class RemoteKey(Model):
    """Where a store has one value: the provider's key, and the part of what it holds.

    In ``key`` and ``property`` the names of cluster and namespace are replaced.
    """

    key: str
    property: str | None = None
    version: str | None = None


class SecretReference(Model):
    """A Secret in each volume's namespace, and where it comes from; never its values.

    Attributes:
        from_: ``Namespace``: somebody creates it there. ``ExternalSecret``: an ExternalSecret is
            rendered into each namespace that needs it.
        store: Where the ExternalSecret reads.
        data: What it reads, by the key in the Secret.
    """

    from_: Literal["Namespace", "ExternalSecret"] = Field(default="Namespace", alias="from")
    secret_name: str
    store: SecretStore | None = None
    data: dict[str, RemoteKey] | None = None


class Encryption(SecretReference):
    """The Secret with ``RESTIC_PASSWORD``."""


class RunAs(Model):
    """The user of the backup and restore pods; ``from: workload`` is not supported yet."""

    user: Int
    group: Int | None = None


class Cache(Model):
    """The volume for restic's cache and temporary files.

    Attributes:
        size: Of an emptyDir, beyond which the pod is evicted; or of a new volume.
        storage_class: Each pod gets a new volume of this class, which is deleted with it.
    """

    size: str
    storage_class: str | None = None


class Nice(Model):
    """CPU priority of restic, as nice(1) takes it: the higher, the less time it gets."""

    adjustment: Int


class IoNice(Model):
    """I/O priority of restic, as ionice(1) takes it: class 2 is best-effort, 3 idle."""

    class_: Int = Field(alias="class")
    class_data: Int | None = None


class Job(Model):
    """How Jobs run: merged field by field, from the most general to the most specific block.

    Attributes:
        env: Variables of the worker's container, such as a proxy's.
        labels, annotations: Of the pods.
    """

    image: str | None = None
    image_pull_policy: str | None = None
    run_as: RunAs | None = None
    resources: JsonObject | None = None
    node_selector: dict[str, str] | None = None
    tolerations: tuple[JsonObject, ...] | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[JsonObject, ...] | None = None
    env: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    affinity: Affinity | None = None
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] | None = None
    cache: Cache | None = None
    nice: Nice | None = None
    ionice: IoNice | None = None


class Keep(Model):
    """How many snapshots to keep, as restic counts them; ``failed`` defaults to 1."""

    last: Int | None = None
    hourly: Int | None = None
    daily: Int | None = None
    weekly: Int | None = None
    monthly: Int | None = None
    yearly: Int | None = None
    max_age: str | None = None
    failed: Int | None = None
