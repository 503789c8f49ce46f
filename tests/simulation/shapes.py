"""What a run is about: plain KubeStash manifests, or what the compiler makes of one volume."""

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import cast

from stashgen.api.base import JsonObject
from tests.support import manifests

NAMESPACE, CLAIM = "demo", "library"
# Nobody backs it up; restores may be into it, in strict mode by its name.
OTHER_CLAIM = "library-restore-try"
# People trigger the sessions: each tick of a schedule would only be written down.
_SCHEDULE = "17 3 * * *"
_HOURLY = re.compile('"schedule": "[^"]+"')


@dataclass(frozen=True, slots=True)
class Shape:
    """The objects of one volume.

    Attributes:
        name: In the trace.
        objects: What people or git apply, besides the namespaces and claims.
        configuration: The BackupConfiguration's name.
        sessions: The names of its sessions.
        repositories: The names of the Repositories.
        policy: The RetentionPolicy's name.
    """

    name: str
    objects: tuple[JsonObject, ...]
    configuration: str
    sessions: tuple[str, ...]
    repositories: tuple[str, ...]
    policy: str


def compiled() -> Shape:
    """One session, one storage, every pod reviewed."""
    return Shape(
        name="compiled",
        objects=tuple(map(_daily, manifests.one_volume(NAMESPACE))),
        configuration="library",
        sessions=("backup",),
        repositories=("local-k3f9q",),
        policy="keep-last2",
    )


def _daily(obj: JsonObject) -> JsonObject:
    """A compiled object, with another schedule."""
    text = json.dumps(obj)
    return cast("JsonObject", json.loads(_HOURLY.sub(f'"schedule": "{_SCHEDULE}"', text)))


def plain(copies: tuple[str, ...], *more_sessions: str) -> Shape:
    """KubeStash's manifests: a session to every storage, and others to the first one only."""
    limits = {"backupTimeout": "30m", "retryConfig": {"maxRetry": 1, "delay": "1m"}}
    session = partial(manifests.session, NAMESPACE, schedule=_SCHEDULE, more=limits)
    sessions = [session(copies=copies)]
    sessions += [session(name, copies=copies[:1]) for name in more_sessions]
    return Shape(
        name=f"plain-{len(copies)}-{len(sessions)}",
        objects=(
            *(manifests.storage(NAMESPACE, name) for name in copies),
            manifests.retention(NAMESPACE),
            manifests.configuration(NAMESPACE, *sessions, copies=copies),
        ),
        configuration="library-backup",
        sessions=("backup", *more_sessions),
        repositories=tuple(f"repo-{name}" for name in copies),
        policy="keep-2",
    )


def shapes() -> tuple[Shape, ...]:
    """Those that runs choose from."""
    return (
        compiled(),
        compiled(),
        plain(("local",), "weekly"),
        plain(("local", "remote"), "weekly"),
    )
