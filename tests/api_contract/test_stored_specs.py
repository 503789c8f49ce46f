"""What the compiler writes is stored unchanged, because nothing is left for a server to fill in."""

from pathlib import Path

import pytest
import yaml

from stashgen.api import resources
from stashgen.api.resources import (
    CRON_JOBS,
    JOBS,
    POD_TEMPLATES,
    ROLE_BINDINGS,
    SECRETS,
    Resource,
)
from stashgen_controller.kube.client import ApiError, InvalidError
from tests.api_contract.servers import Server
from tests.api_contract.wire import Http
from tests.support.samples import POD_SPEC, Json, at, cron_job, job

_RENDERED = Path("tests/support/data/one_volume.yaml")
_RESOURCES = {
    (item.api_version, item.kind): item
    for item in vars(resources).values()
    if isinstance(item, Resource)
}
_DOCUMENTS: dict[str, Json] = {
    f"{item['kind']}-{item['metadata']['name']}": item
    for item in yaml.safe_load_all(_RENDERED.read_text(encoding="utf-8"))
}
_SERVER_METADATA = {
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_rendered_object_is_stored_as_it_was_written(
    server: Server, namespace: str, name: str
) -> None:
    rendered = _DOCUMENTS[name]
    metadata = rendered["metadata"]
    assert isinstance(metadata, dict)
    body = {**rendered, "metadata": metadata | {"namespace": namespace}}
    resource = _RESOURCES[str(body["apiVersion"]), str(body["kind"])]
    server.client.create(resource, namespace, body)
    stored = server.client.get(resource, namespace, str(metadata["name"]))
    stored.pop("status", None)
    metadata = stored["metadata"]
    assert isinstance(metadata, dict)
    kept = {key: value for key, value in metadata.items() if key not in _SERVER_METADATA}
    template = at(stored, "spec", "jobTemplate")
    if isinstance(template, dict):
        # A server shows that no metadata was given.
        assert template.pop("metadata") == {}
    assert {**stored, "metadata": kept} == body


def test_pod_template_that_says_little_is_filled_in(server: Server, namespace: str) -> None:
    body: Json = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "one"},
        "template": {"spec": _little()},
    }
    stored = server.client.create(POD_TEMPLATES, namespace, body)
    assert at(stored, "template", "spec") == _filled()


def test_jobs_pod_that_says_little_is_filled_in(server: Server, namespace: str) -> None:
    body = job("one")
    body["spec"] = {"template": {"spec": _little()}}
    stored = server.client.create(JOBS, namespace, body)
    spec = stored["spec"]
    assert isinstance(spec, dict)
    assert at(spec.pop("template"), "spec") == _filled()
    uid = at(stored, "metadata", "uid")
    assert spec == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "manualSelector": False,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }


def test_labels_of_a_jobs_pods_lead_to_the_job(server: Server, namespace: str) -> None:
    stored = server.client.create(JOBS, namespace, job("one"))
    uid = at(stored, "metadata", "uid")
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "one",
        "controller-uid": uid,
        "job-name": "one",
    }
    assert at(stored, "spec", "template", "metadata", "labels") == labels
    assert at(stored, "metadata", "labels") == labels


def test_cron_job_that_says_little_is_filled_in(server: Server, namespace: str) -> None:
    stored = server.client.create(CRON_JOBS, namespace, cron_job("one", schedule="0 0 1 1 *"))
    spec = stored["spec"]
    assert isinstance(spec, dict)
    template = spec.pop("jobTemplate")
    assert spec == {
        "schedule": "0 0 1 1 *",
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    pod = at(template, "spec", "template", "spec")
    assert at(pod, "dnsPolicy") == "ClusterFirst"
    assert at(template, "spec", "backoffLimit") == 0


def _little() -> Json:
    field = {"fieldPath": "metadata.name"}
    container: Json = {
        "name": "main",
        "image": "example/image",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": field}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}],
        "livenessProbe": {"httpGet": {"port": 80}},
        "resources": {"limits": {"cpu": "1"}},
    }
    return {
        "restartPolicy": "Never",
        "serviceAccountName": "worker",
        "containers": [container],
        "initContainers": [{"name": "first", "image": "example/image:v1"}],
        "volumes": [
            {"name": "a", "secret": {"secretName": "s"}},
            {"name": "b", "configMap": {"name": "c"}},
            {"name": "c", "downwardAPI": {"items": [{"path": "p", "fieldRef": field}]}},
            {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {"name": "e", "hostPath": {"path": "/x"}},
            {"name": "f"},
        ],
    }


def _filled() -> Json:
    field: Json = {"apiVersion": "v1", "fieldPath": "metadata.name"}
    every: Json = {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    container: Json = every | {
        "name": "main",
        "image": "example/image",
        "imagePullPolicy": "Always",
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": field}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}],
        "livenessProbe": {
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "resources": {"limits": {"cpu": "1"}},
    }
    first: Json = every | {
        "name": "first",
        "image": "example/image:v1",
        "imagePullPolicy": "IfNotPresent",
        "resources": {},
    }
    token = {"path": "t", "expirationSeconds": 3600}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccountName": "worker",
        "serviceAccount": "worker",
        "containers": [container],
        "initContainers": [first],
        "volumes": [
            {"name": "a", "secret": {"secretName": "s", "defaultMode": 420}},
            {"name": "b", "configMap": {"name": "c", "defaultMode": 420}},
            {
                "name": "c",
                "downwardAPI": {"items": [{"path": "p", "fieldRef": field}], "defaultMode": 420},
            },
            {
                "name": "d",
                "projected": {"sources": [{"serviceAccountToken": token}], "defaultMode": 420},
            },
            {"name": "e", "hostPath": {"path": "/x", "type": ""}},
            {"name": "f", "emptyDir": {}},
        ],
    }


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [("often", "Etc/UTC"), ("61 * * * *", "Etc/UTC"), ("0 0 * * *", "Mars/Base")],
)
def test_schedule_or_zone_that_is_none_is_invalid(
    server: Server, namespace: str, schedule: str, zone: str
) -> None:
    body = cron_job("one", schedule=schedule, timeZone=zone)
    with pytest.raises(InvalidError, match=r"spec\.(schedule|timeZone): Invalid value"):
        server.client.create(CRON_JOBS, namespace, body)


def test_schedule_that_never_fires_is_taken(server: Server, namespace: str) -> None:
    body = cron_job("one", schedule="0 0 31 2 *")
    assert server.client.create(CRON_JOBS, namespace, body)


def test_zone_within_the_schedule_is_invalid(server: Server, namespace: str) -> None:
    body = cron_job("one", schedule="TZ=Etc/UTC 0 0 * * *")
    with pytest.raises(InvalidError, match=r"spec\.schedule: Invalid value"):
        server.client.create(CRON_JOBS, namespace, body)


@pytest.mark.parametrize(
    "change",
    [
        {"concurrencyPolicy": "Sometimes"},
        {"successfulJobsHistoryLimit": -1},
        {"startingDeadlineSeconds": -1},
    ],
)
def test_cron_job_setting_out_of_range_is_invalid(
    server: Server, namespace: str, change: dict[str, object]
) -> None:
    with pytest.raises(InvalidError, match=f"spec.{next(iter(change))}: "):
        server.client.create(CRON_JOBS, namespace, cron_job("one", **change))


def test_name_of_a_cron_job_leaves_room_for_its_jobs(server: Server, namespace: str) -> None:
    with pytest.raises(InvalidError, match="must be no more than 52 characters"):
        server.client.create(CRON_JOBS, namespace, cron_job("x" * 53))
    assert server.client.create(CRON_JOBS, namespace, cron_job("x" * 52, suspend=True))


def test_name_of_a_job_must_fit_a_label(server: Server, namespace: str) -> None:
    with pytest.raises(InvalidError, match="must be no more than 63"):
        server.client.create(JOBS, namespace, job("x" * 64))
    assert server.client.create(JOBS, namespace, job("x" * 63))


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"restartPolicy": "Always", "containers": POD_SPEC["containers"]}, "restartPolicy"),
        ({"restartPolicy": "Never", "containers": []}, "containers"),
        ({"restartPolicy": "Never", "containers": [{"name": "a"}]}, "containers[0].image"),
        (
            {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "a",
                        "image": "b",
                        "volumeMounts": [{"name": "none", "mountPath": "/x"}],
                    }
                ],
            },
            "containers[0].volumeMounts[0].name",
        ),
    ],
    ids=["restart", "containers", "image", "mount"],
)
def test_pod_that_cannot_run_is_invalid(
    server: Server, namespace: str, pod: Json, field: str
) -> None:
    body = job("one")
    body["spec"] = {"template": {"spec": pod}}
    with pytest.raises(InvalidError) as caught:
        server.client.create(JOBS, namespace, body)
    assert f"spec.template.spec.{field}: " in caught.value.message


def test_role_of_a_binding_cannot_change(server: Server, namespace: str) -> None:
    body = {**_DOCUMENTS["RoleBinding-stashgen-worker"], "metadata": {"name": "one"}}
    server.client.create(ROLE_BINDINGS, namespace, body)
    with pytest.raises(InvalidError, match=r"roleRef: Invalid value: .*cannot change roleRef"):
        server.client.patch(ROLE_BINDINGS, namespace, "one", {"roleRef": {"name": "other"}})


def test_type_of_a_secret_cannot_change(server: Server, namespace: str) -> None:
    body: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}}
    server.client.create(SECRETS, namespace, body)
    with pytest.raises(InvalidError, match=r"type: Invalid value: .*field is immutable"):
        server.client.patch(SECRETS, namespace, "one", {"type": "other"})


def test_unknown_field_of_a_builtin_kind_is_dropped(server: Server, namespace: str) -> None:
    body = job("one")
    body["spec"] = body["spec"] | {"colour": "blue"}
    assert "colour" not in at(server.client.create(JOBS, namespace, body), "spec")


def test_unknown_field_of_a_builtin_kind_is_refused_where_the_client_asks_for_it(
    http: Http, namespace: str
) -> None:
    body = job("one")
    body["spec"]["template"]["spec"]["nodeSelectr"] = {}
    answer = http("POST", JOBS.path(namespace), body, query={"fieldValidation": "Strict"})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert 'unknown field "spec.template.spec.nodeSelectr"' in answer.body["message"]


def test_wrong_type_in_a_builtin_kind_is_a_bad_request(server: Server, namespace: str) -> None:
    body = job("one")
    body["spec"] = body["spec"] | {"backoffLimit": "many"}
    with pytest.raises(ApiError) as caught:
        server.client.create(JOBS, namespace, body)
    assert (caught.value.status, caught.value.reason) == (400, "BadRequest")
