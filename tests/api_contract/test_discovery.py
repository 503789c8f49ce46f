"""What a server says about itself: kinds, verbs, versions, health."""

import pytest

from stashgen.api import resources
from stashgen.api.resources import CUSTOM, Resource
from tests.api_contract.wire import Http
from tests.support.samples import at

_KNOWN = [item for item in vars(resources).values() if isinstance(item, Resource)]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_server_is_healthy(http: Http, path: str) -> None:
    answer = http("GET", path)
    assert (answer.status, answer.body) == (200, "ok")


def test_version_is_the_one_we_support(http: Http) -> None:
    body = http("GET", "/version").body
    assert (body["major"], body["minor"]) == ("1", "34")
    assert body["gitVersion"].startswith("v1.34.")


def test_core_group_has_one_version(http: Http) -> None:
    assert http("GET", "/api").body["versions"] == ["v1"]


def test_groups_are_listed_with_their_versions(http: Http) -> None:
    body = http("GET", "/apis").body
    assert body["kind"] == "APIGroupList"
    found = {group["name"]: group["preferredVersion"]["groupVersion"] for group in body["groups"]}
    for resource in _KNOWN:
        if resource.group:
            assert found[resource.group] == resource.api_version


def test_group_can_be_asked_for_alone(http: Http) -> None:
    body = http("GET", "/apis/storage.kubestash.com").body
    assert body["kind"] == "APIGroup"
    assert body["versions"][0]["groupVersion"] == "storage.kubestash.com/v1alpha1"


@pytest.mark.parametrize("resource", _KNOWN, ids=lambda item: item.plural)
def test_kind_is_listed_in_its_group(http: Http, resource: Resource) -> None:
    root = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    body = http("GET", root).body
    assert (body["kind"], body["groupVersion"]) == ("APIResourceList", resource.api_version)
    entry = next(item for item in body["resources"] if item["name"] == resource.plural)
    assert entry["kind"] == resource.kind
    assert entry["namespaced"] is resource.namespaced
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(entry["verbs"])


@pytest.mark.parametrize("resource", CUSTOM, ids=lambda item: item.plural)
def test_our_kinds_have_the_names_of_their_crds(http: Http, resource: Resource) -> None:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource.plural}"
    crd = http("GET", f"{path}.{resource.group}").body
    listed = http("GET", f"/apis/{resource.api_version}").body["resources"]
    entry = next(item for item in listed if item["name"] == resource.plural)
    assert entry["singularName"] == crd["spec"]["names"]["singular"]
    assert entry.get("shortNames", []) == crd["spec"]["names"].get("shortNames", [])
    assert sorted(entry["categories"]) == sorted(crd["spec"]["names"]["categories"])
    has_status = "status" in crd["spec"]["versions"][0].get("subresources", {})
    found = [item for item in listed if item["name"] == f"{resource.plural}/status"]
    assert len(found) == has_status


def test_open_api_has_a_document_for_each_group(http: Http) -> None:
    paths = http("GET", "/openapi/v3").body["paths"]
    for resource in _KNOWN:
        root = f"apis/{resource.api_version}" if resource.group else "api/v1"
        assert root in paths
    document = http("GET", at(paths, "apis/batch/v1", "serverRelativeURL"))
    assert document.body["openapi"].startswith("3.")
