"""What is to be known about one BackupConfiguration before anything is decided."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stashgen.api.backup_configuration import (
    BackupConfiguration,
    BackupConfigurationStatus,
    Session,
)
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import is_rendered, template_name
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    ADDONS,
    CRON_JOBS,
    POD_TEMPLATES,
    SERVICE_ACCOUNTS,
)
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.shared import ObjectReference
from stashgen.kubestash import names
from stashgen.kubestash.pods.settings import TRIGGER_ACCOUNT, WORKER_ACCOUNT
from stashgen.kubestash.verbs import Template, Verb
from stashgen_controller.jobs.grants import may_use_storage
from stashgen_controller.jobs.templates import addon_problem
from stashgen_controller.listers.configurations import (
    default_problems_of,
    resolved_configuration,
)
from stashgen_controller.listers.indexes.repositories import REPOSITORIES_BY_PLACE
from stashgen_controller.listers.indexes.workloads import CRON_JOBS_BY_CONTROLLER
from stashgen_controller.listers.objects import claim_uid, labels_of_namespace, why_not_bound
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.kind import ModelT, Reader

# What a session needs; nobody waits for what only a restore does.
_TEMPLATES = (Template.MAINTAIN, Template.BACKUP)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one BackupConfiguration.

    Attributes:
        configuration: With KubeStash's defaults resolved in memory.
        target_found: The claim exists.
        not_bound: Why there is no volume behind it that could be backed up.
        storages, policies: That the backends refer to, by namespace and name.
        repositories: That the sessions write to, by name.
        others: Those, and the ones in the same directories, for clashes.
        cron_jobs: Of the sessions and of earlier ones, as stored, by name.
        accounts: Names of our ServiceAccounts that exist.
        addons: Names of the sessions' Addons that exist.
        templates: Names of the Repositories' PodTemplates that exist.
        addon_problems: By session, why its Addon cannot do its work; of plain ones only.
        default_problems: Why the defaults that it takes are not defined.
        labels: Of the namespace.
    """

    configuration: BackupConfiguration
    target_found: bool
    not_bound: Reason | None
    storages: Mapping[tuple[str, str], BackupStorage]
    policies: Mapping[tuple[str, str], RetentionPolicy]
    repositories: Mapping[str, Repository]
    others: Sequence[Repository]
    cron_jobs: Mapping[str, JsonObject]
    accounts: Collection[str]
    addons: Collection[str]
    templates: Collection[str]
    addon_problems: Mapping[str, Reason]
    default_problems: Sequence[str]
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
                named = [template_name(repository.metadata, one) for one in _TEMPLATES]
                missing += [
                    f"PodTemplate {name}" for name in named if name and name not in self.templates
                ]
        return missing


def observe(reader: Reader, written: BackupConfiguration) -> Observed:
    """Collect what ``decide`` needs to know about a configuration; nothing else is read."""
    namespace = written.metadata.namespace or ""
    labels = labels_of_namespace(reader, namespace)
    configuration = resolved_configuration(reader, written)
    backends = configuration.spec.backends
    storages = _referred(reader, BackupStorage, namespace, [item.storage_ref for item in backends])
    policies = _referred(
        reader, RetentionPolicy, namespace, [item.retention_policy for item in backends]
    )
    target = configuration.spec.target
    wanted = {
        name: reader.get(Repository, namespace, name) for name in configuration.repository_names
    }
    repositories = {name: item for name, item in wanted.items() if item is not None}
    return Observed(
        configuration=configuration,
        target_found=target is None
        or claim_uid(reader, target.namespace or namespace, target.name) is not None,
        not_bound=why_not_bound(reader, target.namespace or namespace, target.name)
        if target is not None
        else None,
        storages=storages,
        policies=policies,
        repositories=repositories,
        others=[*repositories.values(), *_neighbours(reader, configuration)],
        cron_jobs=_cron_jobs(reader, configuration),
        accounts=[
            name
            for name in (TRIGGER_ACCOUNT, WORKER_ACCOUNT)
            if reader.has(SERVICE_ACCOUNTS, namespace, name)
        ],
        addons=[
            session.addon.name or ""
            for session in configuration.spec.sessions
            if session.addon is not None and reader.has(ADDONS, None, session.addon.name or "")
        ],
        templates=_templates(reader, repositories.values()),
        addon_problems=_addon_problems(reader, configuration),
        default_problems=default_problems_of(reader, written),
        labels=labels,
    )


def _referred(
    reader: Reader,
    model: type[ModelT],
    namespace: str,
    references: Iterable[ObjectReference | None],
) -> dict[tuple[str, str], ModelT]:
    """The objects that references mean, by namespace and name."""
    found = {}
    for reference in references:
        if reference is not None:
            key = (reference.namespace or namespace, reference.name)
            item = reader.get(model, *key)
            if item is not None:
                found[key] = item
    return found


def _neighbours(reader: Reader, configuration: BackupConfiguration) -> Iterator[Repository]:
    """Repositories in the directories that the sessions want.

    One that may not use the storage writes nothing there: it is in nobody's way.
    """
    namespace = configuration.metadata.namespace or ""
    for session in configuration.spec.sessions:
        for wanted in session.repositories or ():
            backend = configuration.backend(wanted.backend)
            storage = backend.storage_ref if backend is not None else None
            if storage is not None:
                place = (wanted.directory or "").strip("/")
                key = (storage.namespace or namespace, storage.name, place)
                for item in reader.by(REPOSITORIES_BY_PLACE, *key):
                    if item.key != (namespace, wanted.name) and may_use_storage(item):
                        yield item


def _cron_jobs(reader: Reader, configuration: BackupConfiguration) -> dict[str, JsonObject]:
    """The CronJobs of the sessions, and those that are left of earlier ones, by name."""
    namespace, name = configuration.key
    wanted = [
        names.cron_job_name(name, session.name or "") for session in configuration.spec.sessions
    ]
    owned = reader.by(CRON_JOBS_BY_CONTROLLER, configuration.metadata.uid or "")
    found = {}
    for cron_job in dict.fromkeys([*wanted, *(item.metadata.name for item in owned)]):
        stored = reader.stored(CRON_JOBS, namespace, cron_job)
        if stored is not None:
            found[cron_job] = stored
    return found


def _addon_problems(reader: Reader, configuration: BackupConfiguration) -> dict[str, Reason]:
    """The pods of a rendered one are in git: its Addons are not used."""
    if is_rendered(configuration.metadata):
        return {}
    found = {
        session.name or "": addon_problem(reader, session.addon, Verb.BACKUP)
        for session in configuration.spec.sessions
        if session.addon is not None and session.addon.tasks
    }
    return {name: problem for name, problem in found.items() if problem is not None}


def _templates(reader: Reader, repositories: Iterable[Repository]) -> frozenset[str]:
    """The PodTemplates of rendered Repositories that git has applied."""
    named = {
        (item.metadata.namespace, template_name(item.metadata, template) or "")
        for item in repositories
        for template in _TEMPLATES
    }
    return frozenset(
        name for namespace, name in named if name and reader.has(POD_TEMPLATES, namespace, name)
    )
