"""In a pod the way to the API server is in the environment and in files that the kubelet renews."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from urllib3 import PoolManager

from stashgen.api.resources import NAMESPACES
from stashgen_controller.kube.client import ApiError, Client
from stashgen_controller.kube.connection import Connection, UnconfiguredError, of_pod

_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The folder of a ServiceAccount, as the kubelet mounts it."""
    (tmp_path / "token").write_text("first\n", encoding="utf-8")
    (tmp_path / "ca.crt").write_text("an authority", encoding="utf-8")
    return tmp_path


def test_pod_without_an_address_is_unconfigured(account: Path) -> None:
    for environment in ({}, {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}):
        with pytest.raises(UnconfiguredError, match="no pod"):
            of_pod(environment, account)


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_pod_without_an_account_is_unconfigured(account: Path, missing: str) -> None:
    (account / missing).unlink()
    with pytest.raises(UnconfiguredError, match=missing):
        of_pod(_POD, account)


def test_address_of_either_family_is_one_of_a_url(account: Path) -> None:
    assert of_pod(_POD, account).host == "https://10.96.0.1:443"
    six = _POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert of_pod(six, account).host == "https://[fd00::1]:443"


def test_renewed_token_is_used(account: Path) -> None:
    found = of_pod(_POD, account)
    assert found.authorization() == {"Authorization": "Bearer first"}
    (account / "token").write_text("second", encoding="utf-8")
    assert found.authorization() == {"Authorization": "Bearer second"}


def test_refused_token_is_not_used_again() -> None:
    tokens = iter(["Bearer old", "Bearer new"])
    seen: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(401 if seen[-1] == "Bearer old" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        client = Client(Connection(url, PoolManager(), lambda: {"Authorization": next(tokens)}))
        with pytest.raises(ApiError, match="401"):
            client.get(NAMESPACES, None, "demo")
        client.get(NAMESPACES, None, "demo")
        client.get(NAMESPACES, None, "demo")
        server.shutdown()
        thread.join()
    assert seen == ["Bearer old", "Bearer new", "Bearer new"]


def test_token_that_cannot_be_read_fails_the_request_only(account: Path) -> None:
    client = Client(of_pod(_POD, account))
    (account / "token").unlink()
    with pytest.raises(ApiError, match="NoToken"):
        client.get(NAMESPACES, None, "demo")
