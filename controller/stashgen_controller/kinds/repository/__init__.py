"""Repository: have its restic repositories made once, one a session; sum up its Snapshots.

Those that the bucket has from before come back as objects (``resync.py``). It is pruned and
checked in a rhythm of its own (``upkeep.py``).
"""

from collections.abc import Iterator

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession, RetentionPhase
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
from stashgen.api.labels import REPOSITORY_LABEL, VERB_ANNOTATION
from stashgen.api.namespace import Namespace
from stashgen.api.pod import Pod, has_ended
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS, REPOSITORIES, SNAPSHOTS
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import phases
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.verbs import Verb
from stashgen_controller.kinds.repository.decide import decide
from stashgen_controller.kinds.repository.observe import observe
from stashgen_controller.kinds.watches import (
    cluster_identity,
    existence,
    outcome,
    owned_jobs,
    pod_templates,
    spec,
    turns,
)
from stashgen_controller.kinds.watches import (
    keys_of as keys_of,
)
from stashgen_controller.listers.configurations import users_of_policy
from stashgen_controller.listers.history import snapshot_record
from stashgen_controller.listers.indexes.configurations import repository_names
from stashgen_controller.listers.indexes.keys import repository_key, volume_key
from stashgen_controller.listers.indexes.repositories import (
    CLAIMING_REPOSITORIES,
    REPOSITORIES_BY_STORAGE,
    REPOSITORIES_BY_TARGET,
    REPOSITORIES_BY_TEMPLATE,
    UNSETTLED_REPOSITORIES,
    WAITING_FOR_UPKEEP,
    is_in_upkeep,
)
from stashgen_controller.listers.indexes.restores import restore_claims, restore_names, restore_uses
from stashgen_controller.listers.indexes.sessions import session_uses
from stashgen_controller.runtime.kind import IndexKey, Kind, Place, Reader, Watch, phase_of
from stashgen_controller.runtime.permission import (
    CREATE,
    Permission,
    blocks_deletion,
    writes_status,
)


def _of_snapshot(_reader: Reader, snapshot: JsonObject) -> Iterator[Place]:
    yield namespace_of(snapshot), str(mapping_of(snapshot, "spec").get("repository") or "")


def _summed_up(snapshot: JsonObject) -> object:
    """One that is being made is not counted."""
    return snapshot_record(snapshot) if outcome(snapshot) is not None else None


def _of_session(_reader: Reader, session: JsonObject) -> Iterator[Place]:
    for item in list_of(mapping_of(session, "status"), "retentionPolicy"):
        yield namespace_of(session), str(item.get("repository") or "")


def _has_pending_retention(session: JsonObject) -> bool:
    """How retention ended was taken over when it did; one that goes on may be waited for."""
    applied = list_of(mapping_of(session, "status"), "retentionPolicy")
    return any(item.get("phase") == RetentionPhase.PENDING for item in applied)


def _retention_outcomes(session: JsonObject) -> object:
    found = [
        (item.get("repository"), item.get("phase"), item.get("error"))
        for item in list_of(mapping_of(session, "status"), "retentionPolicy")
        if item.get("phase") != RetentionPhase.PENDING
    ]
    return found or None


def _in_storage(reader: Reader, storage: JsonObject) -> Iterator[Place]:
    key = namespace_of(storage), name_of(storage)
    for repository in reader.values(REPOSITORIES_BY_STORAGE, *key):
        yield repository.namespace, repository.name


def _of_configuration(_reader: Reader, configuration: JsonObject) -> Iterator[Place]:
    for name in dict.fromkeys(repository_names(configuration)):
        yield namespace_of(configuration), name


def _of_policy(reader: Reader, policy: JsonObject) -> Iterator[Place]:
    """The policy is in a maintenance pod's arguments."""
    for configuration in users_of_policy(reader, namespace_of(policy), name_of(policy)):
        for name in configuration.repository_names:
            yield configuration.key[0], name


def _writes(restore: JsonObject) -> object:
    """That it writes, and how it ended."""
    return tuple(restore_claims(restore)) or outcome(restore)


def _of_restore(reader: Reader, restore: JsonObject) -> Iterator[Place]:
    """A finished restore makes us the writer."""
    target = restore_names(restore).target
    yield from reader.places(REPOSITORIES_BY_TARGET, namespace_of(restore), target)


def _in_upkeep(reader: Reader, restore: JsonObject) -> Iterator[Place]:
    """A Repository that is being pruned or checked gives way to a restore."""
    keys = [*restore_uses(restore)]
    names = restore_names(restore)
    if not names.repository:
        found = reader.get(Snapshot, namespace_of(restore), names.snapshot)
        if found is not None and found.spec.repository:
            keys.append(repository_key(namespace_of(restore), found.spec.repository))
    for key in dict.fromkeys(keys):
        yield from reader.places(CLAIMING_REPOSITORIES, *key)


def _next_in_upkeep(reader: Reader, _repository: JsonObject) -> Iterator[Place]:
    """One that ends lets the one begin that has been due for longest."""
    first = min(reader.values(WAITING_FOR_UPKEEP), default=None)
    if first is not None:
        yield first.namespace, first.name


def _waits(restore: JsonObject) -> object:
    """That it has not ended, and why it has not begun."""
    if phase_of(restore) in phases.FINAL:
        return None
    return existence(restore), mapping_of(restore, "status").get("conditions")


def _in_upkeep_meanwhile(reader: Reader, session: JsonObject) -> Iterator[Place]:
    """A Repository that is being pruned or checked gives way to a backup."""
    for key in dict.fromkeys(session_uses(session)):
        yield from reader.places(CLAIMING_REPOSITORIES, *key)


def _is_due(session: JsonObject) -> object:
    """That a backup waits for its turn."""
    if phase_of(session) in phases.FINAL:
        return None
    known = list_of(mapping_of(session, "status"), "conditions")
    return next(
        (
            item.get("reason")
            for item in known
            if item.get("type") == ConditionType.BACKUP_EXECUTOR_ENSURED
        ),
        None,
    )


def _uses(_reader: Reader, repository: Repository) -> Iterator[IndexKey]:
    namespace, app = repository.metadata.namespace or "", repository.spec.app_ref
    yield repository_key(namespace, repository.metadata.name)
    if app is not None:
        yield volume_key(namespace, app.name)


def _of_namespace(reader: Reader, namespace: JsonObject) -> Iterator[Place]:
    """Its labels say which storages may be used from it."""
    yield from keys_of(reader.items(Repository, name_of(namespace)))


def _of_pod(_reader: Reader, pod: JsonObject) -> Iterator[Place]:
    repository = labels_of(pod).get(REPOSITORY_LABEL)
    if repository is not None and not has_ended(pod):
        yield namespace_of(pod), repository


def _is_going(pod: JsonObject) -> object:
    """That it is being deleted and has not ended; that it is gone always matters."""
    return None if has_ended(pod) else metadata_of(pod).get("deletionTimestamp")


def _of_upkeep(_reader: Reader, pod: JsonObject) -> Iterator[Place]:
    repository = labels_of(pod).get(REPOSITORY_LABEL)
    verb = mapping_of(metadata_of(pod), "annotations").get(VERB_ANNOTATION)
    if repository is not None and verb == Verb.UPKEEP:
        yield namespace_of(pod), repository


def _has_ended(pod: JsonObject) -> object:
    """That a restore has its turn: the Job, which would say whose the pod is, was deleted."""
    return has_ended(pod) or None


KIND = Kind(
    Repository,
    observe,
    decide,
    permissions=(
        writes_status(REPOSITORIES),
        blocks_deletion(REPOSITORIES),
        Permission(JOBS, (*CREATE, "delete")),
        Permission(SNAPSHOTS, CREATE),
    ),
    watches=(
        *owned_jobs(Repository),
        Watch(Snapshot, _of_snapshot, _summed_up),
        Watch(BackupSession, _of_session, _retention_outcomes, _has_pending_retention),
        Watch(BackupStorage, _in_storage, lambda storage: (spec(storage), phase_of(storage))),
        Watch(BackupConfiguration, _of_configuration, spec),
        Watch(RetentionPolicy, _of_policy, spec),
        Watch(Namespace, _of_namespace, lambda obj: metadata_of(obj).get("labels") or {}),
        Watch(RestoreSession, _of_restore, _writes),
        Watch(Pod, _of_pod, _is_going),
        Watch(Pod, _of_upkeep, _has_ended),
        Watch(RestoreSession, _in_upkeep, _waits),
        Watch(BackupSession, _in_upkeep_meanwhile, _is_due),
        Watch(Repository, _next_in_upkeep, is_in_upkeep),
        *turns(UNSETTLED_REPOSITORIES),
        pod_templates(REPOSITORIES_BY_TEMPLATE),
        cluster_identity(Repository),
    ),
    uses=_uses,
    malformed_phase="NotReady",
    waiting_phase="NotReady",
)
