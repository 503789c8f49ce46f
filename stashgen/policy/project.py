"""Project: the root of a repository (``stashgen.yaml``)."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import Bool, Model
from stashgen.policy.selectors import Match
from stashgen.policy.shared import Encryption, Job, Metadata, Upkeep

DEFAULT_OUTPUT = "rendered"
DEFAULT_POLICIES = ("policies",)


class HelmSource(Model):
    """A release of a chart, as ``helm template`` renders it.

    Attributes:
        chart: The chart's folder or archive.
        values: Files of values, the last one wins.
    """

    chart: str
    release: str
    namespace: str
    values: tuple[str, ...] = ()


class RecordSource(Model):
    """What ``stashgen inventory`` renders; exactly one of these. Paths are below the project.

    Attributes:
        kustomize: A folder that ``kustomize build`` renders.
        flux: The folder that Flux applies to the cluster; its Kustomizations are followed.
        command: A program and its arguments; it prints manifests.
    """

    kustomize: str | None = None
    flux: str | None = None
    helm: HelmSource | None = None
    command: tuple[str, ...] | None = None


class InventorySource(Model):
    """Where to find volumes: in manifest files, or in a record of what is rendered from them.

    Attributes:
        manifests: Shell patterns for manifest files, relative to the project.
        exclude: Patterns of files that do not count.
        recorded: The file that ``stashgen inventory`` writes; nothing else is read of the sources.
        from_: What is recorded; empty if it is read from standard input.
        namespace: Of objects that name none and get none from a kustomization, Flux or Argo CD.
    """

    manifests: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    recorded: str | None = None
    from_: tuple[RecordSource, ...] = Field(default=(), alias="from")
    namespace: str | None = None


class Flux(Model):
    """How Flux reads the output: a Kustomization of its own for each namespace.

    Attributes:
        source: The GitRepository with this project.
        namespace: Of the GitRepository and of the Kustomizations.
        path: The project's folder in that repository; its root by default.
        depends_on: Kustomizations that come first, such as the one of the installation.
    """

    source: str
    namespace: str = "flux-system"
    path: str | None = None
    depends_on: tuple[str, ...] = ()


class Cluster(Model):
    """One cluster; its ``id`` is written once and outlives a rename.

    Attributes:
        labels: What selectors of clusters match.
        flux: Flux applies it: the folder ``_flux`` has the Kustomizations.
        pod_security: The Pod Security level of namespaces without a label, as the API server's
            configuration sets it.
        strict: Its API server lets the controller start only the pods that are in Git.
    """

    name: str
    id: str
    labels: dict[str, str] | None = None
    time_zone: str = "Etc/UTC"
    pod_security: Literal["privileged", "baseline", "restricted"] = "privileged"
    strict: Bool = False
    flux: Flux | None = None
    inventory: tuple[InventorySource, ...]


class Defaults(Model):
    """Defaults for every policy."""

    encryption: Encryption | None = None
    job: Job | None = None
    upkeep: Upkeep | None = None


class Retired(Model):
    """A volume, or one Repository of it, whose backups end on purpose.

    Attributes:
        volume: ``<namespace>/<claim>``.
        cluster: The cluster's id.
        until: The last day (``YYYY-MM-DD``, UTC) on which a build refuses to drop the history; it
            is kept for as long as the entry exists.
        repository: Only this Repository's history, for a volume that is backed up elsewhere.
    """

    volume: str
    cluster: str
    until: str
    reason: str
    repository: str | None = None


class Exclusion(Model):
    """Volumes that no policy backs up, on purpose, until a day.

    Attributes:
        until: The last day (``YYYY-MM-DD``, UTC) on which a build accepts it.
    """

    match: Match
    reason: str
    owner: str
    until: str


class ProjectSpec(Model):
    """What a project contains and where it writes its output."""

    requires: str | None = None
    controller: Literal["stashgen"] = "stashgen"
    output: str = DEFAULT_OUTPUT
    policies: tuple[str, ...] = DEFAULT_POLICIES
    defaults: Defaults | None = None
    clusters: tuple[Cluster, ...]
    retired: tuple[Retired, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()


class Project(Model):
    """The root of a repository."""

    api_version: Literal["stashgen.dev/v1alpha1"]
    kind: Literal["Project"]
    metadata: Metadata
    spec: ProjectSpec
