"""BackupConfiguration: see that everything is there, have sessions scheduled, start the first."""

from collections.abc import Iterator
from itertools import chain

from stashgen.api.addon import Addon
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, list_of, mapping_of, metadata_of, name_of, namespace_of
from stashgen.api.cron_job import CronJob
from stashgen.api.function import Function
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod_template import PodTemplate
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    CRON_JOBS,
    REPOSITORIES,
    SERVICE_ACCOUNTS,
)
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.service_account import ServiceAccount
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.pods.settings import TRIGGER_ACCOUNT, WORKER_ACCOUNT
from stashgen_controller.kinds.backup_configuration.decide import decide
from stashgen_controller.kinds.backup_configuration.observe import observe
from stashgen_controller.kinds.watches import claim_state, existence, keys_of, spec
from stashgen_controller.listers.configurations import users_of_policy, users_of_storage
from stashgen_controller.listers.indexes.configurations import (
    CONFIGURATIONS_BY_CRON_JOB,
    CONFIGURATIONS_BY_REPOSITORY,
    CONFIGURATIONS_BY_TARGET,
)
from stashgen_controller.listers.indexes.keys import volume_key
from stashgen_controller.listers.indexes.repositories import REPOSITORIES_BY_TEMPLATE
from stashgen_controller.runtime.kind import IndexKey, Kind, Place, Reader, Watch, phase_of
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _of_storage(reader: Reader, storage: JsonObject) -> Iterator[Place]:
    yield from keys_of(users_of_storage(reader, namespace_of(storage), name_of(storage)))


def _readiness(obj: JsonObject) -> object:
    """What a configuration shows of a storage: what it is, and why it is not ready."""
    return spec(obj), phase_of(obj), mapping_of(obj, "status").get("conditions")


def _of_repository(reader: Reader, repository: JsonObject) -> Iterator[Place]:
    namespace, name = namespace_of(repository), name_of(repository)
    yield from reader.places(CONFIGURATIONS_BY_REPOSITORY, namespace, name)


def _history(repository: JsonObject) -> object:
    """What decides whether a session may run, and whether its first backup was made already."""
    status = mapping_of(repository, "status")
    has_history = bool(status.get("snapshotCount")), status.get("writerMatches")
    initialized = [
        (item.get("status"), item.get("reason"), item.get("message"))
        for item in list_of(status, "conditions")
        if item.get("type") == ConditionType.REPOSITORY_INITIALIZED
    ]
    paths = status.get("componentPaths")
    return spec(repository), phase_of(repository), initialized, paths, has_history


def _of_policy(reader: Reader, policy: JsonObject) -> Iterator[Place]:
    yield from keys_of(users_of_policy(reader, namespace_of(policy), name_of(policy)))


def _of_account(reader: Reader, account: JsonObject) -> Iterator[Place]:
    if name_of(account) in {TRIGGER_ACCOUNT, WORKER_ACCOUNT}:
        yield from keys_of(reader.items(BackupConfiguration, namespace_of(account)))


def _of_namespace(reader: Reader, namespace: JsonObject) -> Iterator[Place]:
    """Its labels say what may be used from it."""
    yield from keys_of(reader.items(BackupConfiguration, name_of(namespace)))


def _everywhere(reader: Reader, _obj: JsonObject) -> Iterator[Place]:
    yield from keys_of(reader.items(BackupConfiguration))


def _of_cron_job(reader: Reader, cron_job: JsonObject) -> Iterator[Place]:
    """Those that have it scheduled, and the one that made it for a session that is no more."""
    namespace = namespace_of(cron_job)
    yield from reader.places(CONFIGURATIONS_BY_CRON_JOB, namespace, name_of(cron_job))
    for owner in list_of(metadata_of(cron_job), "ownerReferences"):
        if owner["kind"] == BACKUP_CONFIGURATIONS.kind:
            yield namespace, str(owner["name"])


def _schedule(cron_job: JsonObject) -> object:
    """Not what its controller notes at each tick."""
    return existence(cron_job), spec(cron_job), metadata_of(cron_job).get("ownerReferences")


def _of_template(reader: Reader, template: JsonObject) -> Iterator[Place]:
    named = reader.by(REPOSITORIES_BY_TEMPLATE, namespace_of(template), name_of(template))
    yield from keys_of(
        chain.from_iterable(reader.by(CONFIGURATIONS_BY_REPOSITORY, *item.key) for item in named)
    )


def _of_claim(reader: Reader, claim: JsonObject) -> Iterator[Place]:
    yield from reader.places(CONFIGURATIONS_BY_TARGET, namespace_of(claim), name_of(claim))


def _uses(_reader: Reader, configuration: BackupConfiguration) -> Iterator[IndexKey]:
    target = configuration.spec.target
    if target is not None:
        yield volume_key(configuration.metadata.namespace or "", target.name)


KIND = Kind(
    BackupConfiguration,
    observe,
    decide,
    permissions=(
        writes_status(BACKUP_CONFIGURATIONS),
        blocks_deletion(BACKUP_CONFIGURATIONS),
        Permission(SERVICE_ACCOUNTS, CREATE),
        Permission(REPOSITORIES, (*CREATE, "patch")),
        Permission(CRON_JOBS, (*CREATE, "patch", "delete")),
        Permission(BACKUP_SESSIONS, CREATE),
    ),
    watches=(
        Watch(BackupStorage, _of_storage, _readiness),
        Watch(Repository, _of_repository, _history),
        Watch(RetentionPolicy, _of_policy, spec),
        Watch(ServiceAccount, _of_account, existence),
        Watch(Namespace, _of_namespace, lambda obj: metadata_of(obj).get("labels") or {}),
        Watch(Addon, _everywhere, spec),
        Watch(Function, _everywhere, spec),
        Watch(CronJob, _of_cron_job, _schedule),
        Watch(PodTemplate, _of_template, existence),
        Watch(PersistentVolumeClaim, _of_claim, claim_state),
    ),
    uses=_uses,
    malformed_phase="Invalid",
    waiting_phase="NotReady",
)
