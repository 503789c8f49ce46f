"""A bucket that only a forward proxy reaches: our requests and restic's go through it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_contract.s3.volume import fill
from tests.support.connect_proxy import NAME, USER, ConnectProxy
from tests.support.gateway import BUCKET, Gateway, SecretFolder
from tests.support.workbench import Workbench, snapshot_name


@pytest.fixture
def proxy(gateway: Gateway) -> Iterator[ConnectProxy]:
    """The proxy; nothing resolves the server's name but it."""
    with ConnectProxy(gateway.port).running() as running:
        yield running


@pytest.fixture
def behind(tmp_path: Path, gateway: Gateway, keys: SecretFolder) -> Workbench:
    """A worker whose storage has the name that only the proxy knows."""
    address = f"s3:https://{NAME}:{gateway.port}/{BUCKET}/{gateway.prefix}"
    return Workbench(
        tmp_path,
        environment={"STASHGEN_CREDENTIALS": str(keys.folder)},
        storage_args=[f"--storage={address}"],
    )


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_every_request_goes_through_the_proxy(
    behind: Workbench, proxy: ConnectProxy, name: str
) -> None:
    behind.environment[name] = proxy.url
    behind.init_storage().succeeded()
    behind.init_repository().succeeded()
    fill(behind, 0)
    behind.backup(0).succeeded()
    behind.retain(1, "--keep-last=1").succeeded()
    assert {request.split(":")[0] for request in proxy.requests} == {f"CONNECT {NAME}"}


def test_restic_reads_through_the_proxy_too(behind: Workbench, proxy: ConnectProxy) -> None:
    behind.environment["HTTPS_PROXY"] = proxy.url
    behind.init_storage().succeeded()
    asked = len(proxy.requests)
    behind.init_repository().succeeded()
    fill(behind, 0)
    done = behind.backup(0).succeeded()
    assert len(proxy.requests) > asked
    (component,) = done.result.components.values()
    stats = component.restic_stats or ()
    (behind.volume / "lost").mkdir()
    snapshot = {
        "metadata": {"name": snapshot_name(0)},
        "spec": {"session": "backup"},
        "status": {"components": {"dump": {"resticStats": [item.to_wire() for item in stats]}}},
    }
    behind.restore(snapshot).succeeded()


def test_excluded_server_is_asked_directly(behind: Workbench, proxy: ConnectProxy) -> None:
    """Nothing resolves the name then. obstore by itself would not understand the pattern."""
    behind.environment |= {"HTTPS_PROXY": proxy.url, "NO_PROXY": "*.corp.test"}
    assert behind.init_storage().reason == "Unavailable"
    assert proxy.requests == []


def test_this_machine_is_never_asked_for_by_a_proxy(bench: Workbench, proxy: ConnectProxy) -> None:
    bench.environment["HTTPS_PROXY"] = proxy.url
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://backup:wrong@{host}", ""),
        ("socks5://{host}", "a proxy by socks5 is not supported"),
    ],
)
def test_proxy_that_does_not_let_us_through_is_reported_at_once(
    behind: Workbench, proxy: ConnectProxy, url: str, text: str
) -> None:
    behind.environment["HTTPS_PROXY"] = url.format(host=proxy.url.rpartition("@")[2])
    ended = behind.init_repository()
    assert ended.reason == "Unavailable"
    assert text in ended.text


def test_password_of_the_proxy_is_in_no_message(behind: Workbench, proxy: ConnectProxy) -> None:
    host = proxy.url.rpartition("@")[2].partition(":")[0]
    secret = USER.partition(":")[2]
    behind.environment["HTTPS_PROXY"] = f"http://backup:p%40ss@{host}:1"
    ended = behind.init_repository()
    assert ended.reason == "Unavailable"
    assert secret not in ended.printed
    assert "p%40ss" not in ended.printed


def test_authority_of_the_container_is_trusted_by_both(
    bench: Workbench, keys: SecretFolder, gateway: Gateway
) -> None:
    """Without a CA_CERT_DATA in the Secret: the image's or the mesh's own."""
    secret = gateway.secret()
    del secret["CA_CERT_DATA"]
    keys.write(secret)
    assert bench.init_storage().reason == "Unavailable"
    bench.environment["SSL_CERT_FILE"] = str(gateway.authority)
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()


def test_variables_of_another_identity_are_not_used(bench: Workbench) -> None:
    bench.environment |= {
        "AWS_SESSION_TOKEN": "of-somebody-else",
        "AWS_CONDITIONAL_PUT": "disabled",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "RESTIC_REPOSITORY": "/elsewhere",
        "RESTIC_PASSWORD_COMMAND": "false",
    }
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()
