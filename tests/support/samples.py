"""Small objects for the tests, and how to look into what comes back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Plain data as it is on the wire: tests look into it without asking for each type.
Json = dict[str, Any]

POD_SPEC: Json = {
    "restartPolicy": "Never",
    "containers": [{"name": "main", "image": "example/image:1", "command": ["true"]}],
}


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: object) -> Json:
    """A ConfigMap."""
    return _object("v1", "ConfigMap", name, metadata, data=dict(data or {"key": "value"}))


def job(name: str, **metadata: object) -> Json:
    """A Job whose pod would end at once."""
    spec = {"backoffLimit": 0, "template": {"spec": POD_SPEC}}
    return _object("batch/v1", "Job", name, metadata, spec=spec)


def cron_job(name: str, **spec: object) -> Json:
    """A CronJob that is due every minute, in UTC."""
    template = {"spec": {"backoffLimit": 0, "template": {"spec": POD_SPEC}}}
    settings = {"schedule": "* * * * *", "timeZone": "Etc/UTC", "jobTemplate": template} | spec
    return _object("batch/v1", "CronJob", name, {}, spec=settings)


def backup_session(name: str, **metadata: object) -> Json:
    """A BackupSession."""
    invoker = {"apiGroup": "core.kubestash.com", "kind": "BackupConfiguration", "name": "library"}
    spec = {"invoker": invoker, "session": "backup"}
    return _object("core.kubestash.com/v1alpha1", "BackupSession", name, metadata, spec=spec)


def repository(name: str, **metadata: object) -> Json:
    """A Repository."""
    spec = {
        "appRef": {"kind": "PersistentVolumeClaim", "name": "library", "namespace": "demo"},
        "storageRef": {"name": "local", "namespace": "demo"},
        "path": "demo/library",
        "encryptionSecret": {"name": "restic-key", "namespace": "demo"},
        "deletionPolicy": "Delete",
        "paused": False,
    }
    return _object("storage.kubestash.com/v1alpha1", "Repository", name, metadata, spec=spec)


def backup_configuration(name: str, **metadata: object) -> Json:
    """A paused BackupConfiguration with one session."""
    spec = {
        "target": {"kind": "PersistentVolumeClaim", "name": "library", "namespace": "demo"},
        "paused": True,
        "sessions": [
            {
                "name": "backup",
                "sessionHistoryLimit": 1,
                "scheduler": {"schedule": "17 * * * *", "jobTemplate": {"backoffLimit": 1}},
                "repositories": [{"name": "local", "directory": "demo/library"}],
                "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]},
            }
        ],
    }
    version = "core.kubestash.com/v1alpha1"
    return _object(version, "BackupConfiguration", name, metadata, spec=spec)


def owner(obj: Json, **extra: object) -> Json:
    """A reference to an object as owner."""
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    reference: dict[str, object] = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return _json(reference | extra)


def _object(
    version: str, kind: str, name: str, metadata: Mapping[str, object], **parts: object
) -> Json:
    named = {**({"name": name} if name else {}), **metadata}
    return _json({"apiVersion": version, "kind": kind, "metadata": named, **parts})


def _json(value: Mapping[str, object]) -> Json:
    """A copy as plain JSON data, so that no test changes what another uses."""
    copied: Json = json.loads(json.dumps(value))
    return copied


def at(value: Any, *steps: str | int) -> Any:
    """What is at a path; None where the path ends early."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def names(items: Sequence[Json]) -> list[str]:
    """The names of listed objects."""
    return [str(at(item, "metadata", "name")) for item in items]
