"""A deleted pod's end is told before the pod is gone, as a kubelet does."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.resources import NAMESPACES, PODS
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.embedded.kubelet.kubelet import Runner
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from tests.support.processes import wait_until

_POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one", "namespace": "demo"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "containers": [{"name": "main", "image": "any", "command": ["sleep", "1000"]}],
    },
}


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(MovableClock())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: EmbeddedServer) -> Client:
    client = Client.for_url(server.url)
    namespace: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}
    client.create(NAMESPACES, None, namespace)
    return client


def runner(server: EmbeddedServer, state: Path) -> Runner:
    """A kubelet that runs."""
    client = Client.for_url(server.url)
    found = Runner(client, MovableClock(), state=state, tools=(), api_url=server.url)
    found.start()
    return found


def phase(client: Client) -> object:
    return cast("JsonObject", client.get(PODS, "demo", "one").get("status") or {}).get("phase")


def last_word(client: Client, version: str) -> JsonObject:
    """The status of the pod as it was removed."""
    for event in client.watch(PODS, "demo", resource_version=version, timeout_seconds=60):
        if event.type == "DELETED":
            return cast("JsonObject", event.object["status"])
    pytest.fail("the pod was not removed")


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_end_of_a_deleted_pod_is_told_before_it_is_gone(
    server: EmbeddedServer, client: Client, tmp_path: Path, *, is_restarted: bool
) -> None:
    kubelet = runner(server, tmp_path)
    made = client.create(PODS, "demo", _POD)
    wait_until(lambda: phase(client) == "Running", "the pod does not start")
    if is_restarted:
        kubelet.stop()
    client.delete(PODS, "demo", "one")
    if is_restarted:
        kubelet = runner(server, tmp_path)
    version = str(cast("JsonObject", made["metadata"])["resourceVersion"])
    status = last_word(client, version)
    kubelet.stop()
    assert status["phase"] == "Failed"
    (container,) = cast("list[JsonObject]", status["containerStatuses"])
    assert "terminated" in cast("JsonObject", container["state"])
