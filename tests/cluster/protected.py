"""A volume that is backed up to a bucket, to let something go wrong with and look what is left."""

import base64
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from stashgen.api import resources as known
from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import parse_time
from stashgen.api.resources import Resource
from stashgen.kubestash.names import backup_session_name
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen_controller.kube.client import Client, NotFoundError
from tests.cluster import installation
from tests.cluster.audit import Request, requests
from tests.cluster.installation import CONTROLLER
from tests.cluster.kube import Kube
from tests.support.compiled_project import DATA, KEY
from tests.support.gateway import BUCKET, Gateway

Json = Any
S3_SECRET = "backup-s3"
ENDS = {"Succeeded", "Failed", "Skipped"}
# A limit and no expectation: the machine may have other work.
PATIENCE_SECONDS = 240.0
# A session's own and, after it, its retention's.
REQUESTS_OF_A_SESSION = 12 + 8
_STEP_SECONDS = 0.05
# How long the kubelet takes from a pod's deletion to the signal, at most.
_SIGNAL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Held:
    """A session in the middle of its backup.

    Attributes:
        name: Of the BackupSession.
        pod: Its worker's.
        begin: When it was triggered.
    """

    name: str
    pod: str
    begin: datetime


class Protected:
    """The volume of one namespace, compiled from a policy, with keys from the namespace itself.

    Args:
        kube: The cluster, with the controllers installed.
        gateway: Where the bucket is.
        namespace: An empty one.
        folder: For the project.
    """

    def __init__(self, kube: Kube, gateway: Gateway, namespace: str, folder: Path) -> None:
        self.kube = kube
        self.gateway = gateway
        self.namespace = namespace
        self.connect()
        self._folder = folder
        self._last = 0
        self._begin = datetime.now(UTC)

    def connect(self) -> None:
        """Begin with new connections; those to an API server that ended are of no use."""
        self.client = Client.configured(str(self.kube.layout.kubeconfig))

    # what is there before

    def apply(self, *, retries: int = 0) -> None:
        """Apply what the policy compiles to; sessions come by hand only."""
        backend = {
            "backend": {
                "provider": "s3",
                "s3": {
                    "bucket": BUCKET,
                    "prefix": f"{self.namespace}/{{{{ cluster.id }}}}",
                    "endpoint": self.gateway.url,
                },
            },
            "credentials": {"from": "Namespace", "secretName": S3_SECRET},
        }
        kube, namespace = self.kube, self.namespace
        installation.compile_and_apply(kube, namespace, self._folder, backend=backend, keep=50)
        self.patch(known.CRON_JOBS, f"trigger-{DATA}-backup", {"spec": {"suspend": True}})
        self.change_session(
            sessionHistoryLimit=200,
            **({"retryConfig": {"maxRetry": retries, "delay": "1s"}} if retries else {}),
        )

    def prepare(self) -> None:
        """Everything that is needed, and the initial backup."""
        for name in (S3_SECRET, KEY):
            self.make_secret(name)
        installation.make_claim(self.kube, self.namespace)
        installation.write(self.kube, self.namespace, "first")
        self.apply(retries=1)
        self.wait(lambda: self.names(known.BACKUP_SESSIONS), "no initial backup")
        (initial,) = self.names(known.BACKUP_SESSIONS)
        self.finish(initial)
        self.wait(self._is_kept_up, "the initial backup is not followed by a check")

    def _is_kept_up(self) -> bool:
        """Whether the first upkeep has ended; the next one is far away."""
        (repository,) = self.names(known.REPOSITORIES)
        upkeep = self.status(known.REPOSITORIES, repository).get("upkeep") or {}
        return bool(upkeep.get("lastCheckTime") and upkeep.get("lastPruneTime"))

    def make_secret(self, name: str = S3_SECRET, **changed: bytes) -> None:
        """Make a Secret as it should be, or with some keys changed."""
        right = {
            S3_SECRET: self.gateway.secret(),
            KEY: {"RESTIC_PASSWORD": b"for the tests"},
        }[name]
        data = {key: base64.b64encode(value).decode() for key, value in (right | changed).items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self.kube.apply(self.namespace, secret)

    def change_session(self, **fields: Json) -> None:
        """Change the only session of the configuration."""
        configuration = self.get(known.BACKUP_CONFIGURATIONS, DATA)
        (session,) = configuration["spec"]["sessions"]
        self.patch(known.BACKUP_CONFIGURATIONS, DATA, {"spec": {"sessions": [session | fields]}})

    # what happens

    def trigger(self) -> str:
        """Create a BackupSession, as the CronJob does; returns its name."""
        model = BackupConfiguration.from_wire(self.get(known.BACKUP_CONFIGURATIONS, DATA))
        session = model.session("backup")
        assert session is not None
        self._last = max(int(time.time()), self._last + 1)
        manifest = backup_session_manifest(model, session, self._last)
        made: Json = self.client.create(known.BACKUP_SESSIONS, self.namespace, manifest)
        return str(made["metadata"]["name"])

    def finish(self, name: str, *phases: str) -> Json:
        """Wait for the end of a session and of its retention; Succeeded, unless said otherwise."""

        def is_over() -> bool:
            status = self.status(known.BACKUP_SESSIONS, name)
            conditions = {item["type"] for item in status.get("conditions") or []}
            if status.get("phase") not in ENDS or not conditions & {
                "MetricsPushed",
                "BackupSkipped",
            }:
                return False
            applied = status.get("retentionPolicy") or []
            return status["phase"] != "Succeeded" or bool(
                applied and all(item["phase"] != "Pending" for item in applied)
            )

        self.wait(is_over, f"BackupSession {name} does not end")
        status = self.status(known.BACKUP_SESSIONS, name)
        assert status["phase"] in (phases or ("Succeeded",)), self.told(name)
        return status

    def back_up(self) -> str:
        """A whole good session; returns its name."""
        name = self.trigger()
        self.finish(name)
        return name

    def successor(self, failed: str) -> str:
        """The name of the session that is made because one failed."""
        self.wait(
            lambda: self.status(known.BACKUP_SESSIONS, failed).get("retried"), "no retry is made"
        )
        due = parse_time(self.status(known.BACKUP_SESSIONS, failed)["nextRetry"])
        return backup_session_name(DATA, "backup", int(due.timestamp()))

    def hold(self) -> Held:
        """Trigger a session and let the bucket answer no more while restic's backup holds its lock.

        ``gateway.resume`` lets it go on. A backup that was over before anybody looked, as on a busy
        machine, is followed by another one.
        """
        while True:
            before, begin = self._restic_snapshots(), datetime.now(UTC)
            name = self.trigger()
            is_begun = partial(self._is_begun, before)
            self.wait(is_begun, "restic took no lock", step=0.005)
            self.gateway.pause()
            if self.locks() and self._restic_snapshots() == before:
                return Held(name, self.pod_of(name), begin)
            self.gateway.resume()
            self.finish(name)

    def let_it_end(self, pod: str) -> None:
        """Let the bucket answer again once the worker of a pod that goes was told to end."""
        self.wait(lambda: self.is_deleting(pod), f"pod {pod} does not go")
        time.sleep(_SIGNAL_SECONDS)
        self.gateway.resume()

    # what is to be seen

    def is_deleting(self, pod: str) -> bool:
        """Whether a pod was deleted."""
        return (
            not self.has(known.PODS, pod)
            or "deletionTimestamp" in self.get(known.PODS, pod)["metadata"]
        )

    def wait(
        self,
        is_so: Callable[[], object],
        otherwise: str,
        seconds: float = PATIENCE_SECONDS,
        step: float = 0.05,
    ) -> None:
        """Look again and again until it is so."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, f"{otherwise}: {json.dumps(self.all(), indent=1)}"
            time.sleep(step)

    def get(self, resource: Resource, name: str) -> Json:
        """One object."""
        return self.client.get(resource, self.namespace, name)

    def has(self, resource: Resource, name: str) -> bool:
        """Whether there is such an object."""
        try:
            self.get(resource, name)
        except NotFoundError:
            return False
        return True

    def status(self, resource: Resource, name: str) -> Json:
        """An object's status; empty without one."""
        return self.get(resource, name).get("status") or {}

    def names(self, resource: Resource) -> list[str]:
        """The names of a kind's objects."""
        return [str(item["metadata"]["name"]) for item in self.items(resource)]

    def items(self, resource: Resource) -> Sequence[Json]:
        """The objects of a kind."""
        return self.client.list(resource, self.namespace)[0]

    def patch(self, resource: Resource, name: str, body: Json) -> None:
        """Change an object as its owner would."""
        self.client.patch(resource, self.namespace, name, body)

    def repository(self) -> str:
        """The name of the only Repository."""
        (name,) = self.names(known.REPOSITORIES)
        return name

    def snapshot_of(self, session: str) -> str:
        """The name of a session's Snapshot and Job."""
        return f"{self.repository()}-{session}"

    def pod_of(self, session: str) -> str:
        """The newest pod of a session's backup."""
        job = self.snapshot_of(session)
        pods = [
            item
            for item in self.items(known.PODS)
            if (item["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name") == job
        ]
        newest = max(pods, key=lambda item: item["metadata"]["creationTimestamp"])
        return str(newest["metadata"]["name"])

    def told(self, session: str) -> list[Json]:
        """What the statuses of a session and of its Snapshot say."""
        found = [self.status(known.BACKUP_SESSIONS, session)]
        if self.has(known.SNAPSHOTS, self.snapshot_of(session)):
            found.append(self.status(known.SNAPSHOTS, self.snapshot_of(session)))
        return found

    def all(self) -> Json:
        """Every status in the namespace, for a failure's message."""
        kinds = (
            known.BACKUP_STORAGES, known.REPOSITORIES, known.BACKUP_CONFIGURATIONS,
            known.BACKUP_SESSIONS, known.SNAPSHOTS, known.JOBS,
        )  # fmt: skip
        return {
            f"{kind.kind} {item['metadata']['name']}": item.get("status")
            for kind in kinds
            for item in self.items(kind)
        }

    # the bucket, past the server that serves it

    @property
    def restic_folder(self) -> Path:
        """The restic repository as files."""
        directory = f"{self.namespace}/e2e1/{self.namespace}/{DATA}"
        return self.gateway.data / BUCKET / directory / "repository/v1/backup/dump"

    def locks(self) -> list[str]:
        """The locks in the repository."""
        folder = self.restic_folder / "locks"
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []

    def _is_begun(self, before: set[str]) -> bool:
        return bool(self.locks()) or self._restic_snapshots() != before

    def _restic_snapshots(self) -> set[str]:
        """The files of restic's snapshots; one is the last thing that a backup writes."""
        folder = self.restic_folder / "snapshots"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def restic_ids(self) -> list[str]:
        """The snapshots that restic itself lists."""
        done = subprocess.run(
            ["restic", f"--repo={self.restic_folder}", "--no-lock", "--json", "snapshots"],
            env=os.environ | {"RESTIC_PASSWORD": "for the tests"},
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted(item["id"] for item in json.loads(done.stdout))

    # what must be so whatever went wrong

    def assert_whole(self) -> None:
        """Nothing is lost and nothing was done twice: records, restic and Jobs agree.

        A backup that was ended after restic had made its snapshot is a failed one with a record.
        """
        recorded, good = [], []
        for item in self.items(known.SNAPSHOTS):
            status = item.get("status") or {}
            assert status.get("phase") in ENDS, item
            stats = status["components"]["dump"].get("resticStats") or []
            found = [part["summary"]["id"] for part in stats if "summary" in part]
            recorded += found
            good += found if status["phase"] == "Succeeded" else []
        there = self.restic_ids()
        assert set(good) <= set(there), "a good backup is lost"
        assert set(there) <= set(recorded), "restic has a snapshot that nobody knows"
        assert len(recorded) == len(set(recorded)), "two records of one snapshot"
        assert self.locks() == [], "a lock is left"
        made = Counter(
            item.name
            for item in self.requests()
            if (item.verb, item.target, item.code) == ("create", "jobs", 201)
        )
        assert set(made.values()) <= {1}, made

    def requests(self, since: datetime | None = None) -> list[Request]:
        """What controllers and workers asked for in the namespace."""
        workers = f"system:serviceaccount:{self.namespace}:stashgen-"
        begin = since or self._begin
        return [
            item
            for item in requests(self.kube.layout.audit_log, self.namespace)
            if item.namespace == self.namespace
            and item.received >= begin
            and (item.user == CONTROLLER or item.user.startswith(workers))
        ]
