"""One suite, two servers: every test that takes ``server`` runs against both."""

from collections.abc import Iterator

import pytest

from stashgen.api.resources import CRON_JOBS, NAMESPACES
from tests.api_contract.scopes import ServerScopes
from tests.api_contract.servers import Server, embedded_server, real_server
from tests.api_contract.wire import Http
from tests.support.samples import Json, at, cron_job

_SERVERS = {"embedded": embedded_server, "real": real_server}


def pytest_xdist_make_scheduler(config: pytest.Config) -> ServerScopes | None:
    """Scopes of ours where ``--dist loadscope`` asks for scopes."""
    return ServerScopes(config) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session", params=_SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that runs for all tests, with our CRDs installed."""
    name: str = request.param
    with _SERVERS[name](tmp_path_factory.mktemp(name)) as running:
        yield running


@pytest.fixture(scope="session")
def http(server: Server) -> Http:
    """Bare requests to the server: what the controller's client does not do or does not show."""
    return Http(server)


@pytest.fixture
def namespace(server: Server) -> str:
    """A fresh namespace."""
    return _namespace(server)


@pytest.fixture(scope="session", autouse=True)
def ticking(server: Server) -> Json:
    """A CronJob that is due every minute; made first, so that its minute passes meanwhile."""
    return server.client.create(CRON_JOBS, _namespace(server), cron_job("tick"))


def _namespace(server: Server) -> str:
    body: Json = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"generateName": "contract-"},
    }
    return str(at(server.client.create(NAMESPACES, None, body), "metadata", "name"))
