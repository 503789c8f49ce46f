"""The kubelet of the embedded cluster: runs pods as local processes with folders as volumes."""

import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, cast

from stashgen.api.base import JsonObject, format_time, metadata_of
from stashgen.api.resources import PODS, Resource
from stashgen_controller.embedded.controllers.loop import LONGEST_WAIT, ControlLoop
from stashgen_controller.embedded.kubelet.container import container_of
from stashgen_controller.embedded.kubelet.sandbox import Process, start
from stashgen_controller.embedded.kubelet.volumes import NotReadyError, Volumes
from stashgen_controller.kube.client import Client, NotFoundError
from stashgen_controller.kube.clock import MovableClock

_MESSAGE_BYTES = 4096


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
        pods = {str(metadata_of(pod)["uid"]): pod for pod in self.caches[PODS].items()}
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
        deleting = bool(metadata_of(pod).get("deletionTimestamp"))
        if running is not None:
            if deleting:
                self._terminate(pod, running)
            self._watch(uid, pod, running)
        elif uid not in self._ended and _phase(pod) == "Running":
            self._finish(pod, "unknown", self.clock.now(), 137, "the runner was restarted")
        elif deleting:
            self._remove(pod)
        elif uid not in self._ended and _phase(pod) == "Pending":
            self._start(uid, pod)

    def _start(self, uid: str, pod: JsonObject) -> None:
        metadata = metadata_of(pod)
        folder = self._state / "pods" / uid
        try:
            volumes = self._volumes.prepare(pod, folder / "volumes")
            environment = {
                "STASHGEN_CLOCK_OFFSET_SECONDS": str(self._movable.offset.total_seconds()),
                "STASHGEN_API_SERVER": self._api_url,
            }
            container, name = container_of(pod, volumes, folder, environment)
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
        # Also before it removes a deleted pod: its end is waited for (Kubernetes, "Pod Lifecycle").
        self._finish(pod, running.container, running.started, code, message)
        if metadata_of(pod).get("deletionTimestamp"):
            self._remove(pod)
        shutil.rmtree(running.folder, ignore_errors=True)

    def _terminate(self, pod: JsonObject, running: _Running) -> None:
        if running.stop_by is None:
            grace = metadata_of(pod).get("deletionGracePeriodSeconds", 30)
            running.stop_by = self.clock.now() + timedelta(seconds=int(str(grace)))
            running.process.signal(signal.SIGTERM)

    def _remove(self, pod: JsonObject) -> None:
        metadata = metadata_of(pod)
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
        metadata = metadata_of(pod)
        patch = {"status": dict(status)}
        try:
            self.client.patch(
                PODS, str(metadata["namespace"]), str(metadata["name"]), patch, status=True
            )
        except NotFoundError:
            return


def _termination_message(path: Path) -> str:
    try:
        return path.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace")
    except OSError:
        return ""


def _phase(pod: JsonObject) -> str:
    return str(cast("JsonObject", pod.get("status") or {}).get("phase") or "Pending")
