import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stashgen.api.resources import NAMESPACES
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.kube.client import Client
from stashgen_controller.kube.clock import MovableClock
from tests.support.kinds import install_kinds
from tests.support.workbench import NAMESPACE, Workbench, prepared


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with a restic repository, made by the worker's own verbs, to be copied."""
    workbench = Workbench(tmp_path_factory.mktemp("template"))
    workbench.init()
    return workbench.storage


@pytest.fixture
def workbench(tmp_path: Path, template: Path) -> Workbench:
    """A workbench whose repository is initialised; its worker knows no API server."""
    return prepared(Workbench(tmp_path), template)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """An API server with our CRDs and one namespace."""
    server = EmbeddedServer(MovableClock())
    server.start()
    client = Client.for_url(server.url)
    install_kinds(client)
    client.create(NAMESPACES, None, {"metadata": {"name": NAMESPACE}})
    yield server
    server.stop()


@pytest.fixture
def client(server: EmbeddedServer) -> Client:
    """A client of the API server."""
    return Client.for_url(server.url)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Workbench:
    """Four good backups, one a day, of a volume of 20,000 bytes that changes."""
    found = prepared(Workbench(tmp_path_factory.mktemp("history")), template)
    for day in range(4):
        (found.volume / "file").write_bytes(os.urandom(20_000))
        found.backup(day).succeeded()
    return found
