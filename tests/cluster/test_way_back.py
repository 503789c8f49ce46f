"""A namespace is deleted and synced again."""

from pathlib import Path

import pytest

from tests.cluster.conftest import make_namespace
from tests.cluster.kube import Kube
from tests.cluster.way_back import Lost
from tests.support.gateway import Gateway


@pytest.mark.usefixtures("installed")
def test_a_deleted_namespace_comes_back_by_the_documented_commands(
    kube: Kube, gateway: Gateway, namespace: str, tmp_path: Path
) -> None:
    lost = Lost(kube, gateway, namespace, tmp_path)
    kube.kubectl("delete", "namespace", namespace, "--timeout=150s")
    make_namespace(kube, namespace)
    lost.sync()
    lost.recover()
