"""What has to be looked at again when something changed: nothing that may go on is forgotten."""

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.kinds import KINDS
from stashgen_controller.runtime.change import ADDED, DELETED, Change
from stashgen_controller.runtime.decision import Key
from stashgen_controller.runtime.handler import keys_of
from stashgen_controller.runtime.kind import Reader
from tests.support import manifests
from tests.support.world import World, job, pod, stored

STORAGE = stored(manifests.storage("demo"), "storage-1")
POLICY = stored(manifests.retention("demo"), "policy-1")
CLAIM = stored(manifests.claim("demo", "library"), "claim-1")
CONFIGURATION = stored(manifests.configuration("demo"), "configuration-1")
REPOSITORY: JsonObject = {
    "kind": "Repository",
    "metadata": {
        "name": "repo-local",
        "namespace": "demo",
        "annotations": {"stashgen.dev/pod-template.backup": "backup-repo-local"},
    },
    "spec": {
        "storageRef": {"name": "local"},
        "appRef": {"kind": "PersistentVolumeClaim", "name": "library"},
    },
}
SESSION: JsonObject = {
    "kind": "BackupSession",
    "metadata": {"name": "session", "namespace": "demo"},
    "spec": {"invoker": {"name": "library-backup"}, "session": "backup"},
    "status": {
        "phase": "Running",
        "snapshots": [{"name": "snapshot", "repository": "repo-local"}],
        "retentionPolicy": [{"repository": "repo-local", "phase": "Pending"}],
    },
}
PUSHED: JsonObject = {"type": "MetricsPushed", "status": "True"}
ENDED: JsonObject = {
    **SESSION,
    "status": {
        "phase": "Succeeded",
        "snapshots": [{"name": "snapshot", "repository": "repo-local", "phase": "Succeeded"}],
        "retentionPolicy": [{"repository": "repo-local", "phase": "Applied"}],
        "conditions": [PUSHED],
    },
}
BACKING_UP: JsonObject = {
    **SESSION,
    "status": {
        "phase": "Running",
        "snapshots": [
            {
                "name": "snapshot",
                "repository": "repo-local",
                "phase": "Running",
                "appRef": {"name": "library"},
            }
        ],
    },
}
SNAPSHOT: JsonObject = {
    "kind": "Snapshot",
    "metadata": {"name": "snapshot", "namespace": "demo"},
    "spec": {"backupSession": "session", "repository": "repo-local"},
}
GOOD: JsonObject = {**SNAPSHOT, "status": {"phase": "Succeeded", "conditions": [PUSHED]}}
RESTORE = stored(manifests.restore("demo", "back"), "restore-1")
DONE: JsonObject = {**RESTORE, "status": {"phase": "Succeeded"}}
WORLD = World([STORAGE, POLICY, CLAIM, CONFIGURATION, REPOSITORY, SESSION, SNAPSHOT, RESTORE])


def dependants(reader: Reader, resource: Resource, obj: JsonObject) -> list[Key]:
    """What is looked at when an object is new."""
    return list(keys_of(KINDS, reader, resource, Change(ADDED, obj, dict)))


def named(kind: str, name: str) -> JsonObject:
    return {"kind": kind, "metadata": {"name": name, "namespace": "demo"}}


@pytest.mark.parametrize(
    ("resource", "obj", "expected"),
    [
        (known.BACKUP_STORAGES, STORAGE, {"local", "repo-local", "library-backup"}),
        (known.REPOSITORIES, REPOSITORY, {"repo-local", "local", "library-backup", "back"}),
        (known.BACKUP_CONFIGURATIONS, CONFIGURATION, {"library-backup", "repo-local"}),
        (known.RETENTION_POLICIES, POLICY, {"library-backup", "repo-local"}),
        (known.BACKUP_SESSIONS, SESSION, {"session"}),
        (known.BACKUP_SESSIONS, ENDED, {"snapshot", "repo-local"}),
        (known.BACKUP_SESSIONS, BACKING_UP, {"session", "repo-local", "back"}),
        (known.SNAPSHOTS, SNAPSHOT, {"snapshot", "session"}),
        (known.SNAPSHOTS, GOOD, {"session", "repo-local", "back"}),
        (known.RESTORE_SESSIONS, RESTORE, {"back"}),
        (known.RESTORE_SESSIONS, DONE, {"back", "repo-local"}),
        (known.PERSISTENT_VOLUME_CLAIMS, CLAIM, {"library-backup", "back"}),
        (known.CRON_JOBS, named("CronJob", "trigger-library-backup-backup"), {"library-backup"}),
        (known.CRON_JOBS, named("CronJob", "trigger-other"), set()),
        (
            known.POD_TEMPLATES,
            named("PodTemplate", "backup-repo-local"),
            {"repo-local", "library-backup", "session", "back"},
        ),
        (known.SERVICE_ACCOUNTS, named("ServiceAccount", "stashgen-worker"), {"library-backup"}),
        (known.NAMESPACES, manifests.namespace("demo"), {"library-backup", "repo-local"}),
        (known.ADDONS, named("Addon", "pvc-addon"), {"library-backup"}),
        (known.FUNCTIONS, named("Function", "pvc-backup"), {"library-backup"}),
        (known.JOBS, job("snapshot"), {"snapshot"}),
    ],
    ids=lambda value: value.kind if isinstance(value, Resource) else None,
)
def test_a_change_reaches_what_depends_on_it(
    resource: Resource, obj: JsonObject, expected: set[str]
) -> None:
    assert {key.name for key in dependants(WORLD, resource, obj)} == expected


@pytest.mark.parametrize(
    ("session", "expected"),
    [(SESSION, {"snapshot", "repo-local"}), (BACKING_UP, {"snapshot"}), (ENDED, set())],
    ids=["retention goes on", "backup goes on", "over"],
)
def test_a_deleted_session_is_missed_by_what_waits_for_its_end(
    session: JsonObject, expected: set[str]
) -> None:
    initialized: JsonObject = {"type": "RepositoryInitialized", "status": "True"}
    settled: JsonObject = {**REPOSITORY, "status": {"conditions": [initialized]}}
    world = World([settled, session, SNAPSHOT])
    change = Change(DELETED, session, dict)
    kinds = [kind for kind in KINDS if kind.resource in {known.SNAPSHOTS, known.REPOSITORIES}]
    keys = keys_of(kinds, world, known.BACKUP_SESSIONS, change)
    assert {key.name for key in keys} == expected


def test_a_pod_reaches_what_its_job_belongs_to() -> None:
    found = job("snapshot")
    world = World([*WORLD.objects, found])
    keys = {key.name for key in dependants(world, known.PODS, pod(found, {}))}
    assert keys == {"snapshot"}


def test_a_configuration_without_backends_hears_of_every_storage() -> None:
    bare = manifests.configuration("demo", name="bare")
    spec = bare["spec"]
    assert isinstance(spec, dict)
    del spec["backends"]
    other = manifests.storage("elsewhere", "other")
    keys = dependants(World([bare]), known.BACKUP_STORAGES, other)
    assert "bare" in {key.name for key in keys}
