"""One S3 server for all tests here; the API servers of the suite around are not needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_contract.s3.volume import fill
from tests.support.gateway import Gateway, SecretFolder
from tests.support.workbench import Workbench


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


@pytest.fixture
def keys(tmp_path: Path, gateway: Gateway) -> SecretFolder:
    """The mounted Secret, with the writer's keys."""
    folder = SecretFolder(tmp_path / "credentials")
    folder.write(gateway.secret())
    return folder


@pytest.fixture
def bench(tmp_path: Path, gateway: Gateway, keys: SecretFolder) -> Workbench:
    """A volume, and a worker whose storage is the bucket; its files are seen as a folder."""
    gateway.files.mkdir(parents=True)
    (tmp_path / "storage").symlink_to(gateway.files)
    return Workbench(
        tmp_path,
        environment={"STASHGEN_CREDENTIALS": str(keys.folder)},
        storage_args=[f"--storage={gateway.storage}"],
    )


@pytest.fixture
def used(bench: Workbench) -> Workbench:
    """The same with one backup."""
    bench.init()
    fill(bench, 0)
    bench.backup(0).succeeded()
    return bench
