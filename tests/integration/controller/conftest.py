"""One API server for a module's tests; each test has a namespace of its own."""

from collections.abc import Iterator

import pytest

from tests.support import manifests
from tests.support.harness import Harness


@pytest.fixture(scope="module")
def shared_harness() -> Iterator[Harness]:
    """The server that a module's tests share."""
    harness = Harness()
    yield harness
    harness.stop()


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A server of the test's own, with namespace ``demo`` and its two claims."""
    found = Harness()
    found.apply(manifests.namespace("demo"))
    found.apply(manifests.claim("demo", "library"))
    found.apply(manifests.claim("demo", "backup-store"))
    yield found
    found.stop()
