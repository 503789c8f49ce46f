"""One S3 server for all tests here; the API servers of the suite around are not needed."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway


@pytest.fixture(scope="session", autouse=True)
def ticking() -> None:
    """In place of the suite's own, which would start a kube-apiserver."""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The server with its users and its bucket."""
    gateway = Gateway(tmp_path_factory.mktemp("s3"))
    gateway.start()
    gateway.make_users_and_bucket()
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """The server with a prefix of the test's own."""
    running.next_prefix()
    return running
