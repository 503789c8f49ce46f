"""The controller's process: when it may start, what it serves, how it ends."""

import re
import subprocess
import sys
from pathlib import Path
from typing import cast

from prometheus_client.parser import text_string_to_metric_families

from stashgen.api.base import JsonObject
from stashgen.api.resources import BACKUP_SESSIONS, DEPLOYMENTS, EVENTS, PERSISTENT_VOLUME_CLAIMS
from stashgen_controller.kinds import WATCHED
from tests.integration.controller_process.conftest import Start
from tests.support.processes import Cluster, Controller, wait_until


def _operator(replicas: int) -> JsonObject:
    labels: JsonObject = {"app.kubernetes.io/name": "kubestash-operator"}
    pod: JsonObject = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "operator", "image": "kubestash"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kubestash-kubestash-operator", "namespace": "demo", "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod},
    }


def test_it_refuses_to_work_beside_kubestashs_operator(cluster: Cluster, start: Start) -> None:
    cluster.client.create(DEPLOYMENTS, "demo", _operator(1))
    controller = start("controller")
    assert controller.ended() == 1
    last = controller.lines()[-1]
    assert last["msg"] == "the controller cannot start"
    assert "demo/kubestash-kubestash-operator" in last["error"]
    assert "scale it to 0" in last["error"]


def test_a_standby_does_not_follow_into_a_cluster_with_another_operator(
    cluster: Cluster, start: Start
) -> None:
    flags = ("--leader-elect", "--lease-duration=15")
    first = start("first", *flags)
    wait_until(lambda: first.said("leading"), "the first does not lead")
    second = start("second", *flags)
    wait_until(lambda: second.get("/readyz")[0] == 200, "the standby is not ready")
    cluster.client.create(DEPLOYMENTS, "demo", _operator(1))
    first.process.terminate()
    assert second.ended() == 1
    assert second.said("cannot take the lead")


def test_an_operator_that_is_scaled_to_nothing_does_not_matter(
    cluster: Cluster, start: Start
) -> None:
    cluster.client.create(DEPLOYMENTS, "demo", _operator(0))
    _wait_ready(start("controller"))


def test_without_any_configuration_it_says_so(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("stashgen-controller")
    for flags in ([], [f"--kubeconfig={tmp_path / 'missing'}"]):
        done = subprocess.run(
            [program, *flags], env={}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "no API server is configured" in done.stderr


def test_an_address_that_is_taken_ends_it(cluster: Cluster, start: Start) -> None:
    port = cluster.server.url.rpartition(":")[2]
    controller = start("controller", f"--metrics-address=127.0.0.1:{port}")
    assert controller.ended() == 1
    assert "Address already in use" in controller.lines()[-1]["error"]


def test_what_prometheus_reads_is_valid_and_the_same_after_a_restart(
    cluster: Cluster, start: Start
) -> None:
    for name, annotations in (("data", {}), ("scratch", {"stashgen.dev/opt-out": "a cache"})):
        cluster.client.create(PERSISTENT_VOLUME_CLAIMS, "demo", _claim(name, annotations))
    first = start("first")
    _wait_ready(first)
    text = first.get("/metrics")[1]
    assert 'stashgen_unprotected_volumes{object_namespace="demo"} 1.0' in text
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names)) > 15
    first.process.terminate()
    assert first.ended() == 0
    second = start("second")
    _wait_ready(second)
    assert _of_cluster(second.get("/metrics")[1]) == _of_cluster(text)


def test_unknown_paths_are_not_found(start: Start) -> None:
    assert start("controller").get("/debug")[0] == 404


def test_requests_are_counted_by_verb(start: Start) -> None:
    controller = start("controller")
    _wait_ready(controller)
    text = controller.get("/metrics")[1]
    verbs = dict(re.findall(r'stashgen_api_requests_total\{verb="(\w+)"\} (\S+)', text))
    # Each kind once, and the Deployments when it begins to lead.
    assert float(verbs["list"]) == len(WATCHED) + 1, verbs
    assert float(verbs["watch"]) == len(WATCHED), verbs


def test_what_changes_is_told_by_one_event(cluster: Cluster, start: Start) -> None:
    _wait_ready(start("controller"))
    session: JsonObject = {
        "apiVersion": BACKUP_SESSIONS.api_version,
        "kind": "BackupSession",
        "metadata": {"name": "manual", "namespace": "demo"},
        "spec": {
            "invoker": {
                "apiGroup": "core.kubestash.com",
                "kind": "BackupConfiguration",
                "name": "missing",
            },
            "session": "backup",
        },
    }
    made = cluster.client.create(BACKUP_SESSIONS, "demo", session)
    wait_until(lambda: bool(cluster.client.list(EVENTS, "demo")[0]), "no event was made")
    (event,) = cluster.client.list(EVENTS, "demo")[0]
    involved = cast("dict[str, str]", event["involvedObject"])
    assert (event["type"], event["reason"]) == ("Warning", "BackupSkipped")
    assert event["message"] == "BackupConfiguration missing does not exist"
    assert involved["uid"] == cast("JsonObject", made["metadata"])["uid"]


def _wait_ready(controller: Controller) -> None:
    wait_until(lambda: controller.get("/readyz") == (200, "ok\n"), "it does not become ready")


def _of_cluster(text: str) -> list[str]:
    own = ("stashgen_api_requests", "stashgen_queue_depth", "stashgen_leader")
    return [line for line in text.splitlines() if not line.startswith(own)]


def _claim(name: str, annotations: dict[str, str]) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": "demo",
            "annotations": cast("JsonObject", annotations),
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
