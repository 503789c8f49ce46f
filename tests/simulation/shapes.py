"""What a run is about: plain KubeStash manifests, or what the compiler makes of one volume."""

from dataclasses import dataclass

from stashgen.api.base import JsonObject
from tests.support import manifests

NAMESPACE, CLAIM = "demo", "library"


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
        objects=tuple(manifests.one_volume(NAMESPACE)),
        configuration="library",
        sessions=("backup",),
        repositories=("local-k3f9q",),
        policy="keep-last2",
    )


def plain(copies: tuple[str, ...], *more_sessions: str) -> Shape:
    """KubeStash's manifests: a session to every storage, and others to the first one only."""
    limits = {"backupTimeout": "30m", "retryConfig": {"maxRetry": 1, "delay": "1m"}}
    sessions = [manifests.session(NAMESPACE, copies=copies, more=limits)]
    sessions += [
        manifests.session(NAMESPACE, name, copies=copies[:1], more=limits) for name in more_sessions
    ]
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
