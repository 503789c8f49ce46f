"""Below a pod's settings too, a field that does not exist or has another type is refused."""

import pytest

from stashgen.api.resources import (
    ADDONS,
    BACKUP_CONFIGURATIONS,
    BACKUP_STORAGES,
    FUNCTIONS,
    RESTORE_SESSIONS,
    Resource,
)
from tests.api_contract.servers import Server
from tests.api_contract.wire import Http
from tests.support.samples import Json, at

_STRICT = {"fieldValidation": "Strict"}
_APPLY = "application/apply-patch+yaml"
_SPEC = "spec.sessions[0].addon.jobTemplate.spec"
_REQUIRED = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
_TYPE, _VALUE, _MISSING = "FieldValueTypeInvalid", "FieldValueInvalid", "FieldValueRequired"


def _object(resource: Resource, spec: Json) -> Json:
    metadata = {"name": "typed"}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec,
    }


def _configuration(pod: Json) -> Json:
    addon = {"name": "pvc-addon", "jobTemplate": {"spec": pod}}
    return _object(BACKUP_CONFIGURATIONS, {"sessions": [{"name": "backup", "addon": addon}]})


def _volume(**source: object) -> Json:
    return {"volumes": [{"name": "a", **source}]}


def _terms(*expressions: Json) -> Json:
    term = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"affinity": {"nodeAffinity": {_REQUIRED.rpartition(".")[2]: term}}}


@pytest.mark.parametrize(
    ("pod", "unknown"),
    [
        ({"securityContext": {"runAsUsr": 0}}, "securityContext.runAsUsr"),
        ({"resources": {"limit": {"memory": "1Gi"}}}, "resources.limit"),
        ({"tolerations": [{"keyy": "x"}]}, "tolerations[0].keyy"),
        ({"podPlacementPolicy": {"nam": "a"}}, "podPlacementPolicy.nam"),
        (
            _terms({"key": "disk", "operator": "In", "value": ["ssd"]}),
            f"{_REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].value",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a", "nam": "b"}}}]},
            "env[0].valueFrom.secretKeyRef.nam",
        ),
        (_volume(persistentVolumeClaims={}), "volumes[0].persistentVolumeClaims"),
        (
            _volume(ephemeral={"volumeClaimTemplate": {"metadata": {"label": {}}, "spec": {}}}),
            "volumes[0].ephemeral.volumeClaimTemplate.metadata.label",
        ),
        (
            {"initContainers": [{"name": "a", "lifecycle": {"preStop": {"exe": {}}}}]},
            "initContainers[0].lifecycle.preStop.exe",
        ),
    ],
)
def test_typo_is_refused_at_any_depth_and_else_dropped(
    http: Http, namespace: str, pod: Json, unknown: str
) -> None:
    path = BACKUP_CONFIGURATIONS.path(namespace)
    answer = http("POST", path, _configuration(pod), query=_STRICT)
    assert answer.status == 400
    assert f'unknown field "{_SPEC}.{unknown}"' in answer.body["message"]
    stored = http("POST", path, _configuration(pod))
    assert stored.status == 201
    assert f"'{unknown.rpartition('.')[2]}':" not in str(stored.body["spec"])


@pytest.mark.parametrize("query", [{}, _STRICT])
def test_typo_is_refused_by_a_server_side_apply(
    http: Http, namespace: str, query: dict[str, str]
) -> None:
    path = BACKUP_CONFIGURATIONS.path(namespace, "typed")
    body = _configuration({"securityContext": {"runAsUsr": 0}, "resources": {"limit": {}}})
    answer = http("PATCH", path, body, query={"fieldManager": "flux", **query}, content_type=_APPLY)
    assert answer.status == 500
    assert (
        "failed to create typed patch object (/typed; core.kubestash.com/v1alpha1"
        in (answer.body["message"])
    )
    for field in ("securityContext.runAsUsr", "resources.limit"):
        assert f".{_SPEC}.{field}: field not declared in schema" in answer.body["message"]
    assert http("GET", path).status == 404


@pytest.mark.parametrize(
    ("pod", "field", "reason"),
    [
        ({"securityContext": {"runAsUser": "0"}}, "securityContext.runAsUser", _TYPE),
        ({"env": [{"name": "A", "value": 5}]}, "env[0].value", _TYPE),
        ({"env": [{"value": "5"}]}, "env[0].name", _MISSING),
        ({"env": [None]}, "env[0]", _TYPE),
        ({"volumeMounts": {"name": "a"}}, "volumeMounts", _TYPE),
        ({"resources": {"limits": {"cpu": 0.5}}}, "resources.limits.cpu", _TYPE),
        ({"resources": {"limits": {"cpu": "much"}}}, "resources.limits.cpu", _VALUE),
        ({"resources": {"limits": {"cpu": True}}}, "resources.limits.cpu", _TYPE),
        ({"livenessProbe": {"tcpSocket": {}}}, "livenessProbe.tcpSocket.port", _MISSING),
        ({"livenessProbe": {"tcpSocket": {"port": []}}}, "livenessProbe.tcpSocket.port", _TYPE),
    ],
)
def test_value_that_does_not_fit_is_refused_at_any_depth(
    http: Http, namespace: str, pod: Json, field: str, reason: str
) -> None:
    answer = http("POST", BACKUP_CONFIGURATIONS.path(namespace), _configuration(pod))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    (cause,) = answer.body["details"]["causes"]
    assert (cause["field"], cause["reason"]) == (f"{_SPEC}.{field}", reason)
    if reason == _TYPE and field.endswith((".cpu", ".port")):
        assert "must be of type integer,string" in cause["message"]


@pytest.mark.parametrize(
    ("resource", "spec", "unknown"),
    [
        (BACKUP_STORAGES, {"storage": {"local": {"nfss": {}}}}, "spec.storage.local.nfss"),
        (
            BACKUP_STORAGES,
            {"storage": {"local": {"emptyDir": {"sizeLimits": "1Gi"}}}},
            "spec.storage.local.emptyDir.sizeLimits",
        ),
        (
            RESTORE_SESSIONS,
            {"manifestOptions": {"postgres": {"dbname": "a"}}},
            "spec.manifestOptions.postgres.dbname",
        ),
        (
            RESTORE_SESSIONS,
            {"hooks": {"preRestore": [{"runtimeSettings": {"pod": {"affinity": {"pod": {}}}}}]}},
            "spec.hooks.preRestore[0].runtimeSettings.pod.affinity.pod",
        ),
        (
            ADDONS,
            {"backupTasks": [{"volumeTemplate": [{"source": {"emptydir": {}}}]}]},
            "spec.backupTasks[0].volumeTemplate[0].source.emptydir",
        ),
        (FUNCTIONS, {"runtimeSettings": {"resource": {}}}, "spec.runtimeSettings.resource"),
    ],
)
def test_typo_is_refused_in_every_kind(
    http: Http, namespace: str, resource: Resource, spec: Json, unknown: str
) -> None:
    path = resource.path(namespace if resource.namespaced else None)
    answer = http("POST", path, _object(resource, spec), query=_STRICT)
    assert answer.status == 400
    assert f'unknown field "{unknown}"' in answer.body["message"]


def test_what_fits_is_stored_as_it_was_written(server: Server, namespace: str) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    pod: Json = {
        "resources": {"limits": {"cpu": 1, "memory": "1.5Gi"}, "requests": {"cpu": ".5"}},
        "env": [
            {"name": "A"},
            {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "cpu", "divisor": 1}}},
        ],
        "livenessProbe": {"tcpSocket": {"port": "http"}},
        "readinessProbe": {"httpGet": {"port": 80}},
        "imagePullSecrets": [{}],
        **_terms({"key": "disk", "operator": "In", "values": ["ssd"]}),
    }
    source = {"volumeClaimTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": claim}}
    body = _configuration(pod)
    addon = at(body, "spec", "sessions", 0, "addon")
    assert isinstance(addon, dict)
    params = {"args": "--limit-download=1", "anything": {"goes": [1]}}
    addon["tasks"] = [{"params": params, "addonVolumes": [{"name": "a", "source": source}]}]
    stored = server.client.create(BACKUP_CONFIGURATIONS, namespace, body)
    assert at(stored, "spec", "sessions", 0, "addon") == addon


def test_null_is_as_if_it_was_not_written(server: Server, namespace: str) -> None:
    pod: Json = {"resources": {"limits": {"cpu": None}, "requests": None}, "affinity": None}
    stored = server.client.create(BACKUP_CONFIGURATIONS, namespace, _configuration(pod))
    kept = at(stored, "spec", "sessions", 0, "addon", "jobTemplate", "spec")
    assert kept == {"resources": {"limits": {}}}
