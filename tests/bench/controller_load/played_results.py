"""What a worker would report, on the wire: its result document and its patches of statuses."""

import hashlib
import time
from collections import defaultdict
from datetime import UTC, datetime
from threading import Lock
from typing import cast

from stashgen.api.base import format_time
from stashgen.kubestash import layout
from tests.bench.controller_load.raw_api import Json

_COMPONENT = "dump"


class Bucket:
    """The Snapshots of each repository, oldest first; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, namespace: str, directory: str, name: str) -> None:
        """A backup was made."""
        with self._lock:
            self._names[namespace, directory].append(name)

    def put_before(self, namespace: str, directory: str, names: list[str]) -> None:
        """What was made before all that is there."""
        with self._lock:
            self._names[namespace, directory][:0] = names

    def trim(self, namespace: str, directory: str, last: int) -> tuple[list[str], int]:
        """Keep the newest ones: what was removed, and how many stay."""
        with self._lock:
            there = self._names[namespace, directory]
            removed = there[:-last]
            del there[:-last]
            return removed, len(there)


def now() -> str:
    """The time, as statuses have it."""
    return format_time(datetime.fromtimestamp(time.time(), UTC))


def result_of(job: Json, plan: Json, bucket: Bucket) -> Json:
    """The document that the worker of a Job leaves as its termination message."""
    time_text = now()
    result: Json = {
        "version": "v1",
        "verb": plan["verb"],
        "phase": "Succeeded",
        "started": time_text,
        "finished": time_text,
    }
    match plan["verb"]:
        case "init-storage":
            return result | {"uploaded": True}
        case "init-repository":
            sessions = argument(job, "sessions").split(",")
            paths = [layout.component_path(session, _COMPONENT) for session in sessions]
            state = {"componentPaths": paths, "snapshotCount": 0, "writerMatches": True}
            return result | {"uploaded": True, "repository": state}
        case "backup":
            name = plan["snapshot"]["metadata"]["name"]
            bucket.add(_namespace(job), argument(job, "directory"), name)
            return result | {"uploaded": True, "components": _components(plan)}
        case "retain":
            last = int(argument(job, "keep-last"))
            removed, kept = bucket.trim(_namespace(job), argument(job, "directory"), last)
            counts = {"remaining": 0, "kept": kept, "missing": 0, "ignored": 0, "orphans": 0}
            return result | {"retention": {"removed": removed} | counts}
        case "upkeep":
            upkeep = {"pruned": plan["prune"], "checked": plan["check"], "sizeBytes": 1 << 30}
            return result | {"upkeep": upkeep}
        case verb:
            raise RuntimeError(f"no worker is played for the verb {verb!r}")


def argument(job: Json, name: str) -> str:
    """The value of one of the worker's flags."""
    args = cast("list[str]", job["spec"]["template"]["spec"]["containers"][0]["args"])
    prefix = f"--{name}="
    return next(arg.removeprefix(prefix) for arg in args if arg.startswith(prefix))


def _components(plan: Json) -> Json:
    snapshot = plan["snapshot"]
    time_text = now()
    summary = {
        "id": hashlib.sha256(snapshot["metadata"]["name"].encode()).hexdigest(),
        "uploaded": "1.000 MiB",
        "hostPath": "/kubestash-data",
        "size": "1.000 GiB",
        "startTime": time_text,
        "endTime": time_text,
    }
    component = {
        "path": layout.component_path(snapshot["spec"]["session"], _COMPONENT),
        "phase": "Succeeded",
        "duration": "1s",
        "driver": "Restic",
        "resticStats": [{"summary": summary}],
    }
    return {_COMPONENT: component}


def _namespace(job: Json) -> str:
    return str(job["metadata"]["namespace"])
