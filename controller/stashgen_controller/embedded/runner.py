"""The kubelet of the embedded cluster: runs pods as local processes with folders as volumes."""

import re
import shutil
import signal
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, cast

from stashgen.api.base import JsonObject, format_time
from stashgen.api.resources import PODS, Resource
from stashgen_controller.client import Client, NotFoundError
from stashgen_controller.clock import MovableClock
from stashgen_controller.embedded.loop import LONGEST_WAIT, ControlLoop
from stashgen_controller.embedded.sandbox import (
    TERMINATION_LOG,
    Container,
    Mount,
    Process,
    start,
)
from stashgen_controller.embedded.volumes import NotReadyError, Volumes, chown_tree, pod_field

_MESSAGE_BYTES = 4096
_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass(slots=True)
class _Running:
    """A pod's container under way."""

    process: Process
    container: str
    folder: Path
    started: datetime
    stop_by: datetime | None = None


class Runner(ControlLoop):
    """Starts the pods that are pending, watches over the ones that run."""

    resources: ClassVar[tuple[Resource, ...]] = (PODS,)

    def __init__(
        self,
        client: Client,
        clock: MovableClock,
        *,
        state: Path,
        tools: Sequence[Path],
        api_url: str,
    ) -> None:
        super().__init__(client, clock)
        self._movable = clock
        self._state = state
        self._tools = tools
        self._api_url = api_url
        self._volumes = Volumes(client, state)
        self._running: dict[str, _Running] = {}
        # Pods whose end was written: the cache may still show them as running.
        self._ended: set[str] = set()

    def stop(self) -> None:
        """End all containers."""
        super().stop()
        for running in self._running.values():
            running.process.kill()

    def sync(self) -> None:
        """One pass over all pods."""
        pods = {str(_metadata(pod)["uid"]): pod for pod in self.caches[PODS].items()}
        for uid in list(self._running):
            if uid not in pods:
                self._running.pop(uid).process.kill()
        self._ended &= pods.keys()
        for uid, pod in pods.items():
            self._sync_one(uid, pod)
        # Processes do not tell us when they end: look again in a moment.
        self.longest_wait = 0.05 if self._running else LONGEST_WAIT

    def _sync_one(self, uid: str, pod: JsonObject) -> None:
        running = self._running.get(uid)
        deleting = bool(_metadata(pod).get("deletionTimestamp"))
        if running is not None:
            if deleting:
                self._terminate(pod, running)
            self._watch(uid, pod, running)
        elif deleting:
            self._remove(pod)
        elif uid in self._ended:
            return
        elif _phase(pod) == "Pending":
            self._start(uid, pod)
        elif _phase(pod) == "Running":
            self._finish(pod, "unknown", self.clock.now(), 137, "the runner was restarted")

    def _start(self, uid: str, pod: JsonObject) -> None:
        metadata = _metadata(pod)
        folder = self._state / "pods" / uid
        try:
            volumes = self._volumes.prepare(pod, folder / "volumes")
            container, name = self._container(pod, volumes, folder)
        except NotReadyError as error:
            self._wait(pod, error)
            return
        log = self._state / "logs" / str(metadata["namespace"]) / f"{metadata['name']}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        root = folder / "root"
        root.mkdir(exist_ok=True)
        now = self.clock.now()
        process = start(container, root=root, tools=self._tools, log=log)
        self._running[uid] = _Running(process, name, folder, now)
        state = {"running": {"startedAt": format_time(now)}}
        self._write(pod, "Running", name, state, now, ready=True)

    def _watch(self, uid: str, pod: JsonObject, running: _Running) -> None:
        code = running.process.poll()
        if code is None:
            if running.stop_by is not None and self.clock.now() >= running.stop_by:
                running.process.kill()
            return
        message = _termination_message(running.folder / "termination-log")
        del self._running[uid]
        self._ended.add(uid)
        if _metadata(pod).get("deletionTimestamp"):
            self._remove(pod)
        else:
            self._finish(pod, running.container, running.started, code, message)
        shutil.rmtree(running.folder, ignore_errors=True)

    def _terminate(self, pod: JsonObject, running: _Running) -> None:
        if running.stop_by is None:
            grace = _metadata(pod).get("deletionGracePeriodSeconds", 30)
            running.stop_by = self.clock.now() + timedelta(seconds=int(str(grace)))
            running.process.signal(signal.SIGTERM)

    def _remove(self, pod: JsonObject) -> None:
        metadata = _metadata(pod)
        path = PODS.path(str(metadata["namespace"]), str(metadata["name"]))
        try:
            self.client.raw("DELETE", path, {"gracePeriodSeconds": 0})
        except NotFoundError:
            return

    def _finish(
        self, pod: JsonObject, container: str, started: datetime, code: int, message: str
    ) -> None:
        now = self.clock.now()
        terminated: dict[str, object] = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": format_time(started),
            "finishedAt": format_time(now),
        }
        if message:
            terminated["message"] = message
        phase = "Succeeded" if code == 0 else "Failed"
        self._write(pod, phase, container, {"terminated": terminated}, started, ready=False)

    def _wait(self, pod: JsonObject, error: NotReadyError) -> None:
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": error.reason,
            "message": str(error),
        }
        status = {"phase": "Pending", "conditions": [condition]}
        if status != pod.get("status"):
            self._replace(pod, status)

    def _write(
        self,
        pod: JsonObject,
        phase: str,
        container: str,
        state: Mapping[str, object],
        started: datetime,
        *,
        ready: bool,
    ) -> None:
        spec = cast("JsonObject", pod["spec"])
        image = cast("list[JsonObject]", spec["containers"])[0].get("image")
        status: dict[str, object] = {
            "phase": phase,
            "podIP": "127.0.0.1",
            "startTime": format_time(started),
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": str(ready)},
            ],
            "containerStatuses": [
                {
                    "name": container,
                    "image": image,
                    "imageID": "",
                    "ready": ready,
                    "restartCount": 0,
                    "state": dict(state),
                }
            ],
        }
        self._replace(pod, status)

    def _replace(self, pod: JsonObject, status: Mapping[str, object]) -> None:
        metadata = _metadata(pod)
        patch = {"status": dict(status)}
        try:
            self.client.patch(
                PODS, str(metadata["namespace"]), str(metadata["name"]), patch, status=True
            )
        except NotFoundError:
            return

    def _container(
        self, pod: JsonObject, volumes: Mapping[str, Path], folder: Path
    ) -> tuple[Container, str]:
        spec = cast("JsonObject", pod["spec"])
        containers = cast("list[JsonObject]", spec["containers"])
        if len(containers) != 1 or spec.get("initContainers"):
            raise NotReadyError("Unsupported", "only pods with one container can be run here")
        container = containers[0]
        pod_security = cast("JsonObject", spec.get("securityContext") or {})
        security = cast("JsonObject", container.get("securityContext") or {})
        environment = self._environment(pod, container)
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
            mounts.append(
                Mount(source, str(item["mountPath"]), read_only=bool(item.get("readOnly")))
            )
        if spec.get("automountServiceAccountToken", True):
            mounts.append(Mount(_account(pod, folder), _ACCOUNT_PATH, read_only=True))
        uid = security.get("runAsUser", pod_security.get("runAsUser", 0))
        gid = security.get("runAsGroup", pod_security.get("runAsGroup", 0))
        groups = cast("list[int]", pod_security.get("supplementalGroups") or [])
        capabilities = cast("JsonObject", security.get("capabilities") or {})
        return Container(
            hostname=str(_metadata(pod)["name"])[:63],
            command=[expand(word, environment) for word in words],
            environment=environment,
            mounts=mounts,
            uid=int(str(uid)),
            gid=int(str(gid)),
            groups=[*groups, *([group] if isinstance(group, int) else [])],
            capabilities=cast("list[str]", capabilities.get("add") or []),
            read_only_root=bool(security.get("readOnlyRootFilesystem")),
            new_privileges=security.get("allowPrivilegeEscalation", True) is not False,
        ), str(container["name"])

    def _environment(self, pod: JsonObject, container: JsonObject) -> dict[str, str]:
        offset = self._movable.offset.total_seconds()
        found = {
            "STASHGEN_CLOCK_OFFSET_SECONDS": str(offset),
            "STASHGEN_API_SERVER": self._api_url,
        }
        for item in cast("list[JsonObject]", container.get("env") or []):
            name = str(item["name"])
            source = cast("JsonObject", item.get("valueFrom") or {})
            reference = cast("JsonObject | None", source.get("fieldRef"))
            if reference is not None:
                found[name] = pod_field(pod, str(reference["fieldPath"]))
            elif "value" in item:
                found[name] = expand(str(item["value"]), found)
            else:
                text = f"env {name}: only values and pod fields are known here"
                raise NotReadyError("CreateContainerConfigError", text)
        return found


def expand(text: str, values: Mapping[str, str]) -> str:
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
    (account / "namespace").write_text(str(_metadata(pod)["namespace"]), encoding="utf-8")
    return account


def _termination_message(path: Path) -> str:
    try:
        return path.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace")
    except OSError:
        return ""


def _phase(pod: JsonObject) -> str:
    return str(cast("JsonObject", pod.get("status") or {}).get("phase") or "Pending")


def _metadata(pod: JsonObject) -> JsonObject:
    return cast("JsonObject", pod["metadata"])
