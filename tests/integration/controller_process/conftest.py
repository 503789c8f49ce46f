"""A cluster and the controllers of a test, which end with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import Cluster, Controller

Start = Callable[..., Controller]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """An API server of the test's own."""
    started = Cluster(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Start a controller by its name and flags."""
    running: list[Controller] = []

    def begin(name: str, *flags: str) -> Controller:
        running.append(Controller(cluster.kubeconfig, tmp_path, name, *flags))
        return running[-1]

    yield begin
    for controller in running:
        controller.end()
