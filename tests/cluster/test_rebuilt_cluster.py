"""The whole cluster is gone, etcd included; another one is pointed at the same Git and bucket."""

from pathlib import Path

import pytest

from tests.cluster.conftest import make_namespace
from tests.cluster.installation import install
from tests.cluster.kube import Kube
from tests.cluster.way_back import Lost
from tests.support.gateway import Gateway

pytestmark = pytest.mark.alone


@pytest.mark.usefixtures("installed")
def test_a_rebuilt_cluster_recovers_every_volume_by_the_documented_commands(
    kube: Kube, gateway: Gateway, namespace: str, tmp_path: Path
) -> None:
    lost = Lost(kube, gateway, namespace, tmp_path)
    # Its address goes with the cluster; its data stays.
    gateway.stop()
    kube.cluster("down")
    kube.cluster("up")
    gateway.start()
    install(kube)
    make_namespace(kube, namespace)
    lost.sync()
    lost.recover()
