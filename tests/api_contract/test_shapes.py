"""The types below KubeStash's fields are those of the Kubernetes that we test against."""

import pytest

from tools.kubernetes_shapes import TABLE, table


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No API server is asked here."""


def test_shapes_are_what_kubernetes_describes() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run make shapes and make manifests"
