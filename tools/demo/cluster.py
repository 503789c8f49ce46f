"""The demo's view of its embedded cluster: a process, an API client, a clock."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from stashgen.api import resources as known
from stashgen.api.resources import Resource
from stashgen.yaml.documents import read_documents
from stashgen_controller.kube.client import AlreadyExistsError, Client, InvalidError, NotFoundError
from tools.acceptance.view import DemoError, Json, View, age

_RESOURCES = {
    (item.api_version, item.kind): item
    for item in vars(known).values()
    if isinstance(item, Resource)
}
_WAIT_SECONDS = 60.0
_STEP_SECONDS = 0.1


class Cluster(View):
    """An embedded cluster in a process of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._errors = state.parent / "cluster.err"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stashgen_controller.embedded", "--state", str(state)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        try:
            self.url = (self.process.stdout.readline() if self.process.stdout else "").strip()
        except BaseException:
            self.stop()
            raise
        if not self.url:
            self.stop()
            raise DemoError(f"the embedded cluster did not start: {self._errors.read_text()}")
        self.client = Client.for_url(self.url)

    def stop(self) -> None:
        """End the cluster and all its pods."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def volume(self, namespace: str, claim: str) -> Path:
        """The folder of a claim."""
        return self.state / "volumes" / namespace / claim

    def apply(self, manifest: Json) -> None:
        """Create an object, or merge it into the one that is there."""
        resource = resource_of(manifest)
        namespace = manifest["metadata"].get("namespace")
        try:
            self.client.create(resource, namespace, manifest)
        except AlreadyExistsError:
            self.client.patch(resource, namespace, manifest["metadata"]["name"], manifest)

    def apply_text(self, text: bytes, path: Path) -> int:
        """Apply every document of a YAML file; returns how many there are."""
        documents = read_documents(text, PurePosixPath(path)).value
        for document in documents:
            self.apply(document.data)
        return len(documents)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """One object.

        Raises:
            DemoError: there is none.
        """
        try:
            return self.client.get(resource, namespace, name)
        except NotFoundError as error:
            raise DemoError(str(error)) from error

    def items(self, resource: Resource, namespace: str) -> list[Json]:
        """The objects of a kind, oldest first."""
        items: list[Json] = list(self.client.list(resource, namespace)[0])
        return sorted(items, key=age)

    def refusal(self, resource: Resource, namespace: str, name: str, patch: Json) -> str | None:
        """Why the API server refuses a merge patch as invalid; None where it takes it."""
        try:
            self.client.patch(resource, namespace, name, patch)
        except InvalidError as error:
            return error.message
        return None

    def wait(self, what: str, probe: Callable[[], Json]) -> Json:
        """Wait until a probe returns something true, and return that.

        Raises:
            DemoError: it does not happen.
        """
        end = time.monotonic() + _WAIT_SECONDS
        shown = sys.stderr.isatty()
        while time.monotonic() < end:
            found = probe()
            if found:
                return found
            if shown:
                print(f"\r  … {what}", end="\r", file=sys.stderr, flush=True)
            time.sleep(_STEP_SECONDS)
        raise DemoError(f"timed out waiting for: {what}")

    def move_clock_to(self, moment: str) -> None:
        """Move the cluster's clock forward to an RFC 3339 time."""
        self.client.raw("PUT", "/clock", {"now": moment})


def resource_of(manifest: Json) -> Resource:
    """The REST resource of an object."""
    return _RESOURCES[manifest["apiVersion"], manifest["kind"]]
