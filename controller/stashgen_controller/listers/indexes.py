"""By what objects are found other than by name: every index of the caches, once.

Keys are read from objects as stored, so that nothing is parsed to keep an index. Where a reference
leaves the namespace out, the referrer's is meant (KubeStash).
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import (
    JsonObject,
    labels_of,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
)
from stashgen.api.cron_job import CronJob
from stashgen.api.labels import JOB_NAME_LABEL, NONCE_LABEL, POD_TEMPLATE_ANNOTATION_PREFIX
from stashgen.api.pod import Pod
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import names, phases
from stashgen.kubestash.defaults import with_storage_defaults
from stashgen.kubestash.validation.storages import storage_place
from stashgen_controller.listers.history import SnapshotRecord, snapshot_record
from stashgen_controller.runtime.kind import CoveringIndex, Index, IndexKey, phase_of


def is_finished(obj: JsonObject) -> bool:
    """Whether a session or request, as stored, has ended and has nothing left to do."""
    return phase_of(obj) in phases.FINAL and not any(
        item.get("phase") == "Pending"
        for item in list_of(mapping_of(obj, "status"), "retentionPolicy")
    )


def reference(holder: JsonObject, field: str, referrer: JsonObject) -> tuple[str, str]:
    """Namespace and name that a reference means; both empty where there is none."""
    found = cast("Mapping[str, str]", holder.get(field) or {})
    if not found.get("name"):
        return "", ""
    return found.get("namespace") or namespace_of(referrer), found["name"]


def _spec(obj: JsonObject) -> JsonObject:
    return mapping_of(obj, "spec")


# BackupConfigurations


def repository_names(configuration: JsonObject) -> Iterator[str]:
    """The Repositories that a BackupConfiguration's sessions write to, some more than once."""
    for session in list_of(_spec(configuration), "sessions"):
        for repository in list_of(session, "repositories"):
            yield str(repository.get("name", ""))


def _backends(configuration: JsonObject, field: str) -> Iterator[IndexKey]:
    for backend in list_of(_spec(configuration), "backends"):
        yield reference(backend, field, configuration)


def _lacks_defaults(configuration: JsonObject) -> Iterator[IndexKey]:
    backends = list_of(_spec(configuration), "backends")
    if not backends or not all(backend.get("retentionPolicy") for backend in backends):
        yield ()


def _cron_jobs(configuration: JsonObject) -> Iterator[IndexKey]:
    namespace, name = namespace_of(configuration), name_of(configuration)
    for session in list_of(_spec(configuration), "sessions"):
        yield namespace, names.cron_job_name(name, str(session.get("name") or ""))


def _target(obj: JsonObject) -> Iterator[IndexKey]:
    yield namespace_of(obj), str(mapping_of(_spec(obj), "target").get("name") or "")


CONFIGURATIONS_BY_TARGET = Index(BackupConfiguration, _target)
CONFIGURATIONS_BY_REPOSITORY = Index(
    BackupConfiguration,
    lambda obj: ((namespace_of(obj), name) for name in repository_names(obj)),
)
CONFIGURATIONS_BY_STORAGE = Index(BackupConfiguration, lambda obj: _backends(obj, "storageRef"))
CONFIGURATIONS_BY_POLICY = Index(BackupConfiguration, lambda obj: _backends(obj, "retentionPolicy"))
# Those that take a default storage or retention policy, under the empty key.
CONFIGURATIONS_WITH_DEFAULTS = Index(BackupConfiguration, _lacks_defaults)
CONFIGURATIONS_BY_CRON_JOB = Index(BackupConfiguration, _cron_jobs)


# Repositories and storages


def _templates(obj: JsonObject) -> Iterator[IndexKey]:
    for key, name in mapping_of(metadata_of(obj), "annotations").items():
        if key.startswith(POD_TEMPLATE_ANNOTATION_PREFIX):
            yield namespace_of(obj), str(name)


def _place(repository: JsonObject) -> Iterator[IndexKey]:
    path = str(_spec(repository).get("path") or "").strip("/")
    yield (*reference(_spec(repository), "storageRef", repository), path)


def _storage_place(obj: JsonObject) -> Iterator[IndexKey]:
    """Parsed, unlike for other indexes: there are few storages, each provider has its fields."""
    try:
        storage = with_storage_defaults(BackupStorage.from_wire(obj))
    except ValidationError:
        # Its own look says so.
        return
    place = storage_place(storage.spec.storage)
    if place is not None:
        yield place


REPOSITORIES_BY_STORAGE = Index(
    Repository, lambda obj: (reference(_spec(obj), "storageRef", obj) for _ in (1,))
)
REPOSITORIES_BY_TARGET = Index(
    Repository,
    lambda obj: ((namespace_of(obj), str(mapping_of(_spec(obj), "appRef").get("name") or "")),),
)
# Storage's namespace and name, and the directory in it.
REPOSITORIES_BY_PLACE = Index(Repository, _place)
REPOSITORIES_BY_TEMPLATE = Index(Repository, _templates)
STORAGES_BY_TEMPLATE = Index(BackupStorage, _templates)
# Provider and bucket with its directory: no two storages may share that.
STORAGES_BY_PLACE = Index(BackupStorage, _storage_place)
# Under the empty key.
DEFAULT_STORAGES = Index(BackupStorage, lambda obj: ((),) if _spec(obj).get("default") else ())
DEFAULT_POLICIES = Index(RetentionPolicy, lambda obj: ((),) if _spec(obj).get("default") else ())


# Sessions and Snapshots


def _invoker(session: JsonObject) -> Iterator[IndexKey]:
    invoker = mapping_of(_spec(session), "invoker")
    name, session_name = str(invoker.get("name") or ""), str(_spec(session).get("session") or "")
    yield namespace_of(session), name, session_name


def _retained(session: JsonObject) -> Iterator[IndexKey]:
    for item in list_of(mapping_of(session, "status"), "retentionPolicy"):
        yield namespace_of(session), str(item.get("repository") or "")


def _backed_up(session: JsonObject) -> Iterator[IndexKey]:
    if phase_of(session) not in phases.FINAL:
        for item in list_of(mapping_of(session, "status"), "snapshots"):
            yield namespace_of(session), str(mapping_of(item, "appRef").get("name") or "")


def _unfinished(obj: JsonObject) -> Iterator[IndexKey]:
    if not is_finished(obj):
        yield (namespace_of(obj),)


SESSIONS_BY_INVOKER = Index(BackupSession, _invoker)
SESSIONS_BY_RETAINED_REPOSITORY = Index(BackupSession, _retained)
# Those that have started and read a claim now.
SESSIONS_BY_CLAIM_IN_USE = Index(BackupSession, _backed_up)
UNFINISHED_SESSIONS = Index(BackupSession, _unfinished)
SNAPSHOTS_BY_REPOSITORY: CoveringIndex[Snapshot, SnapshotRecord] = CoveringIndex(
    Snapshot,
    lambda obj: ((namespace_of(obj), str(_spec(obj).get("repository") or "")),),
    snapshot_record,
)


# Restores


def _restored_from(restore: JsonObject) -> Iterator[IndexKey]:
    source = mapping_of(_spec(restore), "dataSource")
    yield namespace_of(restore), str(source.get("repository") or "")


def _nonce_label(restore: JsonObject) -> Iterator[IndexKey]:
    nonce = labels_of(restore).get(NONCE_LABEL)
    if nonce:
        yield namespace_of(restore), nonce


RESTORES_BY_TARGET = Index(RestoreSession, _target)
# Under the empty name those that name a Snapshot only.
RESTORES_BY_REPOSITORY = Index(RestoreSession, _restored_from)
UNFINISHED_RESTORES = Index(RestoreSession, _unfinished)
REQUESTS_BY_NONCE = Index(
    RestoreRequest, lambda obj: ((namespace_of(obj), str(_spec(obj).get("nonce") or "")),)
)
UNFINISHED_REQUESTS = Index(RestoreRequest, _unfinished)


# What Kubernetes' controllers make


def _job_of_pod(pod: JsonObject) -> Iterator[IndexKey]:
    name = labels_of(pod).get(JOB_NAME_LABEL)
    if name:
        yield namespace_of(pod), name


def _controller(obj: JsonObject) -> Iterator[IndexKey]:
    for owner in list_of(metadata_of(obj), "ownerReferences"):
        if owner.get("controller"):
            yield (str(owner.get("uid") or ""),)


PODS_BY_JOB = Index(Pod, _job_of_pod)
CRON_JOBS_BY_CONTROLLER = Index(CronJob, _controller)

INDEXES: tuple[Index[Any] | CoveringIndex[Any, Any], ...] = (
    CONFIGURATIONS_BY_TARGET,
    CONFIGURATIONS_BY_REPOSITORY,
    CONFIGURATIONS_BY_STORAGE,
    CONFIGURATIONS_BY_POLICY,
    CONFIGURATIONS_WITH_DEFAULTS,
    CONFIGURATIONS_BY_CRON_JOB,
    REPOSITORIES_BY_STORAGE,
    REPOSITORIES_BY_TARGET,
    REPOSITORIES_BY_PLACE,
    REPOSITORIES_BY_TEMPLATE,
    STORAGES_BY_TEMPLATE,
    STORAGES_BY_PLACE,
    DEFAULT_STORAGES,
    DEFAULT_POLICIES,
    SESSIONS_BY_INVOKER,
    SESSIONS_BY_RETAINED_REPOSITORY,
    SESSIONS_BY_CLAIM_IN_USE,
    UNFINISHED_SESSIONS,
    SNAPSHOTS_BY_REPOSITORY,
    RESTORES_BY_TARGET,
    RESTORES_BY_REPOSITORY,
    UNFINISHED_RESTORES,
    REQUESTS_BY_NONCE,
    UNFINISHED_REQUESTS,
    PODS_BY_JOB,
    CRON_JOBS_BY_CONTROLLER,
)
