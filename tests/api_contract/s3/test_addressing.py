"""A bucket that is a host of its own, or a step of the path: restic and we name it alike.

A proxy that knows only one name says which one was asked for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api_contract.s3.volume import digests, fill
from tests.support.connect_proxy import ConnectProxy
from tests.support.gateway import BUCKET, DOMAIN, Gateway, SecretFolder
from tests.support.workbench import Workbench, snapshot_name

_HOSTS = {"virtual": f"{BUCKET}.{DOMAIN}", "path": DOMAIN}


@contextmanager
def _behind(
    folder: Path, gateway: Gateway, keys: SecretFolder, name: str, args: Sequence[str]
) -> Iterator[tuple[Workbench, ConnectProxy]]:
    """A worker for which only one name leads to the server."""
    gateway.files.mkdir(parents=True)
    (folder / "storage").symlink_to(gateway.files)
    address = f"s3:https://{DOMAIN}:{gateway.port}/{BUCKET}/{gateway.prefix}"
    with ConnectProxy(gateway.port, name).running() as proxy:
        environment = {"STASHGEN_CREDENTIALS": str(keys.folder), "HTTPS_PROXY": proxy.url}
        bench = Workbench(
            folder, environment=environment, storage_args=[f"--storage={address}", *args]
        )
        yield bench, proxy


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_every_request_names_the_bucket_in_the_way_that_is_set(
    tmp_path: Path, gateway: Gateway, keys: SecretFolder, style: str
) -> None:
    host, args = _HOSTS[style], [f"--addressing-style={style}"]
    with _behind(tmp_path, gateway, keys, host, args) as (bench, proxy):
        bench.init_storage().succeeded()
        bench.init_repository().succeeded()
        fill(bench, 0)
        bench.backup(0).succeeded()
        wanted = fill(bench, 1)
        bench.backup(1).succeeded()
        bench.retain(2, "--keep-last=1").succeeded()
        for path in bench.volume.rglob("*"):
            if path.is_file():
                path.unlink()
        bench.restore(bench.record(snapshot_name(1))).succeeded()
        assert digests(bench.volume) == wanted
        assert {line.rpartition(":")[0] for line in proxy.requests} == {f"CONNECT {host}"}


@pytest.mark.parametrize("verb", ["init-storage", "init-repository"])
def test_a_server_without_names_below_it_is_not_asked_by_another_one(
    tmp_path: Path, gateway: Gateway, keys: SecretFolder, verb: str
) -> None:
    """That is an answer, not a fallback: what is written is what happens."""
    with _behind(tmp_path, gateway, keys, DOMAIN, ["--addressing-style=virtual"]) as (bench, _):
        ended = bench.init_storage() if verb == "init-storage" else bench.init_repository()
        assert ended.reason == "Unavailable"
        assert not digests(gateway.files)


def test_an_excluded_host_is_the_buckets(
    tmp_path: Path, gateway: Gateway, keys: SecretFolder
) -> None:
    """Both go by the host that they ask; nothing resolves it without the proxy."""
    args = ["--addressing-style=virtual"]
    with _behind(tmp_path, gateway, keys, _HOSTS["virtual"], args) as (bench, proxy):
        bench.environment["NO_PROXY"] = _HOSTS["virtual"]
        assert bench.init_storage().reason == "Unavailable"
        assert proxy.requests == []
