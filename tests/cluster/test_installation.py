"""The installation on a real cluster: two controllers, one leads, and they may do little."""

import json

import pytest

from tests.cluster.installation import CONTROLLER, SYSTEM, leader
from tests.cluster.kube import Kube, KubeError

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("installed")]
_METRICS = "stashgen-controller-metrics:metrics"


def test_another_controller_follows_when_the_leaders_pod_is_deleted(kube: Kube) -> None:
    kube.wait_until(lambda: leader(kube))
    before = leader(kube)
    kube.kubectl("delete", f"--namespace={SYSTEM}", "pod", before, "--wait=false")
    kube.wait_until(lambda: leader(kube) not in {"", before})
    kube.kubectl(
        "rollout", "status", f"--namespace={SYSTEM}", "deployment/stashgen-controller",
        "--timeout=180s",
    )  # fmt: skip


def test_metrics_are_served_by_the_service(kube: Kube) -> None:
    path = f"/api/v1/namespaces/{SYSTEM}/services/{_METRICS}/proxy/metrics"
    text = kube.kubectl("get", "--raw", path)
    assert "# TYPE stashgen_unprotected_volumes gauge" in text


@pytest.mark.parametrize(
    "what",
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "secrets"),
        ("create", "roles"),
        ("create", "rolebindings"),
        ("create", "clusterrolebindings"),
        ("create", "pods"),
        ("create", "pods", "--subresource=exec"),
        ("create", "serviceaccounts", "--subresource=token"),
        ("update", "jobs"),
        ("patch", "jobs"),
        ("delete", "persistentvolumeclaims"),
        ("update", "backupconfigurations.core.kubestash.com"),
    ],
)
def test_the_controller_may_not(kube: Kube, what: tuple[str, ...]) -> None:
    with pytest.raises(KubeError) as refused:
        kube.kubectl("auth", "can-i", *what, f"--as={CONTROLLER}", "--all-namespaces")
    # It exits with 1 for a no, and with a message for anything else.
    assert "error" not in str(refused.value).lower()


def test_the_controllers_pods_are_those_that_restricted_lets_in(kube: Kube) -> None:
    pods = json.loads(kube.kubectl("get", f"--namespace={SYSTEM}", "pods", "--output=json"))
    namespace = json.loads(kube.kubectl("get", "namespace", SYSTEM, "--output=json"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    running = [item for item in pods["items"] if item["status"]["phase"] == "Running"]
    assert len(running) >= 2
    for item in running:
        (status,) = item["status"]["containerStatuses"]
        assert status["restartCount"] == 0, status
