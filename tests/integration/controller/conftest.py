"""One API server for a module's tests; each test has a namespace of its own."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.support import manifests
from tests.support.harness import Harness, good_worker


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


@pytest.fixture
def protected(harness: Harness) -> Harness:
    """A volume with one good Snapshot, an hour later."""
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    return harness
