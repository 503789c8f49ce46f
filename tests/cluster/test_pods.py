"""Pods under PodSecurity ``restricted``: network, names, tokens, volumes, logs, exec, CronJobs."""

import http.server
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.pods import pod, pod_spec
from tools.cluster import images, oci
from tools.cluster.components import program
from tools.cluster.layout import DNS_SERVICE_ADDRESS, HOST_ADDRESS

Json = Any
_KUBECTL = "localhost/stashgen/kubectl:1"


@pytest.fixture(scope="module")
def kubectl_image(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with kubectl in it, made and loaded without a registry."""
    archive = tmp_path_factory.mktemp("images") / "kubectl.tar"
    layer = oci.Layer()
    layer.file("kubectl", program("kubectl").read_bytes(), mode=0o755)
    oci.write(archive, _KUBECTL, layer.finish(), {"Entrypoint": ["/kubectl"]})
    assert kube.cluster("load", str(archive)).split() == [_KUBECTL]
    return _KUBECTL


def _claim(name: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "8Mi"}},
        },
    }


def _mounted(claim: str) -> dict[str, Json]:
    return {
        "mounts": [{"name": "data", "mountPath": "/data"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
    }


def test_pod_reaches_the_api_server_with_its_token(
    kube: Kube, namespace: str, kubectl_image: str
) -> None:
    kube.kubectl(
        "create", "rolebinding", "view", "--clusterrole=view",
        f"--serviceaccount={namespace}:default", f"--namespace={namespace}",
    )  # fmt: skip
    get = ["/kubectl", "get", "configmaps", "--output=name"]
    by_name = pod("by-name", get, image=kubectl_image)
    # What the client library takes for the API server's address, together with the token.
    by_name["spec"]["containers"][0]["env"] = [
        {"name": "KUBERNETES_SERVICE_HOST", "value": "kubernetes.default.svc"}
    ]
    kube.apply(namespace, pod("by-address", get, image=kubectl_image), by_name)
    for name in ("by-address", "by-name"):
        assert kube.finish(namespace, name) == "configmap/kube-root-ca.crt\n"


def test_names_of_services_are_answered_and_no_other_leaves_the_machine(
    kube: Kube, namespace: str
) -> None:
    script = "nslookup kubernetes.default.svc.cluster.local; nslookup stashgen.dev. || echo none"
    kube.apply(namespace, pod("names", ["sh", "-c", script]))
    log = kube.finish(namespace, "names")
    assert f"Server:\t\t{DNS_SERVICE_ADDRESS}\n" in log
    assert "Address: 198.19.0.1\n" in log
    assert "REFUSED" in log
    assert log.endswith("none\n")


def test_pod_has_no_route_out_of_the_machine(kube: Kube, namespace: str) -> None:
    script = "wget -O - http://192.0.2.1/ 2>&1 || echo refused"
    kube.apply(namespace, pod("outside", ["sh", "-c", script]))
    log = kube.finish(namespace, "outside")
    assert "unreachable" in log
    assert log.endswith("refused\n")


def test_pod_reaches_a_server_of_the_test(kube: Kube, namespace: str) -> None:
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello from the machine\n")

        def log_message(self, *_: object) -> None:
            """Tests' output stays quiet."""

    with http.server.ThreadingHTTPServer((HOST_ADDRESS, 0), Hello) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            url = f"http://{HOST_ADDRESS}:{server.server_port}/"
            kube.apply(namespace, pod("client", ["wget", "-q", "-O", "-", url]))
            assert kube.finish(namespace, "client") == "hello from the machine\n"
        finally:
            server.shutdown()


def test_pods_reach_each_other_and_themselves_through_a_service(kube: Kube, namespace: str) -> None:
    script = "mkdir /tmp/www && echo served > /tmp/www/index.html && httpd -f -p 8080 -h /tmp/www"
    server = pod("server", ["sh", "-c", script])
    server["metadata"]["labels"] = {"app": "server"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    kube.apply(namespace, server, service)
    fetch = "until wget -q -O - http://web/ 2>/dev/null; do sleep 0.5; done"
    kube.apply(namespace, pod("client", ["sh", "-c", fetch]))
    assert kube.finish(namespace, "client") == "served\n"
    inside = ["--", "wget", "-q", "-O", "-", "http://web/"]
    assert kube.kubectl("exec", f"--namespace={namespace}", "server", *inside) == "served\n"


def test_claim_is_bound_by_the_default_class_and_keeps_what_a_pod_wrote(
    kube: Kube, namespace: str
) -> None:
    kube.apply(namespace, _claim("data"))
    write = ["sh", "-c", "echo kept > /data/file"]
    kube.apply(namespace, pod("writer", write, **_mounted("data")))
    kube.finish(namespace, "writer")
    kube.apply(namespace, pod("reader", ["cat", "/data/file"], **_mounted("data")))
    assert kube.finish(namespace, "reader") == "kept\n"
    claim = kube.get(namespace, "pvc", "data")
    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["storageClassName"] == "standard"


def test_volume_is_removed_with_its_claim(kube: Kube, namespace: str) -> None:
    kube.apply(namespace, _claim("data"))
    kube.wait_until(lambda: kube.get(namespace, "pvc", "data")["status"].get("phase") == "Bound")
    name = kube.get(namespace, "pvc", "data")["spec"]["volumeName"]
    folder = kube.layout.volumes / name
    assert folder.is_dir()
    kube.kubectl("delete", "pvc", "data", f"--namespace={namespace}")
    kube.wait_until(lambda: name not in kube.kubectl("get", "pv", "--output=name"))
    assert not folder.exists()


def test_claim_with_a_data_source_waits_for_its_populator(kube: Kube, namespace: str) -> None:
    claim = _claim("populated")
    claim["spec"]["dataSourceRef"] = {
        "apiGroup": "core.kubestash.com", "kind": "Snapshot", "name": "one",
    }  # fmt: skip
    kube.apply(namespace, claim, _claim("plain"))
    kube.wait_until(lambda: kube.get(namespace, "pvc", "plain")["status"].get("phase") == "Bound")
    assert kube.get(namespace, "pvc", "populated")["status"]["phase"] == "Pending"


def test_log_is_followed_and_a_command_runs_in_the_pod(kube: Kube, namespace: str) -> None:
    script = "echo started; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo ended"
    kube.apply(namespace, pod("running", ["sh", "-c", script]))
    kube.kubectl(
        "wait", "--for=condition=Ready", "pod/running", "--timeout=60s",
        f"--namespace={namespace}",
    )  # fmt: skip
    assert kube.kubectl("logs", "running", f"--namespace={namespace}") == "started\n"
    arguments = ["running", f"--namespace={namespace}", "--"]
    assert kube.kubectl("exec", *arguments, "id", "-u") == "65534\n"
    kube.kubectl("exec", *arguments, "touch", "/tmp/go")
    log = kube.kubectl("logs", "--follow", "running", f"--namespace={namespace}")
    assert log == "started\nended\n"


def test_cron_job_controller_runs_a_job_at_the_minute(kube: Kube, namespace: str) -> None:
    template = {"spec": {"template": {"spec": pod_spec(["echo", "ticked"])}}}
    kube.apply(
        namespace,
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "each-minute"},
            "spec": {"schedule": "* * * * *", "jobTemplate": template},
        },
    )
    finished = ["get", "jobs", f"--namespace={namespace}"]
    succeeded = "--output=jsonpath={.items[?(@.status.succeeded==1)].metadata.name}"
    kube.wait_until(lambda: kube.kubectl(*finished, succeeded), seconds=240)
    job = kube.kubectl(*finished, succeeded).split()[0]
    assert kube.kubectl("logs", f"job/{job}", f"--namespace={namespace}") == "ticked\n"


def test_results_outlive_the_container_in_its_termination_message(
    kube: Kube, namespace: str
) -> None:
    kube.apply(namespace, pod("speaks", ["sh", "-c", "echo -n done > /dev/termination-log"]))
    kube.finish(namespace, "speaks")
    status = kube.get(namespace, "pod", "speaks")["status"]
    assert status["containerStatuses"][0]["state"]["terminated"]["message"] == "done"


def test_base_image_runs(kube: Kube, namespace: str) -> None:
    archive = Path(kube.cluster("base").strip())
    assert kube.cluster("load", str(archive)).split() == [images.BASE]
    kube.apply(namespace, pod("base", ["cat", "/etc/debian_version"], image=images.BASE))
    assert kube.finish(namespace, "base").startswith("12.")
