"""Old Snapshots and BackupSessions, as years of backups would leave them.

They are written straight into etcd: an API server would date them all today, and would take
longer for a hundred thousand objects than everything that is measured.
"""

import base64
import re
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import orjson

from stashgen.api.base import format_time, parse_time
from stashgen.api.resources import BACKUP_SESSIONS, REPOSITORIES, SNAPSHOTS, Resource
from tests.bench.controller_load.played_results import Bucket
from tests.bench.controller_load.raw_api import Json, RawApi

_INTERVAL = timedelta(hours=4)
# etcd takes 128 operations in a transaction.
_OPERATIONS = 100
_TICK = re.compile(r"-(\d{10})(?!\d)")
_TIME = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')


def store_history(
    api: RawApi, etcd_url: str, bucket: Bucket, *, snapshots: int, sessions: int
) -> int:
    """Give each volume so many Snapshots and BackupSessions, those that it has included.

    Says how many objects were written.
    """
    made = [
        *_copies(api, SNAPSHOTS, snapshots - 1),
        *_copies(api, BACKUP_SESSIONS, min(snapshots, sessions) - 1),
    ]
    for begin in range(0, len(made), _OPERATIONS):
        _put(etcd_url, made[begin : begin + _OPERATIONS])
    _remember(api, bucket, [obj for resource, obj in made if resource == SNAPSHOTS])
    return len(made)


def finish_upkeep(api: RawApi) -> None:
    """Let each Repository have been checked and pruned just now."""
    now = format_time(datetime.now(UTC))
    done = {"lastCheckTime": now, "lastPruneTime": now, "checks": 1, "executor": None}
    for item in api.items(REPOSITORIES.path())[0]:
        path = REPOSITORIES.path(item["metadata"]["namespace"], item["metadata"]["name"])
        api.patch(f"{path}/status", {"status": {"upkeep": done}})


def _copies(api: RawApi, resource: Resource, count: int) -> Iterator[tuple[Resource, Json]]:
    """Of each object that is there so many older ones, the newest first."""
    items, _ = api.items(resource.path())
    for item in items:
        item |= {"apiVersion": resource.api_version, "kind": resource.kind}
        item["metadata"].pop("managedFields", None)
        item["metadata"].pop("resourceVersion", None)
        text = orjson.dumps(item).decode()
        tick = _TICK.search(item["metadata"]["name"])
        if tick is None:
            msg = f"{item['metadata']['name']} has no tick in its name"
            raise RuntimeError(msg)
        for number in range(1, count + 1):
            yield resource, _older(text, int(tick[1]), _INTERVAL * number)


def _older(text: str, tick: int, by: timedelta) -> Json:
    """The object as if all of it had happened earlier; names of what it belongs to included."""
    seconds = int(by.total_seconds())
    moved = text.replace(str(tick), str(tick - seconds))
    moved = _TIME.sub(lambda found: f'"{format_time(parse_time(found[1]) - by)}"', moved)
    obj: Json = orjson.loads(moved)
    obj["metadata"]["uid"] = str(uuid.uuid4())
    if "snapshotID" in obj["spec"]:
        obj["spec"]["snapshotID"] = uuid.uuid4().hex[:26].upper()
    return obj


def _put(etcd_url: str, objects: Iterable[tuple[Resource, Json]]) -> None:
    """Write objects in one transaction (etcd's gRPC gateway, ``/v3/kv/txn``)."""
    operations = [
        {"requestPut": {"key": _text(_key(resource, obj)), "value": _text(orjson.dumps(obj))}}
        for resource, obj in objects
    ]
    request = urllib.request.Request(
        f"{etcd_url}/v3/kv/txn", data=orjson.dumps({"success": operations}), method="POST"
    )
    with urllib.request.urlopen(request) as response:
        response.read()


def _key(resource: Resource, obj: Json) -> bytes:
    """Where kube-apiserver keeps a custom resource."""
    metadata = obj["metadata"]
    path = f"{resource.group}/{resource.plural}/{metadata['namespace']}/{metadata['name']}"
    return f"/registry/{path}".encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _remember(api: RawApi, bucket: Bucket, snapshots: Iterable[Json]) -> None:
    """Let the workers' bucket have what the cluster has."""
    paths = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"]["path"]
        for item in api.items(REPOSITORIES.path())[0]
    }
    names: dict[tuple[str, str], list[str]] = {}
    for snapshot in snapshots:
        key = (snapshot["metadata"]["namespace"], snapshot["spec"]["repository"])
        names.setdefault(key, []).insert(0, snapshot["metadata"]["name"])
    for (namespace, repository), older in names.items():
        bucket.put_before(namespace, paths[namespace, repository], older)
