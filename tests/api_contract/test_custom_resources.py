"""Our CRDs as they are shipped: what they refuse, prune and fill in."""

import pytest

from stashgen.api.definitions import DEFINITIONS
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    CUSTOM_RESOURCE_DEFINITIONS,
    REPOSITORIES,
    RETENTION_POLICIES,
)
from stashgen_controller.kube.client import InvalidError
from tests.api_contract.servers import Server, wait_for_crds
from tests.api_contract.wire import Http
from tests.support.samples import Json, at, backup_configuration, backup_session, repository

MERGE = "application/merge-patch+json"


def test_crds_are_established_with_their_names(server: Server) -> None:
    items, _ = server.client.list(CUSTOM_RESOURCE_DEFINITIONS)
    for item in items:
        conditions = at(item, "status", "conditions")
        assert isinstance(conditions, list)
        kinds = {str(at(entry, "type")): at(entry, "status") for entry in conditions}
        assert kinds == {"NamesAccepted": "True", "Established": "True"}
        assert at(item, "status", "acceptedNames", "kind") == at(item, "spec", "names", "kind")
        assert at(item, "status", "storedVersions") == ["v1alpha1"]


def test_wrong_type_is_invalid_with_its_cause(http: Http, namespace: str) -> None:
    body = backup_configuration("one")
    at_spec = at(body, "spec")
    assert isinstance(at_spec, dict)
    at_spec["paused"] = "yes"
    answer = http("POST", BACKUP_CONFIGURATIONS.path(namespace), body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == (
        'BackupConfiguration.core.kubestash.com "one" is invalid: spec.paused: Invalid value: '
        '"string": spec.paused in body must be of type boolean: "string"'
    )
    assert answer.body["details"] == {
        "name": "one",
        "group": "core.kubestash.com",
        "kind": "BackupConfiguration",
        "causes": [
            {
                "reason": "FieldValueTypeInvalid",
                "message": 'Invalid value: "string": spec.paused in body must be of type '
                'boolean: "string"',
                "field": "spec.paused",
            }
        ],
    }


def test_wrong_type_in_a_list_names_the_index(http: Http, namespace: str) -> None:
    patch = {"sessions": [{"name": "a"}, {"name": 5}]}
    body = backup_configuration("one")
    body["spec"] = body["spec"] | patch
    causes = _causes(http, BACKUP_CONFIGURATIONS.path(namespace), body)
    assert causes["spec.sessions[1].name"] == "FieldValueTypeInvalid"


def test_missing_field_is_required(http: Http, namespace: str) -> None:
    body = backup_session("one")
    body["spec"] = {"session": "backup", "invoker": {"kind": "BackupConfiguration"}}
    answer = http("POST", BACKUP_SESSIONS.path(namespace), body)
    unchecked = (
        "Invalid value: null: some validation rules were not checked because the object was "
        "invalid; correct the existing errors to complete validation"
    )
    assert answer.body["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.invoker.name"},
        {"reason": "FieldValueInvalid", "message": unchecked, "field": "<nil>"},
    ]
    assert f"[spec.invoker.name: Required value, <nil>: {unchecked}]" in answer.body["message"]


def test_value_outside_the_enum_names_what_is_supported(http: Http, namespace: str) -> None:
    body = repository("one")
    body["spec"] = body["spec"] | {"deletionPolicy": "Burn"}
    answer = http("POST", REPOSITORIES.path(namespace), body)
    cause = answer.body["details"]["causes"][0]
    assert cause["field"] == "spec.deletionPolicy"
    assert cause["reason"] == "FieldValueNotSupported"
    assert cause["message"].startswith('Unsupported value: "Burn": supported values: "Delete"')


def test_number_below_the_minimum_is_invalid(http: Http, namespace: str) -> None:
    body = backup_configuration("one")
    session = at(body, "spec", "sessions", 0)
    assert isinstance(session, dict)
    session["retryConfig"] = {"maxRetry": 0}
    causes = _causes(http, BACKUP_CONFIGURATIONS.path(namespace), body)
    assert causes == {"spec.sessions[0].retryConfig.maxRetry": "FieldValueInvalid"}


def test_text_that_breaks_the_pattern_is_invalid(http: Http, namespace: str) -> None:
    body = backup_configuration("one")
    session = at(body, "spec", "sessions", 0)
    assert isinstance(session, dict)
    session["backupTimeout"] = "an hour"
    causes = _causes(http, BACKUP_CONFIGURATIONS.path(namespace), body)
    assert causes == {"spec.sessions[0].backupTimeout": "FieldValueInvalid"}


def test_every_error_is_reported(http: Http, namespace: str) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"paused": 1, "sessions": "none"}
    causes = _causes(http, BACKUP_CONFIGURATIONS.path(namespace), body)
    assert set(causes) >= {"spec.paused", "spec.sessions"}


def test_time_that_is_none_is_invalid(http: Http, namespace: str) -> None:
    http("POST", BACKUP_SESSIONS.path(namespace), backup_session("one"))
    patch = {"status": {"backupDeadline": "tomorrow"}}
    path = f"{BACKUP_SESSIONS.path(namespace, 'one')}/status"
    answer = http("PATCH", path, patch, content_type=MERGE)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "status.backupDeadline"


def _causes(http: Http, path: str, body: Json) -> dict[str, str]:
    answer = http("POST", path, body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid"), answer.body
    return {cause["field"]: cause["reason"] for cause in answer.body["details"]["causes"]}


def test_unknown_fields_are_pruned(server: Server, namespace: str) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"colour": "blue"}
    stored = server.client.create(BACKUP_CONFIGURATIONS, namespace, body | {"extra": 1})
    assert "colour" not in at(stored, "spec")
    assert "extra" not in stored


def test_unknown_fields_are_refused_where_the_client_asks_for_it(
    http: Http, namespace: str
) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"colour": "blue"}
    path = BACKUP_CONFIGURATIONS.path(namespace)
    answer = http("POST", path, body, query={"fieldValidation": "Strict"})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert 'unknown field "spec.colour"' in answer.body["message"]


def test_null_is_dropped_or_filled_in(server: Server, namespace: str) -> None:
    body = repository("one")
    body["spec"] = body["spec"] | {"deletionPolicy": None}
    stored = server.client.create(REPOSITORIES, namespace, body)
    assert at(stored, "spec", "deletionPolicy") == "Delete"


def test_defaults_are_filled_in(server: Server, namespace: str) -> None:
    body: Json = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "BackupStorage",
        "metadata": {"name": "one"},
        "spec": {
            "storage": {
                "provider": "local",
                "local": {"mountPath": "/data", "persistentVolumeClaim": {"claimName": "a"}},
            },
            "usagePolicy": {"allowedNamespaces": {}},
        },
    }
    stored = server.client.create(BACKUP_STORAGES, namespace, body)
    assert at(stored, "spec", "deletionPolicy") == "Delete"
    assert at(stored, "spec", "usagePolicy", "allowedNamespaces", "from") == "Same"


def test_spec_of_a_backup_session_cannot_change(http: Http, namespace: str) -> None:
    http("POST", BACKUP_SESSIONS.path(namespace), backup_session("one"))
    path = BACKUP_SESSIONS.path(namespace, "one")
    answer = http("PATCH", path, {"spec": {"session": "other"}}, content_type=MERGE)
    assert answer.status == 422
    assert answer.body["message"] == (
        'BackupSession.core.kubestash.com "one" is invalid: spec: Invalid value: '
        '"object": spec can not be updated'
    )
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "object": spec can not be updated',
            "field": "spec",
        }
    ]


def test_labels_of_a_backup_session_can_change(server: Server, namespace: str) -> None:
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    patch: Json = {"metadata": {"labels": {"a": "b"}}}
    changed = server.client.patch(BACKUP_SESSIONS, namespace, "one", patch)
    assert at(changed, "metadata", "labels") == {"a": "b"}


@pytest.mark.parametrize("path", ["other/place", None], ids=["other", "none"])
def test_path_of_a_repository_cannot_change(
    server: Server, namespace: str, path: str | None
) -> None:
    server.client.create(REPOSITORIES, namespace, repository("one"))
    with pytest.raises(InvalidError, match=r"spec\.path may not change"):
        server.client.patch(REPOSITORIES, namespace, "one", {"spec": {"path": path}})


def test_other_fields_of_a_repository_can_change(server: Server, namespace: str) -> None:
    server.client.create(REPOSITORIES, namespace, repository("one"))
    changed = server.client.patch(REPOSITORIES, namespace, "one", {"spec": {"paused": True}})
    assert at(changed, "spec", "paused") is True
    assert at(changed, "spec", "path") == "demo/library"


def test_retention_policy_must_keep_something(server: Server, namespace: str) -> None:
    body: Json = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "RetentionPolicy",
        "metadata": {"name": "one"},
        "spec": {"default": False},
    }
    message = "maxRetentionPeriod or successfulSnapshots is required"
    with pytest.raises(InvalidError, match=message):
        server.client.create(RETENTION_POLICIES, namespace, body)
    body["spec"] = {"maxRetentionPeriod": "30d"}
    assert server.client.create(RETENTION_POLICIES, namespace, body)


def test_crd_that_breaks_the_structural_rules_is_refused(http: Http) -> None:
    schema = {"type": "object", "properties": {"spec": {"properties": {}}}}
    answer = http("POST", CUSTOM_RESOURCE_DEFINITIONS.path(), _crd(schema))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert "openAPIV3Schema.properties[spec].type: Required value" in answer.body["message"]


def test_new_kind_is_served_and_goes_with_its_crd(http: Http, server: Server) -> None:
    properties = {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    crd = _crd({"type": "object", "properties": properties})
    assert http("POST", CUSTOM_RESOURCE_DEFINITIONS.path(), crd).status == 201
    name = "gadgets.contract.example.org"
    wait_for_crds(server, len(DEFINITIONS) + 1)
    thing = {
        "apiVersion": "contract.example.org/v1",
        "kind": "Gadget",
        "metadata": {"name": "a"},
        "spec": {"anything": {"goes": 1}},
    }
    path = "/apis/contract.example.org/v1/gadgets"
    stored = http("POST", path, thing)
    assert at(stored.body, "spec", "anything", "goes") == 1
    server.kubectl("delete", f"crd/{name}", "--timeout=60s")
    assert http("GET", path).status == 404


def _crd(schema: Json) -> Json:
    spec: Json = {
        "group": "contract.example.org",
        "scope": "Cluster",
        "names": {
            "kind": "Gadget",
            "listKind": "GadgetList",
            "plural": "gadgets",
            "singular": "gadget",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": schema},
            }
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.contract.example.org"},
        "spec": spec,
    }
