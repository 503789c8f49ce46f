"""A large namespace as the controller's caches would have it: compiled, backed up for days.

One volume's next session is under way: its Job runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from stashgen.api import resources as known
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.base import JsonObject, format_time
from stashgen.api.repository import Repository
from stashgen.api.resources import Resource
from stashgen.kubestash import layout, names
from stashgen.kubestash.sessions import backup_session_manifest, snapshot_manifest
from tests.bench.controller_load.played_cluster import ended_job, ended_pod, pod_of
from tests.bench.controller_load.raw_api import Json
from tests.bench.controller_load.volumes import Shape, compile_namespace

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_INTERVAL = timedelta(hours=4)
_LONG_AGO = NOW - timedelta(days=30)
_KEPT_SESSIONS = 3


class World:
    """The objects of all kinds."""

    def __init__(self) -> None:
        self._objects: dict[Resource, dict[tuple[str, str], JsonObject]] = {}

    def add(self, resource: Resource, obj: Json, created: datetime = NOW) -> Json:
        """Store an object as a server would hand it out."""
        metadata = obj["metadata"]
        key = (str(metadata.get("namespace") or ""), str(metadata["name"]))
        given = {
            "uid": f"{resource.plural}-{key[1]}",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": format_time(created),
        }
        stored: Json = {**obj, "metadata": given | metadata}
        self._objects.setdefault(resource, {})[key] = stored
        return stored

    def remove(self, resource: Resource, obj: Json) -> None:
        """Forget an object."""
        del self._objects[resource][obj["metadata"]["namespace"], obj["metadata"]["name"]]

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        return self._objects.get(resource, {}).get((namespace or "", name))

    def items(self, resource: Resource) -> list[JsonObject]:
        """The objects of a kind."""
        return list(self._objects.get(resource, {}).values())

    @property
    def objects(self) -> Iterator[tuple[Resource, JsonObject]]:
        """All of them, with their kinds."""
        for resource, found in self._objects.items():
            for obj in found.values():
                yield resource, obj


def build_world(configurations: int, snapshots_each: int) -> tuple[World, dict[Resource, Json]]:
    """The namespace, and of each kind an object of the volume that is being backed up."""
    world = World()
    world.add(known.NAMESPACES, {"metadata": {"name": "kube-system"}})
    shape = Shape(configurations, configurations, snapshots_each, _KEPT_SESSIONS)
    for resource, obj in compile_namespace(shape, configurations):
        ready = _ready(resource)
        world.add(resource, {**obj, "status": ready} if ready else obj, _LONG_AGO)
    first = world.items(known.BACKUP_CONFIGURATIONS)[0]
    for obj in world.items(known.BACKUP_CONFIGURATIONS):
        for age in range(snapshots_each, 0, -1):
            _add_backup(world, obj, age)
    subjects = _add_backup(world, first, 0)
    storage = world.items(known.BACKUP_STORAGES)[0]
    return world, subjects | {known.BACKUP_CONFIGURATIONS: first, known.BACKUP_STORAGES: storage}


def _ready(resource: Resource) -> Json | None:
    if resource == known.BACKUP_STORAGES:
        return {"phase": "Ready", "conditions": [_true("BackendInitialized")]}
    if resource == known.BACKUP_CONFIGURATIONS:
        return {"phase": "Ready", "targetFound": True, "conditions": [_true("ValidationPassed")]}
    if resource == known.PERSISTENT_VOLUME_CLAIMS:
        return {"phase": "Bound"}
    if resource == known.REPOSITORIES:
        return {
            "phase": "Ready",
            "componentPaths": [layout.component_path("backup", "dump")],
            "conditions": [_true("RepositoryInitialized")],
        }
    return None


def _true(type_: str) -> Json:
    return {
        "type": type_,
        "status": "True",
        "reason": type_,
        "lastTransitionTime": format_time(NOW),
        "observedGeneration": 1,
    }


def _add_backup(world: World, obj: JsonObject, age: int) -> dict[Resource, Json]:
    """A session of a configuration, so many ticks ago; the one of now is under way."""
    configuration = BackupConfiguration.from_wire(obj)
    created = NOW - age * _INTERVAL
    session = configuration.spec.sessions[0]
    name = next(iter(session.repositories or ())).name or ""
    stored: Json = world.get(known.REPOSITORIES, configuration.metadata.namespace, name) or {}
    repository = Repository.from_wire(stored)
    manifest: Json = backup_session_manifest(configuration, session, int(created.timestamp()))
    backup_session = world.add(known.BACKUP_SESSIONS, manifest, created)
    snapshot = snapshot_manifest(BackupSession.from_wire(backup_session), repository)
    stored_snapshot = world.add(known.SNAPSHOTS, snapshot, created)
    stored_snapshot["status"] = _snapshot_status(stored_snapshot, age)
    backup_session["status"] = _session_status(backup_session, stored_snapshot, age)
    if age > _KEPT_SESSIONS:
        world.remove(known.BACKUP_SESSIONS, backup_session)
    else:
        _add_job(world, stored, backup_session, stored_snapshot["metadata"]["name"], age)
        if age:
            _add_job(world, stored, backup_session, _retain_job(backup_session), age)
    return {
        known.BACKUP_SESSIONS: backup_session,
        known.SNAPSHOTS: stored_snapshot,
        known.REPOSITORIES: stored,
    }


def _retain_job(backup_session: Json) -> str:
    return names.retain_job_name(backup_session["metadata"]["name"], 0)


def _snapshot_status(snapshot: Json, age: int) -> Json:
    metadata = snapshot["metadata"]
    component: Json = {
        "path": layout.component_path("backup", "dump"),
        "phase": "Succeeded" if age else "Running",
        "driver": "Restic",
    }
    status: Json = {
        "phase": component["phase"],
        "totalComponents": 1,
        "snapshotTime": metadata["creationTimestamp"],
        "components": {"dump": component},
        "executor": _executor(metadata["name"]),
    }
    if age:
        component |= {"size": "1.500 GiB", "duration": "1s", "integrity": True}
        status |= {
            "lastUpdateTime": metadata["creationTimestamp"],
            "size": "1.500 GiB",
            "integrity": True,
            "conditions": [_true("SnapshotMetadataUploaded"), _true("RecentSnapshotListUpdated")],
        }
    return status


def _session_status(backup_session: Json, snapshot: Json, age: int) -> Json:
    repository = snapshot["spec"]["repository"]
    summary = {
        "name": snapshot["metadata"]["name"],
        "phase": snapshot["status"]["phase"],
        "appRef": snapshot["spec"]["appRef"],
        "repository": repository,
    }
    conditions = [_true("SnapshotsEnsured"), _true("BackupExecutorEnsured")]
    status: Json = {
        "phase": snapshot["status"]["phase"],
        "totalSnapshots": 1,
        "snapshots": [summary],
        "conditions": conditions,
    }
    if age:
        conditions += [_true("SessionHistoryCleaned"), _true("MetricsPushed")]
        applied = {"repository": repository, "phase": "Applied"}
        executor = _executor(_retain_job(backup_session))
        status["retentionPolicy"] = [applied | {"executor": executor}]
    return status


def _executor(job: str) -> Json:
    return {
        "job": job,
        "jobUID": f"jobs-{job}",
        "attempt": 1,
        "planDigest": "0123456789abcdef",
        "pod": f"{job}-pod",
    }


def _add_job(world: World, repository: Json, owner: Json, name: str, age: int) -> None:
    """A Job of a session and its pod: done, or running if it is of now."""
    namespace = repository["metadata"]["namespace"]
    verb = "maintain" if name == _retain_job(owner) else "backup"
    annotation = repository["metadata"]["annotations"][f"stashgen.dev/pod-template.{verb}"]
    template: Json = world.get(known.POD_TEMPLATES, namespace, annotation) or {}
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    pod_template = {"annotations": {}, **template["template"]["metadata"]}
    job = world.add(
        known.JOBS,
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [reference]},
            "spec": {
                "template": {"metadata": pod_template, "spec": template["template"]["spec"]},
                "activeDeadlineSeconds": 3600,
            },
        },
    )
    pod = world.add(known.PODS, pod_of(job) | {"status": {"phase": "Running"}})
    if age:
        begin = format_time(NOW - age * _INTERVAL)
        job["status"], pod["status"] = ended_job(begin), ended_pod(pod, begin, "")
