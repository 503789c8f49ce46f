"""The whole cluster is gone, etcd included; another one is pointed at the same Git and bucket."""

from pathlib import Path

import pytest

from tests.cluster.conftest import make_namespace
from tests.cluster.installation import install
from tests.cluster.kube import Kube
from tests.cluster.way_back import Lost
from tests.support.gateway import Gateway

pytestmark = pytest.mark.alone


def replace_cluster(kube: Kube, gateway: Gateway, keep: str = "", kept: str = "") -> None:
    """Take the cluster down and start another one, with the controllers and the same bucket."""
    # Its address goes with the cluster; its data stays.
    gateway.stop()
    kube.cluster("down", f"--keep={keep}")
    kube.cluster("up", f"--kept={kept}")
    gateway.start()
    install(kube)


@pytest.mark.usefixtures("installed")
def test_a_rebuilt_cluster_recovers_every_volume_and_the_old_one_writes_no_more(
    kube: Kube, gateway: Gateway, namespace: str, tmp_path: Path
) -> None:
    lost = Lost(kube, gateway, namespace, tmp_path)
    replace_cluster(kube, gateway, keep="old")
    make_namespace(kube, namespace)
    lost.sync()
    lost.recover()

    stored = lost.stored()
    replace_cluster(kube, gateway, kept="old")
    lost.try_to_back_up()
    assert lost.stored() == stored
