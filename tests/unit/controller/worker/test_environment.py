"""Where a worker finds the API server, and that it asks nobody without a token."""

import pytest

from stashgen_controller.worker.environment import from_process


def test_a_pod_without_a_token_knows_no_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes tells every pod the address, in strict mode too."""
    monkeypatch.delenv("STASHGEN_API_SERVER", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "198.19.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    environment = from_process()
    assert not environment.token_file.exists()
    assert environment.api_url is None


def test_the_embedded_cluster_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASHGEN_API_SERVER", "http://127.0.0.1:1")
    assert from_process().api_url == "http://127.0.0.1:1"
