"""Job controller, kubelet and workers, played: each Job has its pod and its result at once.

What it writes is what they would write, in their order and in the fewest writes: the pod, what the
worker patches, the pod's end, the Job's end.
"""

import time
from dataclasses import dataclass, field
from http.client import HTTPException
from queue import SimpleQueue
from threading import Event, Lock, Thread

import orjson

from stashgen.api.resources import BACKUP_SESSIONS, JOBS, PODS, SNAPSHOTS
from tests.bench.controller_load.played_results import Bucket, now, result_of
from tests.bench.controller_load.raw_api import Json, RawApi, RefusedError

_PLAN = "session.stashgen.dev/plan"
# The API server itself gives it to the pods of a Job that it stores.
_JOB_NAME = "batch.kubernetes.io/job-name"
_THREADS = 4
_OWNER_OF_SESSIONS = "BackupSession"


@dataclass(frozen=True, slots=True)
class PlayedJob:
    """A Job that was done.

    Attributes:
        session: The BackupSession that owns it; None for a Job that initialises.
        seconds: From the moment that its creation was seen until it was reported as complete.
    """

    namespace: str
    name: str
    verb: str
    session: str | None
    seconds: float


@dataclass
class PlayedCluster:
    """Plays until the server ends; what fails is raised by ``check``."""

    api: RawApi
    bucket: Bucket = field(default_factory=Bucket)
    with_retention: bool = True
    done: list[PlayedJob] = field(default_factory=list)
    _waiting: "SimpleQueue[tuple[float, Json]]" = field(default_factory=SimpleQueue)
    _lock: Lock = field(default_factory=Lock)
    _stopping: Event = field(default_factory=Event)
    _problem: Exception | None = None

    def start(self) -> None:
        """Begin to watch Jobs; returns at once."""
        _, version = self.api.items(JOBS.path())
        Thread(target=self._watch, args=[version], daemon=True).start()
        for _ in range(_THREADS):
            Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Do no Job any more."""
        self._stopping.set()

    def check(self) -> None:
        """Raise what went wrong in a thread."""
        if self._problem is not None:
            raise self._problem

    def _watch(self, version: str) -> None:
        try:
            for kind, job in self.api.watch(JOBS.path(), version):
                if kind == "ADDED":
                    self._waiting.put((time.monotonic(), job))
        except (OSError, HTTPException, RefusedError) as error:
            self._fail(error)

    def _work(self) -> None:
        while True:
            seen, job = self._waiting.get()
            try:
                self._play(seen, job)
            except (OSError, HTTPException, RefusedError, RuntimeError, LookupError) as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._stopping.is_set():
            self._problem = error

    def _play(self, seen: float, job: Json) -> None:
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        plan = orjson.loads(job["spec"]["template"]["metadata"]["annotations"][_PLAN])
        verb = plan["verb"]
        if verb == "retain" and not self.with_retention:
            return
        begin = now()
        pod = self.api.post(PODS.path(namespace), pod_of(job))
        result = result_of(job, plan, self.bucket)
        if verb == "backup":
            self._report_backup(namespace, plan, result)
        self.api.patch(
            f"{PODS.path(namespace, pod['metadata']['name'])}/status",
            {"status": ended_pod(pod, begin, orjson.dumps(result).decode())},
        )
        self.api.patch(f"{JOBS.path(namespace, name)}/status", {"status": ended_job(begin)})
        owner = job["metadata"]["ownerReferences"][0]
        session = owner["name"] if owner["kind"] == _OWNER_OF_SESSIONS else None
        played = PlayedJob(namespace, name, verb, session, time.monotonic() - seen)
        with self._lock:
            self.done.append(played)

    def _report_backup(self, namespace: str, plan: Json, result: Json) -> None:
        """What the worker itself patches before it ends."""
        components = {"totalComponents": 1, "components": result["components"]}
        snapshot = SNAPSHOTS.path(namespace, plan["snapshot"]["metadata"]["name"])
        self.api.patch(f"{snapshot}/status", {"status": components})
        if plan.get("lastCopy"):
            session = BACKUP_SESSIONS.path(namespace, plan["backupSession"])
            self.api.patch(f"{session}/status", {"status": {"phase": "Succeeded"}})


def pod_of(job: Json) -> Json:
    """The pod that the Job controller makes."""
    template = job["spec"]["template"]
    metadata = job["metadata"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name'][:57]}-{metadata['uid'][:5]}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"] | {_JOB_NAME: metadata["name"]},
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }


def ended_pod(pod: Json, begin: str, message: str) -> Json:
    """A status as the kubelet's last one, with the worker's termination message."""
    terminated = {
        "exitCode": 0,
        "reason": "Completed",
        "message": message,
        "startedAt": begin,
        "finishedAt": now(),
    }
    container = pod["spec"]["containers"][0]
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"],
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    return {"phase": "Succeeded", "startTime": begin, "containerStatuses": [status]}


def ended_job(begin: str) -> Json:
    """A status as the Job controller's last one."""
    end = now()
    reached = {
        "status": "True",
        "reason": "CompletionsReached",
        "message": "Reached expected number of succeeded pods",
        "lastProbeTime": end,
        "lastTransitionTime": end,
    }
    return {
        "startTime": begin,
        "completionTime": end,
        "succeeded": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
        "conditions": [{"type": "SuccessCriteriaMet"} | reached, {"type": "Complete"} | reached],
    }
