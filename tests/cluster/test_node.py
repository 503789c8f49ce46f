"""The node and who may ask it or the API server for what."""

import json
import ssl
import urllib.error
import urllib.request

import pytest

from tests.cluster.audit import lines
from tests.cluster.kube import Kube, KubeError
from tests.cluster.pods import pod
from tools.cluster.certificates import authority, certificate, key, kubeconfig
from tools.cluster.layout import API_URL, NODE, NODE_ADDRESS

_KUBELET = f"https://{NODE_ADDRESS}:10250/pods"


def _status(kube: Kube, url: str, client: str | None = None, token: str | None = None) -> int:
    """How a server that the cluster's authority vouches for answers a GET."""
    tls = ssl.create_default_context(cafile=str(authority(kube.layout)))
    if client is not None:
        tls.load_cert_chain(certificate(kube.layout, client), key(kube.layout, client))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, context=tls, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_node_is_ready_and_of_the_pinned_version(kube: Kube) -> None:
    node = kube.get("default", "node", NODE)
    ready = [item for item in node["status"]["conditions"] if item["type"] == "Ready"]
    assert ready[0]["status"] == "True"
    assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.34.")
    server = json.loads(kube.kubectl("version", "--output=json"))["serverVersion"]
    assert server["gitVersion"] == node["status"]["nodeInfo"]["kubeletVersion"]


def test_kubelet_refuses_who_shows_no_credentials(kube: Kube) -> None:
    assert _status(kube, _KUBELET) == 401


def test_kubelet_asks_the_api_server_whether_a_user_may(kube: Kube, namespace: str) -> None:
    token = kube.kubectl("create", "token", "default", f"--namespace={namespace}").strip()
    assert _status(kube, _KUBELET, token=token) == 403
    assert _status(kube, _KUBELET, client="kube-apiserver-kubelet-client") == 200


def test_api_server_tells_strangers_nothing(kube: Kube) -> None:
    assert _status(kube, f"{API_URL}/api/v1/namespaces") == 403


def test_service_account_may_only_what_a_role_grants(kube: Kube, namespace: str) -> None:
    user = f"--as=system:serviceaccount:{namespace}:default"
    with pytest.raises(KubeError, match="cannot list resource"):
        kube.kubectl("get", "configmaps", f"--namespace={namespace}", user)
    kube.kubectl(
        "create", "rolebinding", "view", "--clusterrole=view",
        f"--serviceaccount={namespace}:default", f"--namespace={namespace}",
    )  # fmt: skip
    assert kube.kubectl("get", "configmaps", "--output=name", f"--namespace={namespace}", user)


def test_node_reads_no_secret_that_none_of_its_pods_needs(kube: Kube, namespace: str) -> None:
    kube.kubectl("create", "secret", "generic", "other", f"--namespace={namespace}")
    node = f"--kubeconfig={kubeconfig(kube.layout, 'kubelet')}"
    with pytest.raises(KubeError, match="no relationship found between node"):
        kube.kubectl("get", "secret", "other", f"--namespace={namespace}", node)


def test_pod_security_refuses_a_privileged_pod(kube: Kube, namespace: str) -> None:
    wanted = pod("privileged", ["true"])
    wanted["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(KubeError, match='violates PodSecurity "restricted:latest"'):
        kube.apply(namespace, wanted)


def test_every_request_is_in_the_audit_log(kube: Kube, namespace: str) -> None:
    kube.kubectl("create", "configmap", "audited", f"--namespace={namespace}")
    found = [
        event
        for event in map(json.loads, lines(kube.layout.audit_log))
        if event["verb"] == "create" and event["objectRef"].get("name") == "audited"
    ]
    assert [event["user"]["username"] for event in found] == ["kubernetes-admin"]
    assert {event["level"] for event in found} == {"Metadata"}
    assert not any("requestObject" in event for event in found)
