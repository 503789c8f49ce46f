"""What is to be known about one BackupConfiguration before anything is decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stashgen.api.backup_configuration import (
    BackupConfiguration,
    BackupConfigurationStatus,
    Session,
)
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, name_of
from stashgen.api.labels import is_rendered, template_name
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    ADDONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    POD_TEMPLATES,
    REPOSITORIES,
    RETENTION_POLICIES,
    SERVICE_ACCOUNTS,
    Resource,
)
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash import names
from stashgen.kubestash.defaults import with_configuration_defaults
from stashgen_controller.listers.objects import labels_of_namespace
from stashgen_controller.runtime.kind import Reader

_TEMPLATE_VERBS = ("maintain", "backup")


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupConfiguration.

    Attributes:
        obj: As stored.
        configuration: As a model, with KubeStash's defaults resolved in memory.
        target_found: The claim exists.
        storages, policies: By namespace and name.
        repositories: Of the namespace, by name.
        others: All Repositories of the cluster, for clashes.
        cron_jobs: Of the namespace, by name.
        accounts: Names of the namespace's ServiceAccounts.
        addons: Names of those that exist.
        templates: Names of the namespace's PodTemplates.
        labels: Of the namespace.
    """

    obj: JsonObject
    configuration: BackupConfiguration
    target_found: bool
    storages: Mapping[tuple[str, str], BackupStorage]
    policies: Mapping[tuple[str, str], RetentionPolicy]
    repositories: Mapping[str, Repository]
    others: Sequence[Repository]
    cron_jobs: Mapping[str, JsonObject]
    accounts: Collection[str]
    addons: Collection[str]
    templates: Collection[str]
    labels: Mapping[str, str]

    @property
    def status(self) -> BackupConfigurationStatus:
        """The stored status, or an empty one."""
        return self.configuration.status or BackupConfigurationStatus()

    @property
    def namespace(self) -> str:
        """The configuration's namespace."""
        return self.configuration.metadata.namespace or ""

    @property
    def is_rendered(self) -> bool:
        """Whether git holds the children."""
        return is_rendered(self.configuration.metadata)

    def cron_job_name(self, session: Session) -> str:
        """The name of a session's CronJob."""
        return names.cron_job_name(self.configuration.metadata.name, session.name or "")

    def is_owned(self, obj: JsonObject) -> bool:
        """Whether the configuration is the controller owner of an object."""
        metadata = cast("JsonObject", obj["metadata"])
        owners = cast("list[JsonObject]", metadata.get("ownerReferences") or [])
        uid = self.configuration.metadata.uid
        return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)

    def not_applied(self, session: Session) -> list[str]:
        """What git holds of a session and has not applied yet: its CronJob, Repositories, pods."""
        wanted = self.cron_job_name(session)
        missing = [] if wanted in self.cron_jobs else [f"CronJob {wanted}"]
        for item in session.repositories or ():
            repository = self.repositories.get(item.name or "")
            if repository is None:
                missing.append(f"Repository {item.name}")
                continue
            if is_rendered(repository.metadata):
                named = [template_name(repository.metadata, verb) for verb in _TEMPLATE_VERBS]
                missing += [
                    f"PodTemplate {name}" for name in named if name and name not in self.templates
                ]
        return missing


def observe(reader: Reader, obj: JsonObject) -> Observed:
    """Collect what ``decide`` needs to know about a configuration."""
    written = BackupConfiguration.from_wire(obj)
    namespace = written.metadata.namespace or ""
    storages = {
        item.key: item for item in map(BackupStorage.from_wire, reader.items(BACKUP_STORAGES))
    }
    policies = {
        item.key: item for item in map(RetentionPolicy.from_wire, reader.items(RETENTION_POLICIES))
    }
    labels = labels_of_namespace(reader, namespace)
    configuration = with_configuration_defaults(
        written, storages.values(), policies.values(), labels
    )
    target = configuration.spec.target
    repositories = [Repository.from_wire(item) for item in reader.items(REPOSITORIES)]
    return Observed(
        obj=obj,
        configuration=configuration,
        target_found=target is None
        or reader.get(PERSISTENT_VOLUME_CLAIMS, target.namespace or namespace, target.name)
        is not None,
        storages=storages,
        policies=policies,
        repositories={item.key[1]: item for item in repositories if item.key[0] == namespace},
        others=repositories,
        cron_jobs={name_of(item): item for item in reader.items(CRON_JOBS, namespace)},
        accounts=_names(reader, SERVICE_ACCOUNTS, namespace),
        addons=_names(reader, ADDONS, None),
        templates=_names(reader, POD_TEMPLATES, namespace),
        labels=labels,
    )


def _names(reader: Reader, resource: Resource, namespace: str | None) -> frozenset[str]:
    return frozenset(name_of(item) for item in reader.items(resource, namespace))
