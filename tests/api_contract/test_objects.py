"""Creating, reading, replacing and deleting objects; what refusals look like."""

import pytest

from stashgen.api.resources import CONFIG_MAPS, POD_TEMPLATES, REPOSITORIES, SECRETS
from stashgen_controller.kube.client import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
)
from tests.api_contract.servers import Server
from tests.api_contract.wire import Http
from tests.support.samples import Json, at, config_map, repository


def test_missing_object_is_not_found(server: Server, namespace: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        server.client.get(CONFIG_MAPS, namespace, "absent")
    assert caught.value.message == 'configmaps "absent" not found'
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


def test_missing_custom_object_is_named_with_its_group(server: Server, namespace: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        server.client.get(REPOSITORIES, namespace, "absent")
    assert caught.value.message == 'repositories.storage.kubestash.com "absent" not found'


def test_refusal_is_a_status_object_with_details(http: Http, namespace: str) -> None:
    answer = http("GET", CONFIG_MAPS.path(namespace, "absent"))
    assert answer.status == 404
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "absent" not found',
        "reason": "NotFound",
        "details": {"name": "absent", "kind": "configmaps"},
        "code": 404,
    }


def test_refusal_of_a_custom_object_has_its_group_in_the_details(
    http: Http, namespace: str
) -> None:
    answer = http("GET", REPOSITORIES.path(namespace, "absent"))
    assert at(answer.body, "details") == {
        "name": "absent",
        "group": "storage.kubestash.com",
        "kind": "repositories",
    }


def test_created_object_gets_identity_from_the_server(server: Server, namespace: str) -> None:
    created = server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    assert at(created, "kind") == "ConfigMap"
    assert at(created, "metadata", "namespace") == namespace
    assert len(str(at(created, "metadata", "uid"))) == 36
    assert str(at(created, "metadata", "creationTimestamp")).endswith("Z")
    assert int(str(at(created, "metadata", "resourceVersion"))) > 0
    assert server.client.get(CONFIG_MAPS, namespace, "one") == created


def test_what_the_server_decides_cannot_be_sent(server: Server, namespace: str) -> None:
    body = config_map("one", uid="mine", creationTimestamp="2001-01-01T00:00:00Z", generation=9)
    created = server.client.create(CONFIG_MAPS, namespace, body)
    assert at(created, "metadata", "uid") != "mine"
    assert at(created, "metadata", "creationTimestamp") != "2001-01-01T00:00:00Z"


def test_object_with_a_resource_version_cannot_be_created(http: Http, namespace: str) -> None:
    body = config_map("one", resourceVersion="1")
    answer = http("POST", CONFIG_MAPS.path(namespace), body)
    assert answer.status == 500
    assert answer.body["message"] == "resourceVersion should not be set on objects to be created"


def test_second_create_of_a_name_already_exists(server: Server, namespace: str) -> None:
    server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    with pytest.raises(AlreadyExistsError) as caught:
        server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    assert caught.value.message == 'configmaps "one" already exists'
    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")


def test_generated_name_has_the_prefix_and_five_more(server: Server, namespace: str) -> None:
    created = server.client.create(CONFIG_MAPS, namespace, config_map("", generateName="run-"))
    name = str(at(created, "metadata", "name"))
    assert name.startswith("run-")
    assert len(name) == len("run-") + 5
    assert at(created, "metadata", "generateName") == "run-"


def test_object_without_any_name_is_invalid(server: Server, namespace: str) -> None:
    with pytest.raises(InvalidError, match="name or generateName is required"):
        server.client.create(CONFIG_MAPS, namespace, config_map(""))


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "x" * 254])
def test_name_that_is_no_subdomain_is_invalid(server: Server, namespace: str, name: str) -> None:
    with pytest.raises(InvalidError) as caught:
        server.client.create(CONFIG_MAPS, namespace, config_map(name))
    assert "metadata.name: Invalid value" in caught.value.message
    assert caught.value.reason == "Invalid"


def test_label_value_that_is_too_long_is_invalid(server: Server, namespace: str) -> None:
    body = config_map("one", labels={"a": "x" * 64})
    with pytest.raises(InvalidError, match=r"metadata\.labels: Invalid value"):
        server.client.create(CONFIG_MAPS, namespace, body)


def test_body_of_another_namespace_is_a_bad_request(http: Http, namespace: str) -> None:
    answer = http("POST", CONFIG_MAPS.path(namespace), config_map("one", namespace="other"))
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "does not match the namespace sent on the request" in answer.body["message"]


def test_body_of_another_kind_is_a_bad_request(http: Http, namespace: str) -> None:
    answer = http("POST", SECRETS.path(namespace), config_map("one"))
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


def test_replace_needs_the_version_that_was_read(server: Server, namespace: str) -> None:
    first = server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    server.client.replace(CONFIG_MAPS, namespace, {**first, "data": {"key": "second"}})
    with pytest.raises(ConflictError) as caught:
        server.client.replace(CONFIG_MAPS, namespace, {**first, "data": {"key": "third"}})
    assert caught.value.reason == "Conflict"
    assert not isinstance(caught.value, AlreadyExistsError)
    assert caught.value.message == (
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert at(server.client.get(CONFIG_MAPS, namespace, "one"), "data", "key") == "second"


def test_replace_without_a_version_overwrites(server: Server, namespace: str) -> None:
    server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    replaced = server.client.replace(CONFIG_MAPS, namespace, config_map("one", {"other": "x"}))
    assert at(replaced, "data") == {"other": "x"}


def test_custom_object_is_only_replaced_with_a_version(http: Http, namespace: str) -> None:
    http("POST", REPOSITORIES.path(namespace), repository("one"))
    answer = http("PUT", REPOSITORIES.path(namespace, "one"), repository("one"))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert "metadata.resourceVersion: Invalid value" in answer.body["message"]


def test_replace_of_a_missing_object_is_not_found(server: Server, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        server.client.replace(POD_TEMPLATES, namespace, {"metadata": {"name": "absent"}})


def test_write_that_changes_nothing_keeps_the_version(server: Server, namespace: str) -> None:
    first = server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    assert server.client.replace(CONFIG_MAPS, namespace, first) == first
    assert server.client.patch(CONFIG_MAPS, namespace, "one", {"data": {"key": "value"}}) == first


def test_versions_rise_with_each_write(server: Server, namespace: str) -> None:
    versions = [
        at(server.client.create(CONFIG_MAPS, namespace, config_map("one")), "metadata"),
        at(server.client.create(CONFIG_MAPS, namespace, config_map("two")), "metadata"),
        at(
            server.client.patch(CONFIG_MAPS, namespace, "one", {"data": {"key": "new"}}),
            "metadata",
        ),
    ]
    numbers = [int(str(at(item, "resourceVersion"))) for item in versions]
    assert numbers == sorted(set(numbers))


def test_dry_run_is_checked_but_not_stored(server: Server, namespace: str) -> None:
    shown = server.client.create(CONFIG_MAPS, namespace, config_map("one"), dry_run=True)
    assert at(shown, "metadata", "name") == "one"
    assert at(shown, "metadata", "uid")
    with pytest.raises(NotFoundError):
        server.client.get(CONFIG_MAPS, namespace, "one")
    with pytest.raises(InvalidError):
        server.client.create(CONFIG_MAPS, namespace, config_map("Not-A-Name"), dry_run=True)


def test_dry_run_of_update_and_delete_changes_nothing(http: Http, namespace: str) -> None:
    path = CONFIG_MAPS.path(namespace, "one")
    http("POST", CONFIG_MAPS.path(namespace), config_map("one"))
    patch, all_ = "application/merge-patch+json", {"dryRun": "All"}
    patched = http("PATCH", path, {"data": {"key": "x"}}, query=all_, content_type=patch)
    assert at(patched.body, "data", "key") == "x"
    assert http("DELETE", path, query=all_).status == 200
    assert at(http("GET", path).body, "data", "key") == "value"


def test_delete_removes_the_object(server: Server, namespace: str) -> None:
    server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    server.client.delete(CONFIG_MAPS, namespace, "one")
    with pytest.raises(NotFoundError):
        server.client.get(CONFIG_MAPS, namespace, "one")
    with pytest.raises(NotFoundError):
        server.client.delete(CONFIG_MAPS, namespace, "one")


def test_delete_of_another_uid_is_a_conflict(server: Server, namespace: str) -> None:
    server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    with pytest.raises(ConflictError, match=r"UID in the precondition \(other\)"):
        server.client.delete(CONFIG_MAPS, namespace, "one", uid="other")
    assert server.client.get(CONFIG_MAPS, namespace, "one")


def test_delete_answers_with_a_status_that_names_what_went(http: Http, namespace: str) -> None:
    created = http("POST", CONFIG_MAPS.path(namespace), config_map("one")).body
    answer = http("DELETE", CONFIG_MAPS.path(namespace, "one"))
    assert answer.status == 200
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "one", "kind": "configmaps", "uid": created["metadata"]["uid"]},
    }


def test_secret_text_is_stored_encoded(server: Server, namespace: str) -> None:
    body: Json = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "one"},
        "stringData": {"word": "text"},
    }
    stored = server.client.create(SECRETS, namespace, body)
    assert at(stored, "data") == {"word": "dGV4dA=="}
    assert at(stored, "type") == "Opaque"
    assert "stringData" not in stored
