"""A server with the real reconcilers, and a terminal at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kubectl.terminal import Terminal
from tests.support import manifests
from tests.support.harness import Harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A server of the test's own, with namespace ``demo`` and its two claims."""
    found = Harness()
    found.apply(manifests.namespace("demo"))
    found.apply(manifests.claim("demo", "library"))
    found.apply(manifests.claim("demo", "backup-store"))
    yield found
    found.stop()


@pytest.fixture
def kubectl(harness: Harness, tmp_path: Path) -> Terminal:
    """A terminal in namespace ``demo``."""
    kubeconfig = tmp_path / "kubeconfig"
    harness.server.write_kubeconfig(kubeconfig)
    return Terminal(kubeconfig, harness.clock, "demo")
