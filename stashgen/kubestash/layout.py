"""Where things are in a bucket, relative to the storage's prefix (KubeStash's layout, v1)."""

LAYOUT_VERSION = "v1"
METADATA = "metadata.yaml"
_OURS = ".stashgen"


class UnsafePathError(ValueError):
    """A directory or name that would leave its place in the bucket."""


def join(*parts: str) -> str:
    """Parts joined by single slashes, without one at either end.

    Raises:
        UnsafePathError: when a part is ``.`` or ``..``.
    """
    steps = [step for part in parts for step in part.split("/") if step]
    if any(step in {".", ".."} for step in steps):
        msg = f"{'/'.join(parts)!r} leaves its directory"
        raise UnsafePathError(msg)
    return "/".join(steps)


def component_path(session: str, component: str) -> str:
    """A component's restic repository, relative to the Repository's directory.

    Raises:
        UnsafePathError: when session or component is ``.`` or ``..``.
    """
    return join("repository", LAYOUT_VERSION, session, component)


def repository_file(directory: str) -> str:
    """The Repository object as YAML."""
    return join(directory, "repository.yaml")


def snapshots_folder(directory: str) -> str:
    """Where the Snapshot objects are."""
    return join(directory, "snapshots")


def snapshot_file(directory: str, snapshot: str) -> str:
    """One Snapshot object as YAML.

    Raises:
        UnsafePathError: when the name is more than one step.
    """
    if "/" in snapshot:
        msg = f"{snapshot!r} is not a Snapshot's name"
        raise UnsafePathError(msg)
    return join(directory, "snapshots", f"{snapshot}.yaml")


def restic_folder(directory: str, path: str) -> str:
    """A restic repository by its component path."""
    return join(directory, path)


def writer_file(directory: str) -> str:
    """Our record of the claim and the cluster that write here."""
    return join(directory, _OURS, "writer.json")


def damage_file(directory: str) -> str:
    """Our record that the last check found damage; there is none otherwise."""
    return join(directory, _OURS, "damaged.json")


def restore_file(directory: str, nonce: str) -> str:
    """Our record of a reviewed restore, which is done once.

    Raises:
        UnsafePathError: when the nonce is more than one step.
    """
    if "/" in nonce:
        msg = f"{nonce!r} is not a nonce"
        raise UnsafePathError(msg)
    return join(directory, _OURS, "restores", f"{nonce}.json")


def removal_file(directory: str, session: str) -> str:
    """What a session's retention is about to remove.

    Raises:
        UnsafePathError: when the session is more than one step.
    """
    return join(_retention_folder(directory, session), "removal.json")


def acceptance_file(directory: str, session: str) -> str:
    """What people accepted about a session's Snapshots, for its retention.

    Raises:
        UnsafePathError: when the session is more than one step.
    """
    return join(_retention_folder(directory, session), "accepted.json")


def create_only_file(directory: str) -> str:
    """A file that only shows whether the storage lets a create-only write replace it."""
    return join(directory, _OURS, "create-only")


def results_folder(directory: str) -> str:
    """Our workers' results that have no room in a termination message."""
    return join(directory, _OURS, "results")


def _retention_folder(directory: str, session: str) -> str:
    if "/" in session:
        msg = f"{session!r} is not a session's name"
        raise UnsafePathError(msg)
    return join(directory, _OURS, "retention", session)
