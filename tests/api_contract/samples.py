"""Small objects for the tests, and how to look into what comes back."""

import json
from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject

POD_SPEC: JsonObject = {
    "restartPolicy": "Never",
    "containers": [{"name": "main", "image": "example/image:1", "command": ["true"]}],
}


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: object) -> JsonObject:
    """A ConfigMap."""
    return _object("v1", "ConfigMap", name, metadata, data=dict(data or {"key": "value"}))


def job(name: str, **metadata: object) -> JsonObject:
    """A Job whose pod would end at once."""
    spec = {"backoffLimit": 0, "template": {"spec": POD_SPEC}}
    return _object("batch/v1", "Job", name, metadata, spec=spec)


def cron_job(name: str, **spec: object) -> JsonObject:
    """A CronJob that is due every minute, in UTC."""
    template = {"spec": {"backoffLimit": 0, "template": {"spec": POD_SPEC}}}
    settings = {"schedule": "* * * * *", "timeZone": "Etc/UTC", "jobTemplate": template} | spec
    return _object("batch/v1", "CronJob", name, {}, spec=settings)


def backup_session(name: str, **metadata: object) -> JsonObject:
    """A BackupSession."""
    invoker = {"apiGroup": "core.kubestash.com", "kind": "BackupConfiguration", "name": "library"}
    spec = {"invoker": invoker, "session": "backup"}
    return _object("core.kubestash.com/v1alpha1", "BackupSession", name, metadata, spec=spec)


def repository(name: str, **metadata: object) -> JsonObject:
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


def backup_configuration(name: str, **metadata: object) -> JsonObject:
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


def owner(obj: JsonObject, **extra: object) -> JsonObject:
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
) -> JsonObject:
    named: dict[str, object] = {"name": name} if name else {}
    return _json({"apiVersion": version, "kind": kind, "metadata": named | metadata, **parts})


def _json(value: Mapping[str, object]) -> JsonObject:
    """A copy as plain JSON data, so that no test changes what another uses."""
    return cast("JsonObject", json.loads(json.dumps(value)))


def at(value: JsonValue, *steps: str | int) -> JsonValue:
    """What is at a path; None where the path ends early."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def names(items: JsonValue) -> list[str]:
    """The names of listed objects."""
    assert isinstance(items, list)
    return [str(at(item, "metadata", "name")) for item in items]
