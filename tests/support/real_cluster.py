"""The embedded cluster with real pods, the real worker and the real restic."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, parse_time
from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.api.resources import Resource
from stashgen.kubestash import addons
from stashgen_controller.embedded.cluster import EmbeddedCluster
from stashgen_controller.kube.client import AlreadyExistsError, Client, NotFoundError
from tests.support import manifests
from tests.support.harness import BY_KIND, name_of
from tests.support.kinds import install_kinds

PASSWORD = "correct horse"
# A limit and no expectation: the machine may have other work.
_PATIENCE_SECONDS = 120.0
# The manifests' schedule is hourly, at minute 17: a test that runs into it has a session too many.
_AFTER_THE_TICK = 18
_Found = TypeVar("_Found")


class RealCluster:
    """A running embedded cluster with our addon, as a newcomer's one would be."""

    def __init__(self, state: Path) -> None:
        restic = shutil.which("restic")
        assert restic is not None, "restic is not on PATH"
        self.state = state
        self.restic_binary = Path(restic).resolve()
        self.cluster = EmbeddedCluster(state, [self.restic_binary.parent])
        minutes = (_AFTER_THE_TICK - self.cluster.clock.now().minute) % 60
        self.cluster.clock.advance(timedelta(minutes=minutes))
        self.cluster.start()
        self.client = Client.for_url(self.cluster.url)
        install_kinds(self.client)
        for item in (addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()):
            self.apply(item.to_wire())

    def stop(self) -> None:
        """End the cluster and its pods."""
        self.cluster.stop()

    def prepare(self, namespace: str) -> Path:
        """A namespace with key and claims; returns the folder of the volume to protect."""
        self.apply(manifests.namespace(namespace))
        data: JsonObject = {"RESTIC_PASSWORD": base64.b64encode(PASSWORD.encode()).decode()}
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "restic-key", "namespace": namespace},
                "data": data,
            }
        )
        for claim in ("library", "backup-store"):
            self.apply(manifests.claim(namespace, claim))
        folder = self.volume(namespace, "library")
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        return folder

    def volume(self, namespace: str, claim: str) -> Path:
        """The folder of a claim."""
        return self.state / "volumes" / namespace / claim

    def apply(self, manifest: JsonObject) -> None:
        """Create an object, or merge it into the one that is there."""
        resource = BY_KIND[str(manifest["kind"])]
        metadata = cast("dict[str, str]", manifest["metadata"])
        try:
            self.client.create(resource, metadata.get("namespace"), manifest)
        except AlreadyExistsError:
            self.client.patch(resource, metadata.get("namespace"), metadata["name"], manifest)

    def status(self, resource: Resource, namespace: str, name: str) -> JsonObject:
        """An object's status; empty where there is no such object."""
        try:
            found = self.client.get(resource, namespace, name)
        except NotFoundError:
            return {}
        return cast("JsonObject", found.get("status") or {})

    def items(self, resource: Resource, namespace: str) -> Sequence[JsonObject]:
        """The objects of a kind."""
        return self.client.list(resource, namespace)[0]

    def names(self, resource: Resource, namespace: str) -> list[str]:
        """The names of a kind's objects, sorted."""
        return sorted(name_of(item) for item in self.items(resource, namespace))

    def wait(self, what: str, probe: Callable[[], _Found | None]) -> _Found:
        """Wait until a probe returns something true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            found = probe()
            if found:
                return found
            time.sleep(0.05)
        msg = f"waited in vain for {what}"
        raise AssertionError(msg)

    def finished_session(self, namespace: str, known_ones: Sequence[str]) -> str:
        """Wait for the next BackupSession to end with its retention; returns its name."""

        def probe() -> str | None:
            for session in self.items(known.BACKUP_SESSIONS, namespace):
                status = cast("JsonObject", session.get("status") or {})
                applied = cast("list[JsonObject]", status.get("retentionPolicy") or [])
                if name_of(session) in known_ones:
                    continue
                held = any(item["phase"] == "FailedToApply" for item in applied)
                if status.get("phase") in {"Failed", "Skipped"} or held:
                    raise AssertionError(json.dumps(status, indent=1))
                is_over = bool(applied) and all(item["phase"] != "Pending" for item in applied)
                if status.get("phase") == "Succeeded" and is_over:
                    return name_of(session)
            return None

        return self.wait("a backup session", probe)

    def keep_up_once(self, namespace: str, repository: str = "repo-local") -> None:
        """Wait for the upkeep that follows the first backup; the next one is far away.

        For tests that move the clock by days and are not about it.
        """

        def is_done() -> bool:
            status = self.status(known.REPOSITORIES, namespace, repository)
            upkeep = cast("JsonObject", status.get("upkeep") or {})
            return "lastCheckTime" in upkeep and "lastPruneTime" in upkeep

        self.wait("the first upkeep", is_done)
        rare = {"metadata": {"annotations": {UPKEEP_ANNOTATION: "check=8784h,prune=8784h"}}}
        self.client.patch(known.REPOSITORIES, namespace, repository, rare)

    def next_tick(self, namespace: str, configuration: str) -> None:
        """Move the cluster's clock to the next scheduled time."""
        status = self.status(known.BACKUP_CONFIGURATIONS, namespace, configuration)
        (session,) = cast("list[JsonObject]", status["sessions"])
        moment = parse_time(str(session["nextSchedule"]))
        self.cluster.clock.advance(moment - self.cluster.clock.now())

    def restic(self, repository: Path, *args: str) -> object:
        """What restic itself says of a repository."""
        environment = os.environ | {
            "RESTIC_REPOSITORY": str(repository),
            "RESTIC_PASSWORD": PASSWORD,
        }
        done = subprocess.run(
            [self.restic_binary, "--no-cache", "--no-lock", "--json", *args],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)
