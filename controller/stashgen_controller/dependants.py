"""Which reconciled objects must be looked at again when some object changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from stashgen.api.base import JsonObject
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
from stashgen_controller.decision import Key
from stashgen_controller.reconciler import Reader
from stashgen_controller.session_plan import NONCE_LABEL

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
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
    return Key(resource, _namespace(obj), _name(obj))


def _of_job(reader: Reader, job: JsonObject) -> Iterator[Key]:
    for owner in cast("list[Mapping[str, str]]", _metadata(job).get("ownerReferences") or []):
        resource = _OWNERS.get(owner["kind"])
        if resource is not None:
            yield Key(resource, _namespace(job), owner["name"])
    # A backup's Job has its Snapshot's name.
    if reader.get(SNAPSHOTS, _namespace(job), _name(job)) is not None:
        yield Key(SNAPSHOTS, _namespace(job), _name(job))


def _of_pod(reader: Reader, pod: JsonObject) -> Iterator[Key]:
    job = reader.get(JOBS, _namespace(pod), _labels(pod).get(JOB_NAME_LABEL, ""))
    if job is not None:
        yield from _of_job(reader, job)


def _of_snapshot(reader: Reader, snapshot: JsonObject) -> Iterator[Key]:
    spec = cast("Mapping[str, str]", snapshot.get("spec") or {})
    namespace = _namespace(snapshot)
    yield Key(BACKUP_SESSIONS, namespace, spec.get("backupSession", ""))
    yield Key(REPOSITORIES, namespace, spec.get("repository", ""))
    yield from _waiting(reader, RESTORE_SESSIONS, namespace)
    yield from _waiting(reader, RESTORE_REQUESTS, namespace)


def _of_backup_session(reader: Reader, session: JsonObject) -> Iterator[Key]:
    namespace = _namespace(session)
    invoker = _mapping(_mapping(session, "spec"), "invoker")
    yield Key(BACKUP_CONFIGURATIONS, namespace, str(invoker.get("name", "")))
    status = _mapping(session, "status")
    # A Snapshot whose session ended or went without a Job for it has failed.
    for item in _list(status, "snapshots"):
        yield Key(SNAPSHOTS, namespace, str(item.get("name", "")))
    for item in _list(status, "retentionPolicy"):
        yield Key(REPOSITORIES, namespace, str(item.get("repository", "")))
    if _is_finished(session):
        yield from _waiting(reader, RESTORE_SESSIONS, namespace)


def _of_restore_session(reader: Reader, restore: JsonObject) -> Iterator[Key]:
    """A finished restore makes us the writer, and lets the next one begin."""
    nonce = _labels(restore).get(NONCE_LABEL)
    for request in reader.items(RESTORE_REQUESTS, _namespace(restore)) if nonce else ():
        if _mapping(request, "spec").get("nonce") == nonce:
            yield _key(RESTORE_REQUESTS, request)
    if not _is_finished(restore):
        return
    namespace = _namespace(restore)
    target = _mapping(_mapping(restore, "spec"), "target").get("name")
    for repository in reader.items(REPOSITORIES, namespace):
        if _mapping(_mapping(repository, "spec"), "appRef").get("name") == target:
            yield _key(REPOSITORIES, repository)
    yield from _waiting(reader, RESTORE_SESSIONS, namespace)


def _of_restore_request(reader: Reader, request: JsonObject) -> Iterator[Key]:
    """A restore does not start while its request is gone."""
    yield from _waiting(reader, RESTORE_SESSIONS, _namespace(request))


def _of_storage(reader: Reader, storage: JsonObject) -> Iterator[Key]:
    wanted = (_name(storage), _namespace(storage))
    for repository in reader.items(REPOSITORIES):
        if _reference(_mapping(repository, "spec"), "storageRef", repository) == wanted:
            yield _key(REPOSITORIES, repository)
    for configuration in reader.items(BACKUP_CONFIGURATIONS):
        backends = _list(_mapping(configuration, "spec"), "backends")
        # Without a backend the configuration takes a default, which may be this one.
        if not backends or any(
            _reference(backend, "storageRef", configuration) == wanted for backend in backends
        ):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_repository(reader: Reader, repository: JsonObject) -> Iterator[Key]:
    name, namespace = _reference(_mapping(repository, "spec"), "storageRef", repository)
    yield Key(BACKUP_STORAGES, namespace, name)
    yield from _configurations_of(reader, repository)
    yield from _waiting(reader, RESTORE_REQUESTS, _namespace(repository))


def _configurations_of(reader: Reader, repository: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, _namespace(repository)):
        if _name(repository) in _repository_names(configuration):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_configuration(_reader: Reader, configuration: JsonObject) -> Iterator[Key]:
    for name in dict.fromkeys(_repository_names(configuration)):
        yield Key(REPOSITORIES, _namespace(configuration), name)


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
    for configuration in reader.items(BACKUP_CONFIGURATIONS, _namespace(account)):
        yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_namespace(reader: Reader, namespace: JsonObject) -> Iterator[Key]:
    """Its labels say what may be used from it; kube-system's UID names the cluster."""
    if _name(namespace) == _CLUSTER_NAMESPACE:
        for resource in RECONCILED:
            for obj in reader.items(resource):
                if not _is_finished(obj):
                    yield _key(resource, obj)
        return
    for configuration in reader.items(BACKUP_CONFIGURATIONS, _name(namespace)):
        yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_cron_job(reader: Reader, cron_job: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, _namespace(cron_job)):
        # Long names are cut in the middle, so their beginning is what can be compared.
        if _name(cron_job).startswith(f"trigger-{_name(configuration)}"[:_CRON_JOB_HEAD]):
            yield _key(BACKUP_CONFIGURATIONS, configuration)


def _of_pod_template(reader: Reader, template: JsonObject) -> Iterator[Key]:
    for resource in (BACKUP_STORAGES, REPOSITORIES):
        for obj in reader.items(resource, _namespace(template)):
            annotations = cast("Mapping[str, str]", _metadata(obj).get("annotations") or {})
            if _name(template) in annotations.values():
                yield _key(resource, obj)
                if resource is REPOSITORIES:
                    yield from _configurations_of(reader, obj)
    yield from _waiting(reader, BACKUP_SESSIONS, _namespace(template))
    yield from _waiting(reader, RESTORE_SESSIONS, _namespace(template))


def _of_claim(reader: Reader, claim: JsonObject) -> Iterator[Key]:
    for configuration in reader.items(BACKUP_CONFIGURATIONS, _namespace(claim)):
        if _mapping(_mapping(configuration, "spec"), "target").get("name") == _name(claim):
            yield _key(BACKUP_CONFIGURATIONS, configuration)
    yield from _waiting(reader, RESTORE_SESSIONS, _namespace(claim))


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
        applied = _list(_mapping(obj, "status"), "retentionPolicy")
        if not _is_finished(obj) or any(item.get("phase") == "Pending" for item in applied):
            yield _key(resource, obj)


def _is_finished(obj: JsonObject) -> bool:
    return _mapping(obj, "status").get("phase") in _FINISHED


def _repository_names(configuration: JsonObject) -> Iterator[str]:
    for session in _list(_mapping(configuration, "spec"), "sessions"):
        for repository in _list(session, "repositories"):
            yield str(repository.get("name", ""))


def _reference(holder: JsonObject, field: str, referrer: JsonObject) -> tuple[str, str]:
    reference = cast("Mapping[str, str]", holder.get(field) or {})
    return reference.get("name", ""), reference.get("namespace") or _namespace(referrer)


def _mapping(obj: JsonObject, field: str) -> JsonObject:
    return cast("JsonObject", obj.get(field) or {})


def _list(obj: JsonObject, field: str) -> list[JsonObject]:
    return cast("list[JsonObject]", obj.get(field) or [])


def _labels(obj: JsonObject) -> Mapping[str, str]:
    return cast("Mapping[str, str]", _metadata(obj).get("labels") or {})


def _metadata(obj: JsonObject) -> JsonObject:
    return _mapping(obj, "metadata")


def _name(obj: JsonObject) -> str:
    return str(_metadata(obj)["name"])


def _namespace(obj: JsonObject) -> str:
    return str(_metadata(obj).get("namespace") or "")
