"""Finalizers, owners and namespaces: what a deletion waits for and what goes with it."""

import pytest

from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    CONFIG_MAPS,
    CRON_JOBS,
    NAMESPACES,
    REPOSITORIES,
    Resource,
)
from stashgen_controller.kube.client import ApiError, ConflictError, InvalidError, NotFoundError
from tests.api_contract.servers import Server, until
from tests.api_contract.wire import Http
from tests.support.samples import (
    Json,
    at,
    backup_configuration,
    config_map,
    cron_job,
    owner,
    repository,
)


def _is_gone(server: Server, resource: Resource, namespace: str | None, name: str) -> bool:
    try:
        server.client.get(resource, namespace, name)
    except NotFoundError:
        return True
    return False


def _wait_gone(server: Server, resource: Resource, namespace: str | None, name: str) -> None:
    until(lambda: _is_gone(server, resource, namespace, name), f"{resource.kind} {name} goes")


@pytest.fixture
def held(server: Server, namespace: str) -> Json:
    """A Repository with a finalizer that is being deleted."""
    body = repository("held", finalizers=["stashgen.dev/hold"])
    server.client.create(REPOSITORIES, namespace, body)
    server.client.delete(REPOSITORIES, namespace, "held")
    return server.client.get(REPOSITORIES, namespace, "held")


def test_finalizer_holds_an_object_that_is_deleted(held: Json) -> None:
    assert at(held, "metadata", "deletionTimestamp")
    assert at(held, "metadata", "deletionGracePeriodSeconds") == 0
    assert at(held, "metadata", "generation") == 2


@pytest.mark.usefixtures("held")
def test_object_goes_with_its_last_finalizer(server: Server, namespace: str) -> None:
    empty: Json = {"metadata": {"finalizers": []}}
    server.client.patch(REPOSITORIES, namespace, "held", empty)
    assert _is_gone(server, REPOSITORIES, namespace, "held")


def test_second_deletion_keeps_the_first_time(server: Server, namespace: str, held: Json) -> None:
    server.client.delete(REPOSITORIES, namespace, "held")
    again = server.client.get(REPOSITORIES, namespace, "held")
    assert at(again, "metadata", "deletionTimestamp") == at(held, "metadata", "deletionTimestamp")


@pytest.mark.usefixtures("held")
def test_status_can_be_written_while_a_finalizer_holds(server: Server, namespace: str) -> None:
    status: Json = {"status": {"phase": "NotReady"}}
    changed = server.client.patch(REPOSITORIES, namespace, "held", status, status=True)
    assert at(changed, "status", "phase") == "NotReady"


@pytest.mark.usefixtures("held")
def test_deleted_object_gets_no_new_finalizer(server: Server, namespace: str) -> None:
    more: Json = {"metadata": {"finalizers": ["stashgen.dev/hold", "stashgen.dev/more"]}}
    with pytest.raises(InvalidError, match=r"metadata\.finalizers: Forbidden: no new finalizers"):
        server.client.patch(REPOSITORIES, namespace, "held", more)


@pytest.mark.usefixtures("held")
def test_name_is_taken_until_the_object_is_gone(server: Server, namespace: str) -> None:
    with pytest.raises(ConflictError, match="object is being deleted"):
        server.client.create(REPOSITORIES, namespace, repository("held"))


def test_what_an_owner_had_goes_with_it(server: Server, namespace: str) -> None:
    parent = server.client.create(BACKUP_CONFIGURATIONS, namespace, backup_configuration("parent"))
    owners = [owner(parent, controller=True, blockOwnerDeletion=True)]
    server.client.create(CONFIG_MAPS, namespace, config_map("child", ownerReferences=owners))
    child = cron_job("child", suspend=True)
    child["metadata"] = {"name": "child", "ownerReferences": owners}
    server.client.create(CRON_JOBS, namespace, child)
    server.client.create(CONFIG_MAPS, namespace, config_map("other"))
    server.client.delete(BACKUP_CONFIGURATIONS, namespace, "parent")
    _wait_gone(server, CONFIG_MAPS, namespace, "child")
    _wait_gone(server, CRON_JOBS, namespace, "child")
    assert not _is_gone(server, CONFIG_MAPS, namespace, "other")


def test_owner_that_never_was_takes_its_dependants_away(server: Server, namespace: str) -> None:
    parent = server.client.create(CONFIG_MAPS, namespace, config_map("parent"))
    reference = owner(parent) | {"uid": "11111111-2222-3333-4444-555555555555"}
    server.client.create(CONFIG_MAPS, namespace, config_map("child", ownerReferences=[reference]))
    _wait_gone(server, CONFIG_MAPS, namespace, "child")
    assert not _is_gone(server, CONFIG_MAPS, namespace, "parent")


def test_one_of_two_owners_is_enough(server: Server, namespace: str) -> None:
    parents = [
        server.client.create(CONFIG_MAPS, namespace, config_map(name)) for name in ("a", "b")
    ]
    owners = [owner(parent) for parent in parents]
    server.client.create(CONFIG_MAPS, namespace, config_map("child", ownerReferences=owners))
    probe = config_map("probe", ownerReferences=owners[:1])
    server.client.create(CONFIG_MAPS, namespace, probe)
    server.client.delete(CONFIG_MAPS, namespace, "a")
    _wait_gone(server, CONFIG_MAPS, namespace, "probe")
    until(lambda: len(_owners(server, namespace)) == 1, "the lost owner is struck off")
    assert at(_owners(server, namespace)[0], "name") == "b"


def _owners(server: Server, namespace: str) -> list[object]:
    child = server.client.get(CONFIG_MAPS, namespace, "child")
    found = at(child, "metadata", "ownerReferences")
    return found if isinstance(found, list) else []


def test_orphans_stay_without_their_owner(server: Server, http: Http, namespace: str) -> None:
    parent = server.client.create(CONFIG_MAPS, namespace, config_map("parent"))
    child = config_map("child", ownerReferences=[owner(parent)])
    server.client.create(CONFIG_MAPS, namespace, child)
    http("DELETE", CONFIG_MAPS.path(namespace, "parent"), {"propagationPolicy": "Orphan"})
    _wait_gone(server, CONFIG_MAPS, namespace, "parent")
    assert not at(server.client.get(CONFIG_MAPS, namespace, "child"), "metadata", "ownerReferences")


def test_foreground_deletion_waits_for_what_blocks_it(
    server: Server, http: Http, namespace: str
) -> None:
    parent = server.client.create(CONFIG_MAPS, namespace, config_map("parent"))
    owners = [owner(parent, blockOwnerDeletion=True)]
    child = config_map("child", ownerReferences=owners, finalizers=["example.org/hold"])
    server.client.create(CONFIG_MAPS, namespace, child)
    path = CONFIG_MAPS.path(namespace, "parent")
    answer = http("DELETE", path, {"propagationPolicy": "Foreground"})
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]

    def is_deleting() -> bool:
        found = server.client.get(CONFIG_MAPS, namespace, "child")
        return bool(at(found, "metadata", "deletionTimestamp"))

    until(is_deleting, "the child is deleted first")
    assert not _is_gone(server, CONFIG_MAPS, namespace, "parent")
    empty: Json = {"metadata": {"finalizers": []}}
    server.client.patch(CONFIG_MAPS, namespace, "child", empty)
    _wait_gone(server, CONFIG_MAPS, namespace, "parent")


def test_deletion_policy_that_is_none_is_invalid(http: Http, namespace: str) -> None:
    http("POST", CONFIG_MAPS.path(namespace), config_map("one"))
    path = CONFIG_MAPS.path(namespace, "one")
    answer = http("DELETE", path, {"propagationPolicy": "Sometimes"})
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert http("GET", path).status == 200


def test_nothing_can_be_created_in_a_missing_namespace(server: Server) -> None:
    with pytest.raises(NotFoundError) as caught:
        server.client.create(CONFIG_MAPS, "contract-absent", config_map("one"))
    assert caught.value.message == 'namespaces "contract-absent" not found'


def test_new_namespace_is_active_and_labelled_with_its_name(server: Server, namespace: str) -> None:
    found = server.client.get(NAMESPACES, None, namespace)
    assert at(found, "status", "phase") == "Active"
    assert at(found, "metadata", "labels") == {"kubernetes.io/metadata.name": namespace}
    assert at(found, "spec", "finalizers") == ["kubernetes"]


def test_namespace_goes_with_all_that_is_in_it(server: Server, namespace: str) -> None:
    server.client.create(CONFIG_MAPS, namespace, config_map("one"))
    server.client.create(REPOSITORIES, namespace, repository("one"))
    server.client.delete(NAMESPACES, None, namespace)
    _wait_gone(server, NAMESPACES, None, namespace)
    assert server.client.list(CONFIG_MAPS, namespace)[0] == []
    assert server.client.list(REPOSITORIES, namespace)[0] == []


def test_namespace_that_is_deleted_takes_nothing_new(server: Server, namespace: str) -> None:
    held = repository("held", finalizers=["stashgen.dev/hold"])
    server.client.create(REPOSITORIES, namespace, held)
    server.client.delete(NAMESPACES, None, namespace)
    with pytest.raises(ApiError) as caught:
        server.client.create(CONFIG_MAPS, namespace, config_map("late"))
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    assert "because it is being terminated" in caught.value.message
    assert at(server.client.get(NAMESPACES, None, namespace), "status", "phase") == "Terminating"
    # The finalizer is taken away only once the namespace's controller has deleted the object.
    until(lambda: _is_deleting(server, namespace), "the contents are deleted")
    empty: Json = {"metadata": {"finalizers": []}}
    server.client.patch(REPOSITORIES, namespace, "held", empty)
    _wait_gone(server, NAMESPACES, None, namespace)


def _is_deleting(server: Server, namespace: str) -> bool:
    found = server.client.get(REPOSITORIES, namespace, "held")
    return bool(at(found, "metadata", "deletionTimestamp"))
