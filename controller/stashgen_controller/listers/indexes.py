"""By what objects are found other than by name: every index of the caches, once.

Keys are read from objects as stored, so that nothing is parsed to keep an index. Where a reference
leaves the namespace out, the referrer's is meant (KubeStash).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from stashgen.api.labels import (
    JOB_NAME_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    POD_TEMPLATE_ANNOTATION_PREFIX,
    REPOSITORY_LABEL,
    label_value,
)
from stashgen.api.namespace import Namespace
from stashgen.api.persistent_volume_claim import PersistentVolumeClaim
from stashgen.api.pod import Pod, has_ended
from stashgen.api.repository import Repository
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import names, phases
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.defaults import with_storage_defaults
from stashgen.kubestash.validation.storages import storage_place
from stashgen_controller.listers.history import SnapshotRecord, snapshot_record
from stashgen_controller.runtime.kind import CoveringIndex, Index, IndexKey, phase_of
from stashgen_controller.runtime.malformed import is_marked


def is_finished(obj: JsonObject) -> bool:
    """Whether a session or request, as stored, has ended and has nothing left to do."""
    return phase_of(obj) in phases.FINAL and not any(
        item.get("phase") == "Pending"
        for item in list_of(mapping_of(obj, "status"), "retentionPolicy")
    )


def is_pushed(obj: JsonObject) -> bool:
    """Whether the controller has had its last word on a session; its worker reports first."""
    conditions = list_of(mapping_of(obj, "status"), "conditions")
    return any(item.get("type") == ConditionType.METRICS_PUSHED for item in conditions)


def is_restore_over(restore: JsonObject) -> bool:
    """Whether a RestoreSession, as stored, has ended by the controller's word."""
    phase = phase_of(restore)
    return phase == "Invalid" or (phase in phases.FINAL and is_pushed(restore))


def reference(holder: JsonObject, field: str, referrer: JsonObject) -> tuple[str, str]:
    """Namespace and name that a reference means; both empty where there is none."""
    found = cast("Mapping[str, str]", holder.get(field) or {})
    if not found.get("name"):
        return "", ""
    return found.get("namespace") or namespace_of(referrer), found["name"]


def volume_key(namespace: str, claim: str) -> IndexKey:
    """A volume as what is worked on."""
    return "volume", namespace, claim


def repository_key(namespace: str, name: str) -> IndexKey:
    """A Repository as what is worked on; pods have its name as a label."""
    return "repository", namespace, label_value(name)


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


def repository_uses(repository: JsonObject) -> Iterator[IndexKey]:
    """The Repository itself and its volume."""
    namespace, app = namespace_of(repository), mapping_of(_spec(repository), "appRef")
    yield repository_key(namespace, name_of(repository))
    yield volume_key(namespace, str(app.get("name") or ""))


def repository_claims(repository: JsonObject) -> Iterator[IndexKey]:
    """Those while a Job of its own is at work: it records that before it makes one."""
    status = mapping_of(repository, "status")
    executor, resync = mapping_of(status, "executor"), mapping_of(status, "snapshotResync")
    page = mapping_of(resync, "executor") if resync.get("phase") == "Running" else {}
    is_initializing = executor and not executor.get("ended") and not _is_initialized(repository)
    if is_initializing or (page and not page.get("ended")) or is_in_upkeep(repository):
        yield from repository_uses(repository)


def lost_pod_claims(repository: JsonObject) -> Iterator[IndexKey]:
    """Those of pods that may run on although they and their owners are gone."""
    lost = list_of(mapping_of(repository, "status"), "lostPods")
    if lost:
        yield from repository_uses(repository)
    for item in lost:
        for claim in cast("list[str]", item.get("claims") or []):
            yield volume_key(namespace_of(repository), claim)


def is_in_upkeep(repository: JsonObject) -> bool:
    """Whether a Repository, as stored, is being pruned or checked."""
    upkeep = mapping_of(mapping_of(repository, "status"), "upkeep")
    executor = mapping_of(upkeep, "executor")
    return bool(executor) and not executor.get("ended")


def _is_being_deleted(obj: JsonObject) -> bool:
    """Whether an object, as stored, only waits for its finalizers."""
    return metadata_of(obj).get("deletionTimestamp") is not None


def _has_settled(repository: JsonObject) -> bool:
    resync = mapping_of(mapping_of(repository, "status"), "snapshotResync")
    return _is_initialized(repository) and resync.get("phase") in {None, "Finished"}


def _is_initialized(repository: JsonObject) -> bool:
    return any(
        item.get("type") == ConditionType.REPOSITORY_INITIALIZED and item.get("status") == "True"
        for item in list_of(mapping_of(repository, "status"), "conditions")
    )


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


@dataclass(frozen=True, slots=True)
class StoredRepository:
    """What a BackupStorage sums up of a Repository in it: of thousands, at each backup's end."""

    namespace: str
    name: str
    path: str | None
    size: str | None


def _stored_repository(obj: JsonObject) -> StoredRepository:
    path, size = _spec(obj).get("path"), mapping_of(obj, "status").get("size")
    return StoredRepository(
        namespace_of(obj),
        name_of(obj),
        path if isinstance(path, str) else None,
        size if isinstance(size, str) else None,
    )


REPOSITORIES_BY_STORAGE: CoveringIndex[Repository, StoredRepository] = CoveringIndex(
    Repository,
    lambda obj: (reference(_spec(obj), "storageRef", obj) for _ in (1,)),
    _stored_repository,
)
REPOSITORIES_BY_TARGET = Index(
    Repository,
    lambda obj: ((namespace_of(obj), str(mapping_of(_spec(obj), "appRef").get("name") or "")),),
)
# Storage's namespace and name, and the directory in it.
REPOSITORIES_BY_PLACE = Index(Repository, _place)
CLAIMING_REPOSITORIES = Index(Repository, repository_claims)
# Under the empty key. One that is being deleted is not looked at any more, and a finalizer may keep
# it for ever: it takes nobody's turn.
REPOSITORIES_IN_UPKEEP = Index(
    Repository, lambda obj: ((),) if is_in_upkeep(obj) and not _is_being_deleted(obj) else ()
)
UNSETTLED_REPOSITORIES = Index(
    Repository, lambda obj: () if _has_settled(obj) else repository_uses(obj)
)
# By what pods work on that may run although they are gone.
LOST_PODS = Index(Repository, lost_pod_claims)
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


def session_uses(session: JsonObject) -> Iterator[IndexKey]:
    """The volume and the Repositories that a session that has been looked at works on."""
    for item in list_of(mapping_of(session, "status"), "snapshots"):
        yield volume_key(namespace_of(session), str(mapping_of(item, "appRef").get("name") or ""))
        yield repository_key(namespace_of(session), str(item.get("repository") or ""))


def session_claims(session: JsonObject) -> Iterator[IndexKey]:
    """Those that it works on now: it records that before it makes a Job."""
    status, namespace = mapping_of(session, "status"), namespace_of(session)
    snapshots = list_of(status, "snapshots")
    claimed = [
        item for item in snapshots if item.get("phase") == "Running" and not is_pushed(session)
    ]
    claimed += [
        item
        for item in list_of(status, "retentionPolicy")
        if item.get("phase") == "Pending" and item.get("executor")
    ]
    if claimed:
        for item in snapshots:
            yield volume_key(namespace, str(mapping_of(item, "appRef").get("name") or ""))
    for item in claimed:
        yield repository_key(namespace, str(item.get("repository") or ""))


def _in_turn(session: JsonObject) -> Iterator[IndexKey]:
    if not is_finished(session):
        yield from session_uses(session)


def _unfinished(obj: JsonObject) -> Iterator[IndexKey]:
    if not is_finished(obj):
        yield (namespace_of(obj),)


def _starting(obj: JsonObject) -> Iterator[IndexKey]:
    if not phase_of(obj):
        yield namespace_of(obj), name_of(obj)


SESSIONS_BY_INVOKER = Index(BackupSession, _invoker)
SESSIONS_BY_RETAINED_REPOSITORY = Index(BackupSession, _retained)
CLAIMING_SESSIONS = Index(BackupSession, session_claims)
# By what those work on that have not ended: they may wait for their turn.
SESSIONS_IN_TURN = Index(BackupSession, _in_turn)
UNFINISHED_SESSIONS = Index(BackupSession, _unfinished)
STARTING_SESSIONS = Index(BackupSession, _starting)
SNAPSHOTS_BY_REPOSITORY: CoveringIndex[Snapshot, SnapshotRecord] = CoveringIndex(
    Snapshot,
    lambda obj: ((namespace_of(obj), str(_spec(obj).get("repository") or "")),),
    snapshot_record,
)


# Restores


def _restored_from(restore: JsonObject) -> Iterator[IndexKey]:
    source = mapping_of(_spec(restore), "dataSource")
    yield namespace_of(restore), str(source.get("repository") or "")


def restore_uses(restore: JsonObject) -> Iterator[IndexKey]:
    """The volume that a restore writes and the Repository that it reads, where it names one."""
    namespace, spec = namespace_of(restore), _spec(restore)
    yield volume_key(namespace, str(mapping_of(spec, "target").get("name") or ""))
    repository = str(mapping_of(spec, "dataSource").get("repository") or "")
    if repository:
        yield repository_key(namespace, repository)


def restore_claims(restore: JsonObject) -> Iterator[IndexKey]:
    """Those while it runs: it records that before it makes its Job."""
    if mapping_of(restore, "status").get("executor") and not is_restore_over(restore):
        yield from restore_uses(restore)


def pins_by_restore(restore: JsonObject) -> bool:
    """Whether a RestoreSession, as stored, may need a Snapshot yet.

    One that cannot be read is Invalid only until somebody corrects it.
    """
    return not is_restore_over(restore) or (is_marked(restore) and phase_of(restore) == "Invalid")


def pins_by_request(request: JsonObject) -> bool:
    """The same for a RestoreRequest, which is Failed as long as it cannot be read."""
    return not is_finished(request) or (is_marked(request) and phase_of(request) == "Failed")


RESTORES_BY_TARGET = Index(RestoreSession, _target)
# Under the empty name those that name a Snapshot only.
RESTORES_BY_REPOSITORY = Index(RestoreSession, _restored_from)
UNFINISHED_RESTORES = Index(
    RestoreSession, lambda obj: () if is_restore_over(obj) else ((namespace_of(obj),),)
)
STARTING_RESTORES = Index(RestoreSession, _starting)
RESTORES_IN_TURN = Index(
    RestoreSession, lambda obj: () if is_restore_over(obj) else restore_uses(obj)
)
REQUESTS_BY_NONCE = Index(
    RestoreRequest, lambda obj: ((namespace_of(obj), str(_spec(obj).get("nonce") or "")),)
)
UNFINISHED_REQUESTS = Index(RestoreRequest, _unfinished)
# By namespace, those that cannot be read among them.
PINNING_RESTORES = Index(
    RestoreSession, lambda obj: ((namespace_of(obj),),) if pins_by_restore(obj) else ()
)
PINNING_REQUESTS = Index(
    RestoreRequest, lambda obj: ((namespace_of(obj),),) if pins_by_request(obj) else ()
)


# Who the cluster and its volumes are: nothing else of them is read for a session

CLUSTER_NAMESPACE = "kube-system"


def _uid(obj: JsonObject) -> str | None:
    return cast("str | None", metadata_of(obj).get("uid"))


def _cluster(namespace: JsonObject) -> Iterator[IndexKey]:
    if name_of(namespace) == CLUSTER_NAMESPACE:
        yield (CLUSTER_NAMESPACE,)


CLUSTER_UID: CoveringIndex[Namespace, str | None] = CoveringIndex(Namespace, _cluster, _uid)
CLAIM_UIDS: CoveringIndex[PersistentVolumeClaim, str | None] = CoveringIndex(
    PersistentVolumeClaim, lambda obj: ((namespace_of(obj), name_of(obj)),), _uid
)


# What Kubernetes' controllers make


def _job_of_pod(pod: JsonObject) -> Iterator[IndexKey]:
    name = labels_of(pod).get(JOB_NAME_LABEL)
    if name:
        yield namespace_of(pod), name


def _controller(obj: JsonObject) -> Iterator[IndexKey]:
    for owner in list_of(metadata_of(obj), "ownerReferences"):
        if owner.get("controller"):
            yield (str(owner.get("uid") or ""),)


def _at_work(pod: JsonObject) -> Iterator[IndexKey]:
    if labels_of(pod).get(MANAGED_BY_LABEL) != MANAGED_BY or has_ended(pod):
        return
    namespace = namespace_of(pod)
    repository = labels_of(pod).get(REPOSITORY_LABEL)
    if repository:
        yield repository_key(namespace, repository)
    for volume in list_of(_spec(pod), "volumes"):
        claim = mapping_of(volume, "persistentVolumeClaim").get("claimName")
        if claim:
            yield volume_key(namespace, str(claim))


# Our workers' pods, by the Repository and the volumes that they work on.
LIVING_PODS = Index(Pod, _at_work)
PODS_BY_JOB = Index(Pod, _job_of_pod)
CRON_JOBS_BY_CONTROLLER = Index(CronJob, _controller)

# Those that cannot be read, or have to read one that cannot, as their statuses say; under the empty
# key, an index for each kind that is reconciled.
MALFORMED: tuple[Index[Any], ...] = tuple(
    Index(model, lambda obj: ((),) if is_marked(obj) else ())
    for model in (
        BackupStorage,
        Repository,
        BackupConfiguration,
        BackupSession,
        Snapshot,
        RestoreSession,
        RestoreRequest,
    )
)

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
    CLAIMING_SESSIONS,
    SESSIONS_IN_TURN,
    CLAIMING_REPOSITORIES,
    LOST_PODS,
    REPOSITORIES_IN_UPKEEP,
    UNSETTLED_REPOSITORIES,
    RESTORES_IN_TURN,
    LIVING_PODS,
    UNFINISHED_SESSIONS,
    STARTING_SESSIONS,
    SNAPSHOTS_BY_REPOSITORY,
    RESTORES_BY_TARGET,
    RESTORES_BY_REPOSITORY,
    UNFINISHED_RESTORES,
    STARTING_RESTORES,
    REQUESTS_BY_NONCE,
    UNFINISHED_REQUESTS,
    PINNING_RESTORES,
    PINNING_REQUESTS,
    CLUSTER_UID,
    CLAIM_UIDS,
    PODS_BY_JOB,
    CRON_JOBS_BY_CONTROLLER,
    *MALFORMED,
)
