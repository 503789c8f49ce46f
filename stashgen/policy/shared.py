"""Blocks shared by several of our kinds."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import Int, JsonObject, Model
from stashgen.api.shapes import Affinity, TopologySpreadConstraint
from stashgen.kubestash.pods.settings import NOBODY


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


class User(Model):
    """A user, and the group of that number unless there is another one."""

    user: Int
    group: Int | None = None


class RunAs(Model):
    """The user of the backup and restore pods: exactly one of ``user`` and ``from``.

    Attributes:
        from_: ``workload``: the user and group of the containers that mount the volume.
        else_: For volumes of which no such user is known.
    """

    user: Int | None = None
    group: Int | None = None
    from_: Literal["workload"] | None = Field(default=None, alias="from")
    else_: User | None = Field(default=None, alias="else")


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

    @property
    def ids(self) -> tuple[int, int]:
        """User and group of the pods: nobody's, unless a fixed user is set.

        The group is explicit, because without one the runtime would use the image's.
        """
        run_as = self.run_as
        user = NOBODY if run_as is None or run_as.user is None else run_as.user
        return user, user if run_as is None or run_as.group is None else run_as.group


class Check(Model):
    """How often a repository is checked; ``readData`` is the share of its data that is read."""

    every: str
    read_data: str | None = None


class Prune(Model):
    """How often the data of forgotten snapshots is removed."""

    every: str


class Upkeep(Model):
    """The rhythm of work on whole repositories: ``check`` and ``prune`` are merged each whole."""

    check: Check | None = None
    prune: Prune | None = None


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
