"""A controller that serves metrics; the API servers of the suite around are not needed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.resources import LEASES
from tests.support.processes import Cluster, Controller


@pytest.fixture(scope="session", autouse=True)
def ticking() -> None:
    """In place of the suite's own, which would start a kube-apiserver."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """An API server of the test's own."""
    started = Cluster(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def standby(cluster: Cluster, tmp_path: Path) -> Iterator[Controller]:
    """A controller that does not lead: it tells what the objects say and leaves them alone."""
    far = datetime.now(UTC) + timedelta(hours=1)
    spec: JsonObject = {
        "holderIdentity": "somebody-else",
        "leaseDurationSeconds": 3600,
        "acquireTime": f"{far:%Y-%m-%dT%H:%M:%S.000000Z}",
        "renewTime": f"{far:%Y-%m-%dT%H:%M:%S.000000Z}",
    }
    cluster.client.create(
        LEASES,
        "stashgen-system",
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "stashgen-controller", "namespace": "stashgen-system"},
            "spec": spec,
        },
    )
    controller = Controller(cluster.kubeconfig, tmp_path, "standby", "--leader-elect")
    yield controller
    controller.end()
