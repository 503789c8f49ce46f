"""Which reconciled objects must be looked at again when some object changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from stashgen.api.base import (
    JsonObject,
    labels_of,
    list_of,
    mapping_of,
    metadata_of,
    name_of,
    namespace_of,
)
from stashgen.api.labels import JOB_NAME_LABEL, NONCE_LABEL
from stashgen.api.resources import (
    ADDONS,
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    CRON_JOBS,
    FUNCTIONS,
    JOBS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_TEMPLATES,
    PODS,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    RETENTION_POLICIES,
    SERVICE_ACCOUNTS,
    SNAPSHOTS,
    Resource,
)
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.kind import Reader

RECONCILED = (
    BACKUP_STORAGES,
    REPOSITORIES,
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    SNAPSHOTS,
    RESTORE_SESSIONS,
    RESTORE_REQUESTS,
)
_OWNERS = {resource.kind: resource for resource in RECONCILED}
_CLUSTER_NAMESPACE = "kube-system"
# Half of what a CronJob's name may have (``stashgen.kubestash.names``).
_CRON_JOB_HEAD = 26
_FINISHED = frozenset({"Succeeded", "Failed", "Skipped", "Invalid", "Expired"})


def dependants(reader: Reader, resource: Resource, obj: JsonObject) -> Iterator[Key]:
    """The keys to look at after a change of ``obj``, itself included where it is reconciled."""
    if resource in RECONCILED:
        yield _key(resource, obj)
    find = _FINDERS.get(resource)
    if find is not None:
        yield from find(reader, obj)


def _key(resource: Resource, obj: JsonObject) -> Key:
    return Key(resource, namespace_of(obj), name_of(obj))


def _of_job(reader: Reader, job: JsonObject) -> Iterator[Key]:
    for owner in cast("list[Mapping[str, str]]", metadata_of(job).get("ownerReferences") or []):
        resource = _OWNERS.get(owner["kind"])
        if resource is not None:
            yield Key(resource, namespace_of(job), owner["name"])
    # A backup's Job has its Snapshot's name.
    if reader.get(SNAPSHOTS, namespace_of(job), name_of(job)) is not None:
        yield Key(SNAPSHOTS, namespace_of(job), name_of(job))


def _of_pod(reader: Reader, pod: JsonObject) -> Iterator[Key]:
    job = reader.get(JOBS, namespace_of(pod), labels_of(pod).get(JOB_NAME_LABEL, ""))
    if job is not None:
        yield from _of_job(reader, job)


def _of_snapshot(reader: Reader, snapshot: JsonObject) -> Iterator[Key]:
    spec = cast("Mapping[str, str]", snapshot.get("spec") or {})
    namespace = namespace_of(snapshot)
    yield Key(BACKUP_SESSIONS, namespace, spec.get("backupSession", ""))
    yield Key(REPOSITORIES, namespace, spec.get("repository", ""))
    yield from _waiting(reader, RESTORE_SESSIONS, namespace)
    yield from _waiting(reader, RESTORE_REQUESTS, namespace)


def _of_backup_session(reader: Reader, session: JsonObject) -> Iterator[Key]:
    namespace = namespace_of(session)
    invoker = mapping_of(mapping_of(session, "spec"), "invoker")
    yield Key(BACKUP_CONFIGURATIONS, namespace, str(invoker.get("name", "")))
    status = mapping_of(session, "status")
    # A Snapshot whose session ended or went without a Job for it has failed.
    for item in list_of(status, "snapshots"):
        yield Key(SNAPSHOTS, namespace, str(item.get("name", "")))
    for item in list_of(status, "retentionPolicy"):
        yield Key(REPOSITORIES, namespace, str(item.get("repository", "")))
    if _is_finished(session):
        yield from _waiting(reader, RESTORE_SESSIONS, namespace)


def _of_restore_session(reader: Reader, restore: JsonObject) -> Iterator[Key]:
    """A finished restore makes us the writer, and lets the next one begin."""
    nonce = labels_of(restore).get(NONCE_LABEL)
    for request in reader.items(RESTORE_REQUESTS, namespace_of(restore)) if nonce else ():
        if mapping_of(request, "spec").get("nonce") == nonce:
            yield _key(RESTORE_REQUESTS, request)
    if not _is_finished(restore):
        return
    namespace = namespace_of(restore)
    target = mapping_of(mapping_of(restore, "spec"), "target").get("name")
    for repository in reader.items(REPOSITORIES, namespace):
        if mapping_of(mapping_of(repository, "spec"), "appRef").get("name") == target:
            yield _key(REPOSITORIES, repository)
    yield from _waiting(reader, RESTORE_SESSIONS, namespace)


def _of_restore_request(reader: Reader, request: JsonObject) -> Iterator[Key]:
    """A restore does not start while its request is gone."""
    yield from _waiting(reader, RESTORE_SESSIONS, namespace_of(request))


def _of_storage(reader: Reader, storage: JsonObject) -> Iterator[Key]:
    wanted = (name_of(storage), namespace_of(storage))
    for repository in reader.items(REPOSITORIES):
        if _reference(mapping_of(repository, "spec"), "storageRef", repository) == wanted:
            yield _key(REPOSITORIES, repository)
    for configuration in reader.items(BACKUP_CONFIGURATIONS):
        backends = list_of(mapping_of(configuration, "spec"), "backends")
        # Without a backend the configuration takes a default, which may be this one.
        if not backends or any(
            _reference(backend, "storageRef", configuration) == wanted for backend in backends
        ):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_repository(reader: Reader, repository: JsonObject) -> Iterator[Key]:
    name, namespace = _reference(mapping_of(repository, "spec"), "storageRef", repository)
    yield Key(BACKUP_STORAGES, namespace, name)
    yield from _configurations_of(reader, repository)
    yield from _waiting(reader, RESTORE_REQUESTS, namespace_of(repository))


def _configurations_of(reader: Reader, repository: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, namespace_of(repository)):
        if name_of(repository) in _repository_names(configuration):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_configuration(_reader: Reader, configuration: JsonObject) -> Iterator[Key]:
    for name in dict.fromkeys(_repository_names(configuration)):
        yield Key(REPOSITORIES, namespace_of(configuration), name)


def _of_policy(reader: Reader, policy: JsonObject) -> Iterator[Key]:
    """The policy stands in a maintenance pod's arguments, and a backend is Ready with it only."""
    for key in _all_configurations(reader, policy):
        yield key
        configuration = reader.get(BACKUP_CONFIGURATIONS, key.namespace, key.name)
        if configuration is not None:
            yield from _of_configuration(reader, configuration)


def _all_configurations(reader: Reader, _obj: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS):
        yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_account(reader: Reader, account: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, namespace_of(account)):
        yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_namespace(reader: Reader, namespace: JsonObject) -> Iterator[Key]:
    """Its labels say what may be used from it; kube-system's UID names the cluster."""
    if name_of(namespace) == _CLUSTER_NAMESPACE:
        for resource in RECONCILED:
            for obj in reader.items(resource):
                if not _is_finished(obj):
                    yield _key(resource, obj)
        return
    for configuration in reader.items(BACKUP_CONFIGURATIONS, name_of(namespace)):
        yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_cron_job(reader: Reader, cron_job: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, namespace_of(cron_job)):
        # Long names are cut in the middle, so their beginning is what can be compared.
        if name_of(cron_job).startswith(f"trigger-{name_of(configuration)}"[:_CRON_JOB_HEAD]):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_pod_template(reader: Reader, template: JsonObject) -> Iterator[Key]:
    for resource in (BACKUP_STORAGES, REPOSITORIES):
        for obj in reader.items(resource, namespace_of(template)):
            annotations = cast("Mapping[str, str]", metadata_of(obj).get("annotations") or {})
            if name_of(template) in annotations.values():
                yield _key(resource, obj)
                if resource is REPOSITORIES:
                    yield from _configurations_of(reader, obj)
    yield from _waiting(reader, BACKUP_SESSIONS, namespace_of(template))
    yield from _waiting(reader, RESTORE_SESSIONS, namespace_of(template))


def _of_claim(reader: Reader, claim: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, namespace_of(claim)):
        if mapping_of(mapping_of(configuration, "spec"), "target").get("name") == name_of(claim):
            yield _key(BACKUP_CONFIGURATIONS, configuration)
    yield from _waiting(reader, RESTORE_SESSIONS, namespace_of(claim))


_FINDERS: Mapping[Resource, Callable[[Reader, JsonObject], Iterable[Key]]] = {
    JOBS: _of_job,
    PODS: _of_pod,
    SNAPSHOTS: _of_snapshot,
    BACKUP_SESSIONS: _of_backup_session,
    BACKUP_STORAGES: _of_storage,
    REPOSITORIES: _of_repository,
    BACKUP_CONFIGURATIONS: _of_configuration,
    RETENTION_POLICIES: _of_policy,
    RESTORE_SESSIONS: _of_restore_session,
    RESTORE_REQUESTS: _of_restore_request,
    SERVICE_ACCOUNTS: _of_account,
    NAMESPACES: _of_namespace,
    ADDONS: _all_configurations,
    FUNCTIONS: _all_configurations,
    CRON_JOBS: _of_cron_job,
    POD_TEMPLATES: _of_pod_template,
    PERSISTENT_VOLUME_CLAIMS: _of_claim,
}


def _waiting(reader: Reader, resource: Resource, namespace: str) -> Iterator[Key]:
    """The sessions of a namespace that may go on: unfinished, or with retention still to come."""
    for obj in reader.items(resource, namespace):
        applied = list_of(mapping_of(obj, "status"), "retentionPolicy")
        if not _is_finished(obj) or any(item.get("phase") == "Pending" for item in applied):
            yield _key(resource, obj)


def _is_finished(obj: JsonObject) -> bool:
    return mapping_of(obj, "status").get("phase") in _FINISHED


def _repository_names(configuration: JsonObject) -> Iterator[str]:
    for session in list_of(mapping_of(configuration, "spec"), "sessions"):
        for repository in list_of(session, "repositories"):
            yield str(repository.get("name", ""))


def _reference(holder: JsonObject, field: str, referrer: JsonObject) -> tuple[str, str]:
    reference = cast("Mapping[str, str]", holder.get(field) or {})
    return reference.get("name", ""), reference.get("namespace") or namespace_of(referrer)
