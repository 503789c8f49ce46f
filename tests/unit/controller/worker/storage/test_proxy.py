"""Which proxy leads to a server: as restic's HTTP client has it."""

import pytest

from stashgen_controller.worker.storage.proxy import proxy_for

_SERVER = "https://s3.corp.test:9000"
_PROXY = "http://proxy.corp.test:3128"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": _PROXY}, _PROXY),
        ({"https_proxy": _PROXY}, _PROXY),
        ({"HTTPS_PROXY": "", "https_proxy": _PROXY}, _PROXY),
        ({"HTTPS_PROXY": _PROXY, "https_proxy": "http://other:1"}, _PROXY),
        ({"HTTPS_PROXY": "proxy.corp.test:3128"}, _PROXY),
        ({"HTTPS_PROXY": "http://me:p%40ss@proxy:1"}, "http://me:p%40ss@proxy:1"),
        ({"HTTPS_PROXY": "http://[broken"}, None),
        ({"HTTP_PROXY": _PROXY}, None),
        ({"ALL_PROXY": _PROXY, "all_proxy": _PROXY}, None),
    ],
)
def test_proxy_is_the_one_of_the_servers_scheme(
    environment: dict[str, str], expected: str | None
) -> None:
    assert proxy_for(_SERVER, environment) == expected


def test_server_without_tls_has_a_proxy_of_its_own() -> None:
    assert proxy_for("http://s3.corp.test", {"HTTP_PROXY": _PROXY}) == _PROXY
    assert proxy_for("http://s3.corp.test", {"HTTPS_PROXY": _PROXY}) is None


@pytest.mark.parametrize(
    ("server", "rules", "is_direct"),
    [
        (_SERVER, "corp.test", True),
        (_SERVER, ".corp.test", True),
        (_SERVER, "*.corp.test", True),
        (_SERVER, "other.test, S3.Corp.Test", True),
        (_SERVER, "s3.corp.test:9000", True),
        (_SERVER, "s3.corp.test:443", False),
        ("https://s3.corp.test", "s3.corp.test:443", True),
        (_SERVER, "*", True),
        (_SERVER, "orp.test", False),
        (_SERVER, ".s3.corp.test", False),
        (_SERVER, "", False),
        (_SERVER, ",,", False),
        (_SERVER, "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3:9000", "10.1.2.3:9000", True),
        ("https://10.1.2.3", "10.1.2.3:9000", False),
        ("https://10.1.2.3", "2.3", False),
        ("https://10.1.2.3", "10.0.0.0/nonsense", False),
        ("https://[fd00::1]:9000", "fd00::/8", True),
        ("https://[fd00::1]:9000", "fd00::1", True),
        ("https://[fd00::1]:9000", "[fd00::1]:9000", True),
        ("https://[fd00::1]:9000", "[fd00::1]:443", False),
        ("https://localhost:9000", "", True),
        ("https://127.0.0.1:9000", "", True),
        ("https://[::1]:9000", "", True),
    ],
)
def test_excluded_server_is_reached_directly(server: str, rules: str, is_direct: bool) -> None:
    found = proxy_for(server, {"HTTPS_PROXY": _PROXY, "no_proxy": rules})
    assert (found is None) is is_direct
