"""Whom the containers of a pod that mount one of its volumes run as (Kubernetes, PodSpec)."""

from collections.abc import Iterator, Mapping

from stashgen.inventory.objects import Object, Path, list_at, map_at, text_at
from stashgen.model.inventory import ContainerUser
from stashgen.yaml.nodes import Json

_LARGEST_ID = 2**31 - 1


def container_users(
    item: Object, spec: Mapping[str, Json], path: Path, volume: str
) -> tuple[ContainerUser, ...]:
    """The users of the containers that write to a volume, or that read it if none writes.

    An init container counts only if it runs all the time, or mounts the volume alone: the usual
    one gives the files to the user of the others, and runs as root.

    Args:
        item: The workload.
        spec: Its PodSpec.
        path: The place of the PodSpec in the workload.
        volume: The volume's name in the pod.
    """
    found = [
        (is_init, is_reader, _user(item, spec, path, keys, container))
        for keys, container in _containers(spec)
        for mount in list_at(container, "volumeMounts")
        if isinstance(mount, dict) and text_at(mount, "name") == volume
        for is_init in [keys[0] == "initContainers" and container.get("restartPolicy") != "Always"]
        for is_reader in [mount.get("readOnly") is True]
    ]
    least = min((rank[:2] for rank in found), default=None)
    users = (user for *rank, user in found if tuple(rank) == least)
    return tuple({user.container: user for user in users}.values())


def pod_group(spec: Mapping[str, Json]) -> int | None:
    """The fsGroup of a pod."""
    return _id(map_at(spec, "securityContext"), "fsGroup")


def _containers(spec: Mapping[str, Json]) -> Iterator[tuple[Path, Mapping[str, Json]]]:
    for field in ("containers", "initContainers"):
        for index, container in enumerate(list_at(spec, field)):
            if isinstance(container, dict):
                yield (field, index), container


def _user(
    item: Object, spec: Mapping[str, Json], path: Path, keys: Path, container: Mapping[str, Json]
) -> ContainerUser:
    own, of_pod = (map_at(part, "securityContext") for part in (container, spec))
    place = (*path, *keys)
    if "runAsUser" in own:
        place = (*place, "securityContext", "runAsUser")
    elif "runAsUser" in of_pod:
        place = (*path, "securityContext", "runAsUser")
    user, group = (
        _id(own if field in own else of_pod, field) for field in ("runAsUser", "runAsGroup")
    )
    written = (own if "runAsUser" in own else of_pod).get("runAsUser")
    return ContainerUser(
        text_at(container, "name"),
        user,
        group,
        item.position_of(*place),
        str(written) if written is not None and user is None else "",
    )


def _id(context: Mapping[str, Json], field: str) -> int | None:
    value = context.get(field)
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_ID
    return value if is_id and isinstance(value, int) else None
