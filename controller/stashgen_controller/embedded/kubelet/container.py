"""What a pod's container is as a process: its command, variables, mounts and user."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from stashgen.api.base import JsonObject, metadata_of
from stashgen_controller.embedded.kubelet.sandbox import TERMINATION_LOG, Container, Mount
from stashgen_controller.embedded.kubelet.volumes import NotReadyError, chown_tree, pod_field

_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_][A-Za-z0-9_]*)\)")


def container_of(
    pod: JsonObject, volumes: Mapping[str, Path], folder: Path, given: Mapping[str, str]
) -> tuple[Container, str]:
    """The container of a pod, and its name.

    Args:
        pod: The pod; it may have one container.
        volumes: The folder of each of its volumes.
        folder: Where the pod's own files go.
        given: Variables that every container has.

    Raises:
        NotReadyError: the pod asks for something that cannot be had here.
    """
    spec = cast("JsonObject", pod["spec"])
    containers = cast("list[JsonObject]", spec["containers"])
    if len(containers) != 1 or spec.get("initContainers"):
        raise NotReadyError("Unsupported", "only pods with one container can be run here")
    container = containers[0]
    pod_security = cast("JsonObject", spec.get("securityContext") or {})
    security = cast("JsonObject", container.get("securityContext") or {})
    environment = _environment(pod, container, given)
    words = [
        *cast("list[str]", container.get("command") or []),
        *cast("list[str]", container.get("args") or []),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "termination-log"
    log.touch()
    log.chmod(0o666)
    mounts = [Mount(log, TERMINATION_LOG, read_only=False)]
    group = pod_security.get("fsGroup")
    for item in cast("list[JsonObject]", container.get("volumeMounts") or []):
        source = _with_sub_path(volumes[str(item["name"])], item.get("subPath"))
        if isinstance(group, int) and not item.get("readOnly"):
            chown_tree(source, group)
        mounts.append(Mount(source, str(item["mountPath"]), read_only=bool(item.get("readOnly"))))
    if spec.get("automountServiceAccountToken", True):
        mounts.append(Mount(_account(pod, folder), _ACCOUNT_PATH, read_only=True))
    uid = security.get("runAsUser", pod_security.get("runAsUser", 0))
    gid = security.get("runAsGroup", pod_security.get("runAsGroup", 0))
    groups = cast("list[int]", pod_security.get("supplementalGroups") or [])
    capabilities = cast("JsonObject", security.get("capabilities") or {})
    return Container(
        hostname=str(metadata_of(pod)["name"])[:63],
        command=[_expand(word, environment) for word in words],
        environment=environment,
        mounts=mounts,
        uid=int(str(uid)),
        gid=int(str(gid)),
        groups=[*groups, *([group] if isinstance(group, int) else [])],
        capabilities=cast("list[str]", capabilities.get("add") or []),
        read_only_root=bool(security.get("readOnlyRootFilesystem")),
        new_privileges=security.get("allowPrivilegeEscalation", True) is not False,
    ), str(container["name"])


def _environment(
    pod: JsonObject, container: JsonObject, given: Mapping[str, str]
) -> dict[str, str]:
    found = dict(given)
    for item in cast("list[JsonObject]", container.get("env") or []):
        name = str(item["name"])
        source = cast("JsonObject", item.get("valueFrom") or {})
        reference = cast("JsonObject | None", source.get("fieldRef"))
        if reference is not None:
            found[name] = pod_field(pod, str(reference["fieldPath"]))
        elif "value" in item:
            found[name] = _expand(str(item["value"]), found)
        else:
            text = f"env {name}: only values and pod fields are known here"
            raise NotReadyError("CreateContainerConfigError", text)
    return found


def _expand(text: str, values: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where the name is known, ``$$`` as ``$`` (Kubernetes, "Container")."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match["name"], match[0])

    return _REFERENCE.sub(value, text)


def _with_sub_path(volume: Path, sub_path: object) -> Path:
    """A folder inside a volume, made with the volume's mode as the kubelet does."""
    if not sub_path:
        return volume
    path = volume / str(sub_path)
    if not path.resolve().is_relative_to(volume.resolve()):
        raise NotReadyError("CreateContainerConfigError", "subPath leaves the volume")
    if not path.exists():
        mode = stat.S_IMODE(volume.stat().st_mode)
        for folder in (*reversed(path.relative_to(volume).parents), path.relative_to(volume)):
            made = volume / folder
            if not made.exists():
                made.mkdir()
                made.chmod(mode)
    return path


def _account(pod: JsonObject, folder: Path) -> Path:
    account = folder / "account"
    account.mkdir(parents=True, exist_ok=True)
    (account / "token").write_text("embedded", encoding="ascii")
    (account / "namespace").write_text(str(metadata_of(pod)["namespace"]), encoding="utf-8")
    return account
