"""Argo CD's Applications, as docs/gitops.md has them."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.argocd.document import documented
from tests.cluster.argocd.server import MANAGER, NAMESPACE
from tests.cluster.kube import Kube, KubeError
from tools.cluster.layout import API_URL

Json = Any
_STEP_SECONDS = 0.5


class Application:
    """An Application that Argo CD keeps in sync with a folder of a git repository."""

    def __init__(self, kube: Kube, name: str, url: str, folder: str) -> None:
        self._kube = kube
        self.name = name
        manifest = documented(f"argocd/{name}.yaml")
        assert manifest["metadata"]["name"] == name
        manifest["spec"]["source"] |= {"repoURL": url, "path": folder}
        manifest["spec"]["destination"] = {"server": API_URL}
        self._options: list[str] = manifest["spec"]["syncPolicy"].get("syncOptions", [])
        kube.apply(NAMESPACE, manifest)

    def status(self) -> Json:
        """What Argo CD says of it."""
        return self._kube.get(NAMESPACE, "application", self.name).get("status", {})

    def refresh(self) -> None:
        """Have Argo CD look at git now, as a webhook of the git server does."""
        self._kube.kubectl(
            "annotate", f"--namespace={NAMESPACE}", "application", self.name, "--overwrite",
            "argocd.argoproj.io/refresh=normal",
        )  # fmt: skip

    def wait(self, commit: str, health: str = "Healthy", seconds: float = 300) -> None:
        """Wait until a commit is Synced and the health is as it should be.

        Argo CD is asked again and again to look: after a sync it may itself wait for its next turn.
        """
        deadline = time.monotonic() + seconds
        self.refresh()
        while not self._is(commit, health):
            assert time.monotonic() < deadline, self.summary()
            time.sleep(_STEP_SECONDS)

    def sync_by_hand(
        self, *, prune: bool = False, replace: bool = False, seconds: float = 300
    ) -> None:
        """Sync as a person does with ``argocd app sync``, and wait for the end.

        Args:
            prune: Delete what left git, where nothing forbids it.
            replace: Delete what is there, and make it anew (``--force --replace``).
            seconds: How long it may take.
        """
        ticket = [{"name": "ticket", "value": uuid.uuid4().hex}]
        sync = {
            "prune": prune,
            "syncStrategy": {"apply": {"force": replace}},
            "syncOptions": [*self._options, *(["Replace=true"] if replace else [])],
        }
        patch = {"operation": {"sync": sync, "info": ticket, "initiatedBy": {"username": "e2e"}}}
        ask = (
            "patch", f"--namespace={NAMESPACE}", "application", self.name, "--type=merge",
            f"--patch={json.dumps(patch)}",
        )  # fmt: skip
        self._kube.kubectl(*ask)
        deadline = time.monotonic() + seconds
        ask_again = time.monotonic() + seconds / 3
        while True:
            state = self.status().get("operationState", {})
            has_begun = state.get("operation", {}).get("info") == ticket
            if has_begun and "finishedAt" in state:
                break
            assert time.monotonic() < deadline, self.summary()
            if not has_begun and time.monotonic() > ask_again:
                # Its own last write of the object may have taken the operation away.
                self._kube.kubectl(*ask)
                ask_again = deadline
            time.sleep(_STEP_SECONDS)
        assert state["phase"] == "Succeeded", self.summary()

    def wait_for_revision(self, commit: str, seconds: float = 300) -> None:
        """Wait until a commit is what Argo CD compares with, whatever the cluster has."""
        deadline = time.monotonic() + seconds
        self.refresh()
        while self.status().get("sync", {}).get("revision") != commit:
            assert time.monotonic() < deadline, self.summary()
            time.sleep(_STEP_SECONDS)

    def is_well(self) -> bool:
        """Whether it is Synced and Healthy."""
        status = self.status()
        states: tuple[str, str] = status["sync"]["status"], status["health"]["status"]
        return states == ("Synced", "Healthy")

    def _is(self, commit: str, health: str) -> bool:
        status = self.status()
        sync, operation = status.get("sync", {}), status.get("operationState", {})
        found: tuple[str | None, ...] = (
            sync.get("status"),
            sync.get("revision"),
            status.get("health", {}).get("status"),
            operation.get("phase"),
        )
        return found == ("Synced", commit, health, "Succeeded")

    def summary(self) -> str:
        """What is not well, in words."""
        status = self.status()
        resources = [
            f"{item['kind']}/{item['name']}: {item.get('status')} {item.get('health')}"
            for item in status.get("resources", ())
            if item.get("status") != "Synced"
            or item.get("health", {}).get("status") not in {None, "Healthy"}
        ]
        operation = status.get("operationState", {})
        sync, health = status.get("sync", {}), status.get("health", {})
        lines = [
            f"{self.name}: {sync.get('status')} {sync.get('revision')} {health.get('status')}",
            f"operation: {operation.get('phase')} {operation.get('message')}",
            *(str(item) for item in status.get("conditions", ())),
            *resources,
        ]
        return "\n".join(lines)


def drift(kube: Kube, folder: Path, application: str) -> str:
    """What would change if Argo CD applied a folder once more, server-side and by force."""
    objects = yaml.safe_load_all(kube.kubectl("kustomize", str(folder)))
    text = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [_tracked(item, application) for item in objects],
        }
    )
    try:
        return kube.kubectl(
            "diff", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}",
            "--filename=-", content=text,
        )  # fmt: skip
    except KubeError as error:
        return str(error)


def _tracked(item: Json, application: str) -> Json:
    """An object as Argo CD applies it: it adds whose it is."""
    group = item["apiVersion"].rpartition("/")[0]
    metadata = item["metadata"]
    tracking = (
        f"{application}:{group}/{item['kind']}:{metadata.get('namespace', '')}/{metadata['name']}"
    )
    annotations = metadata.setdefault("annotations", {})
    annotations["argocd.argoproj.io/tracking-id"] = tracking
    return item
