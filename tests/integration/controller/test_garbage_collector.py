"""The embedded cluster's owner garbage collection, where its caches are not equally far."""

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.embedded.controllers.garbage_collector import GarbageCollector
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from stashgen_controller.kube.informer import Informer
from tests.support.processes import wait_until


@pytest.fixture
def client() -> Iterator[Client]:
    server = EmbeddedServer(MovableClock())
    server.start()
    client = Client.for_url(server.url)
    client.create(known.NAMESPACES, None, _object("v1", "Namespace", "demo"))
    yield client
    server.stop()


def _object(version: str, kind: str, name: str, **metadata: JsonValue) -> JsonObject:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}}


def test_owner_that_a_cache_has_not_seen_yet_keeps_its_dependants(client: Client) -> None:
    collector = GarbageCollector(client, MovableClock())
    claims = collector.caches[known.PERSISTENT_VOLUME_CLAIMS]
    informer = Informer(client, known.PERSISTENT_VOLUME_CLAIMS, claims)
    informer.start()
    owner = client.create(known.CONFIG_MAPS, "demo", _object("v1", "ConfigMap", "owner"))
    metadata = owner["metadata"]
    assert isinstance(metadata, dict)
    reference: JsonObject = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": metadata["uid"],
    }
    owned = _object("v1", "PersistentVolumeClaim", "owned", ownerReferences=[reference])
    owned["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    client.create(known.PERSISTENT_VOLUME_CLAIMS, "demo", owned)
    wait_until(lambda: claims.get("demo", "owned") is not None, "the cache does not follow")
    collector.sync()
    assert client.get(known.PERSISTENT_VOLUME_CLAIMS, "demo", "owned")
    client.delete(known.CONFIG_MAPS, "demo", "owner")
    collector.sync()
    assert list(client.list(known.PERSISTENT_VOLUME_CLAIMS, "demo")[0]) == []
    informer.stop()
