"""The status subresource, generations, and what each write may change."""

from collections.abc import Callable

import pytest

from stashgen.api.resources import (
    ADDONS,
    BACKUP_CONFIGURATIONS,
    CRON_JOBS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
)
from stashgen_controller.kube.client import ConflictError, NotFoundError
from tests.api_contract.servers import Server
from tests.api_contract.wire import Answer, Http
from tests.support.samples import Json, at, backup_configuration, cron_job, job


@pytest.fixture
def created(server: Server, namespace: str) -> Json:
    """A BackupConfiguration."""
    return server.client.create(BACKUP_CONFIGURATIONS, namespace, backup_configuration("one"))


def test_status_sent_on_create_is_dropped(server: Server, namespace: str) -> None:
    body = {**backup_configuration("one"), "status": {"phase": "Ready"}}
    assert "status" not in server.client.create(BACKUP_CONFIGURATIONS, namespace, body)


@pytest.mark.usefixtures("created")
def test_status_sent_beside_a_spec_is_ignored(server: Server, namespace: str) -> None:
    patch = {"spec": {"paused": False}, "status": {"phase": "Ready"}}
    changed = server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", patch)
    assert at(changed, "spec", "paused") is False
    assert "status" not in changed


def test_spec_sent_to_the_status_is_ignored(server: Server, namespace: str, created: Json) -> None:
    patch = {"spec": {"paused": False}, "status": {"phase": "Ready"}}
    changed = server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", patch, status=True)
    assert at(changed, "spec") == at(created, "spec")
    assert at(changed, "status") == {"phase": "Ready"}


def test_replacing_the_status_keeps_the_spec(server: Server, namespace: str, created: Json) -> None:
    body = {**created, "spec": {"paused": False}, "status": {"phase": "Ready"}}
    changed = server.client.replace(BACKUP_CONFIGURATIONS, namespace, body, status=True)
    assert at(changed, "spec") == at(created, "spec")
    assert at(changed, "status") == {"phase": "Ready"}


@pytest.mark.usefixtures("created")
def test_labels_sent_to_a_custom_objects_status_are_ignored(server: Server, namespace: str) -> None:
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Ready"}}
    changed = server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", patch, status=True)
    assert at(changed, "metadata", "labels") is None


def test_status_of_an_old_version_is_a_conflict(
    server: Server, namespace: str, created: Json
) -> None:
    server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", {"spec": {"paused": False}})
    body = {**created, "status": {"phase": "Ready"}}
    with pytest.raises(ConflictError):
        server.client.replace(BACKUP_CONFIGURATIONS, namespace, body, status=True)


def test_patch_with_an_old_version_is_a_conflict(
    server: Server, namespace: str, created: Json
) -> None:
    server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", {"spec": {"paused": False}})
    old = {"metadata": {"resourceVersion": at(created, "metadata", "resourceVersion")}}
    with pytest.raises(ConflictError):
        server.client.patch(
            BACKUP_CONFIGURATIONS, namespace, "one", old | {"spec": {"paused": True}}
        )


def test_generation_rises_with_the_spec_only(server: Server, namespace: str, created: Json) -> None:
    def patched(patch: Json, *, status: bool = False) -> object:
        changed = server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", patch, status=status)
        return at(changed, "metadata", "generation")

    assert at(created, "metadata", "generation") == 1
    assert patched({"status": {"phase": "Ready"}}, status=True) == 1
    assert patched({"metadata": {"labels": {"a": "b"}}}) == 1
    assert patched({"spec": {"paused": False}}) == 2
    assert patched({"spec": {"paused": False}}) == 2


def test_generation_of_a_cron_job_rises_with_its_spec(server: Server, namespace: str) -> None:
    created = server.client.create(CRON_JOBS, namespace, cron_job("one", suspend=True))
    assert at(created, "metadata", "generation") == 1
    labelled = {"metadata": {"labels": {"a": "b"}}}
    changed = server.client.patch(CRON_JOBS, namespace, "one", labelled)
    assert at(changed, "metadata", "generation") == 1
    changed = server.client.patch(CRON_JOBS, namespace, "one", {"spec": {"schedule": "0 0 * * *"}})
    assert at(changed, "metadata", "generation") == 2


def test_kind_without_a_status_has_no_such_path(http: Http) -> None:
    body = {
        "apiVersion": "addons.kubestash.com/v1alpha1",
        "kind": "Addon",
        "metadata": {"name": "contract-no-status"},
        "spec": {},
    }
    assert http("POST", ADDONS.path(), body).status == 201
    path = f"{ADDONS.path(None, 'contract-no-status')}/status"
    assert http("GET", path).status == 404
    assert http("DELETE", ADDONS.path(None, "contract-no-status")).status == 200


def test_status_of_a_missing_object_is_not_found(server: Server, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        server.client.patch(BACKUP_CONFIGURATIONS, namespace, "absent", {"status": {}}, status=True)


def test_status_of_builtin_kinds_is_their_own_path(server: Server, namespace: str) -> None:
    claim: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "manual",
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Bound"},
    }
    stored = server.client.create(PERSISTENT_VOLUME_CLAIMS, namespace, claim)
    assert at(stored, "status", "phase") == "Pending"
    assert at(stored, "spec", "volumeMode") == "Filesystem"
    bound = server.client.patch(
        PERSISTENT_VOLUME_CLAIMS, namespace, "data", {"status": {"phase": "Bound"}}, status=True
    )
    assert at(bound, "status", "phase") == "Bound"


def test_template_of_a_job_is_immutable(http: Http, namespace: str) -> None:
    assert http("POST", JOBS.path(namespace), job("one")).status == 201
    patch = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}
    answer = http(
        "PATCH", JOBS.path(namespace, "one"), patch, content_type="application/merge-patch+json"
    )
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert "field is immutable" in answer.body["message"]
    assert answer.body["details"]["causes"][0]["field"] == "spec.template"


@pytest.fixture
def patch_status(http: Http, namespace: str, created: Json) -> Callable[..., Answer]:
    """Patches the status of a custom object by JSON patch, if its UID is the given one."""
    path = f"{BACKUP_CONFIGURATIONS.path(namespace, 'one')}/status"

    def patched(*operations: Json, uid: object = at(created, "metadata", "uid")) -> Answer:
        test = {"op": "test", "path": "/metadata/uid", "value": uid}
        patch = [test, *operations]
        return http("PATCH", path, patch, content_type="application/json-patch+json")

    return patched


_NO_STATUS: Json = {"op": "test", "path": "/status", "value": None}
_WHOLE: Json = {"op": "add", "path": "/status", "value": {"phase": "Ready"}}
_FIELD: Json = {"op": "add", "path": "/status/phase", "value": "NotReady"}


@pytest.mark.usefixtures("created")
def test_uid_in_a_merge_patch_of_a_custom_objects_status_is_ignored(
    server: Server, namespace: str
) -> None:
    patch = {"metadata": {"uid": "other"}, "status": {"phase": "Ready"}}
    changed = server.client.patch(BACKUP_CONFIGURATIONS, namespace, "one", patch, status=True)
    assert at(changed, "status") == {"phase": "Ready"}
    assert at(changed, "metadata", "uid") != "other"


def test_status_is_patched_only_if_the_tested_uid_is_the_objects(
    patch_status: Callable[..., Answer],
) -> None:
    refused = patch_status(_NO_STATUS, _WHOLE, uid="other")
    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert patch_status(_NO_STATUS, _WHOLE).body["status"] == {"phase": "Ready"}
    assert patch_status(_FIELD, uid="other").status == 422
    assert patch_status(_FIELD).body["status"] == {"phase": "NotReady"}


def test_field_of_a_status_that_is_not_there_is_no_place_for_a_json_patch(
    patch_status: Callable[..., Answer],
) -> None:
    assert patch_status(_FIELD).status == 422


def test_status_that_is_there_is_not_null_to_a_json_patch(
    patch_status: Callable[..., Answer],
) -> None:
    assert patch_status(_WHOLE).status == 200
    assert patch_status(_NO_STATUS, _WHOLE).status == 422
