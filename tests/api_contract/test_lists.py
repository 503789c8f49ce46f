"""Lists: selectors, pages, metadata alone."""

import pytest

from stashgen.api.resources import BACKUP_SESSIONS, CONFIG_MAPS, EVENTS, JOBS, NAMESPACES
from tests.api_contract.servers import Server
from tests.api_contract.wire import Http
from tests.support.samples import Json, at, backup_session, config_map, job, names

_LABELS = {
    "a": {"tier": "gold", "app": "web"},
    "b": {"tier": "gold"},
    "c": {"tier": "silver", "app": ""},
    "d": {},
}


@pytest.fixture(scope="module")
def labelled(server: Server) -> str:
    """A namespace with BackupSessions of various labels."""
    metadata = {"generateName": "contract-"}
    body: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    namespace = str(at(server.client.create(NAMESPACES, None, body), "metadata", "name"))
    for name, labels in _LABELS.items():
        server.client.create(BACKUP_SESSIONS, namespace, backup_session(name, labels=labels))
    return namespace


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "abcd"),
        ("tier=gold", "ab"),
        ("tier==gold", "ab"),
        ("tier!=gold", "cd"),
        ("tier=gold,app=web", "a"),
        ("app", "ac"),
        ("!app", "bd"),
        ("app=", "c"),
        ("tier in (gold, silver)", "abc"),
        ("tier notin (gold)", "cd"),
        ("tier in (silver),app", "c"),
        ("tier in ()", ""),
        ("absent notin (x)", "abcd"),
    ],
)
def test_label_selector_selects_as_kubernetes_says(
    server: Server, labelled: str, selector: str, expected: str
) -> None:
    items, _ = server.client.list(BACKUP_SESSIONS, labelled, label_selector=selector)
    assert [str(at(item, "metadata", "name")) for item in items] == list(expected)


@pytest.mark.parametrize("selector", ["tier in", "=gold", "a b", "tier in (gold", "a,,b", "-x=y"])
def test_label_selector_that_cannot_be_read_is_refused(
    http: Http, labelled: str, selector: str
) -> None:
    answer = http("GET", BACKUP_SESSIONS.path(labelled), query={"labelSelector": selector})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=b", ["b"]),
        ("metadata.name==b", ["b"]),
        ("metadata.name!=b", ["a", "c", "d"]),
        ("metadata.name=absent", []),
    ],
)
def test_field_selector_by_name(
    http: Http, labelled: str, selector: str, expected: list[str]
) -> None:
    answer = http("GET", BACKUP_SESSIONS.path(labelled), query={"fieldSelector": selector})
    assert names(answer.body["items"]) == expected


def test_field_selector_by_namespace(http: Http, labelled: str) -> None:
    query = {"fieldSelector": f"metadata.namespace={labelled},metadata.name=a"}
    assert names(http("GET", BACKUP_SESSIONS.path(), query=query).body["items"]) == ["a"]


def test_field_that_cannot_be_selected_is_refused(http: Http, labelled: str) -> None:
    query = {"fieldSelector": "spec.session=backup"}
    answer = http("GET", BACKUP_SESSIONS.path(labelled), query=query)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "field label not supported: spec.session" in answer.body["message"]


def test_jobs_are_selected_by_success(http: Http, namespace: str) -> None:
    http("POST", JOBS.path(namespace), job("one"))
    for selector, expected in (("status.successful=0", ["one"]), ("status.successful=1", [])):
        answer = http("GET", JOBS.path(namespace), query={"fieldSelector": selector})
        assert names(answer.body["items"]) == expected


def test_events_are_selected_by_what_they_are_about(http: Http, namespace: str) -> None:
    for name, kind, type_ in (
        ("a", "Pod", "Warning"),
        ("b", "Job", "Warning"),
        ("c", "Pod", "Normal"),
    ):
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name},
            "involvedObject": {"kind": kind, "name": "copy", "namespace": namespace, "uid": name},
            "type": type_,
            "reason": "FailedMount",
            "message": "no",
        }
        assert http("POST", EVENTS.path(namespace), event).status == 201
    for selector, expected in (
        ("involvedObject.kind=Pod,involvedObject.name=copy,type=Warning", ["a"]),
        ("involvedObject.kind=Job,involvedObject.name=copy,type=Warning", ["b"]),
        ("involvedObject.name=copy", ["a", "b", "c"]),
        ("involvedObject.uid=c", ["c"]),
        ("involvedObject.name=other", []),
    ):
        answer = http("GET", EVENTS.path(namespace), query={"fieldSelector": selector})
        assert names(answer.body["items"]) == expected


def test_list_has_kind_version_and_order(http: Http, labelled: str) -> None:
    body = http("GET", BACKUP_SESSIONS.path(labelled)).body
    assert body["kind"] == "BackupSessionList"
    assert body["apiVersion"] == "core.kubestash.com/v1alpha1"
    assert int(body["metadata"]["resourceVersion"]) > 0
    assert names(body["items"]) == sorted(_LABELS)


def test_empty_list_has_items_and_a_version(http: Http, namespace: str) -> None:
    body = http("GET", BACKUP_SESSIONS.path(namespace)).body
    assert body["items"] == []
    assert int(body["metadata"]["resourceVersion"]) > 0


def test_list_of_a_missing_namespace_is_empty(server: Server) -> None:
    items, _ = server.client.list(CONFIG_MAPS, "contract-absent")
    assert items == []


def test_list_over_all_namespaces_has_all(server: Server, labelled: str) -> None:
    items, _ = server.client.list(BACKUP_SESSIONS)
    found = {str(at(item, "metadata", "namespace")) for item in items}
    assert labelled in found


def test_pages_together_are_the_list(http: Http, labelled: str) -> None:
    path = BACKUP_SESSIONS.path(labelled)
    first = http("GET", path, query={"limit": "3"}).body
    assert names(first["items"]) == ["a", "b", "c"]
    assert first["metadata"]["remainingItemCount"] == 1
    query = {"limit": "3", "continue": first["metadata"]["continue"]}
    second = http("GET", path, query=query).body
    assert names(second["items"]) == ["d"]
    assert not second["metadata"].get("continue")
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_second_page_is_of_the_time_of_the_first(http: Http, namespace: str) -> None:
    path = CONFIG_MAPS.path(namespace)
    for name in ("a", "b", "c"):
        http("POST", path, config_map(f"page-{name}"))
    first = http("GET", path, query={"limit": "1", "labelSelector": "!none"}).body
    shown = names(first["items"])
    http("POST", path, config_map("page-b2"))
    http("DELETE", CONFIG_MAPS.path(namespace, "page-c"))
    token = first["metadata"]["continue"]
    rest = http("GET", path, query={"continue": token, "labelSelector": "!none"}).body
    found = [name for name in shown + names(rest["items"]) if name.startswith("page-")]
    assert found == ["page-a", "page-b", "page-c"]


def test_pages_of_a_selection_have_no_count(http: Http, labelled: str) -> None:
    query = {"limit": "1", "labelSelector": "tier=gold"}
    body = http("GET", BACKUP_SESSIONS.path(labelled), query=query).body
    assert names(body["items"]) == ["a"]
    assert "remainingItemCount" not in body["metadata"]
    query["continue"] = body["metadata"]["continue"]
    body = http("GET", BACKUP_SESSIONS.path(labelled), query=query).body
    assert names(body["items"]) == ["b"]


def test_client_reads_all_pages(server: Server, namespace: str) -> None:
    for index in range(7):
        server.client.create(CONFIG_MAPS, namespace, config_map(f"page-{index}"))
    items, version = server.client.list(CONFIG_MAPS, namespace, page_size=3)
    found = [str(at(item, "metadata", "name")) for item in items]
    assert [name for name in found if name.startswith("page-")] == [f"page-{i}" for i in range(7)]
    assert int(version) > 0


def test_continue_that_cannot_be_read_is_refused(http: Http, labelled: str) -> None:
    query = {"limit": "1", "continue": "nonsense"}
    answer = http("GET", BACKUP_SESSIONS.path(labelled), query=query)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


def test_metadata_can_be_listed_alone(http: Http, labelled: str) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    body = http("GET", BACKUP_SESSIONS.path(labelled), accept=accept).body
    assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert names(body["items"]) == sorted(_LABELS)
    assert all("spec" not in item for item in body["items"])
    assert body["items"][0]["kind"] == "PartialObjectMetadata"


def test_metadata_of_one_object_can_be_read_alone(http: Http, labelled: str) -> None:
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    body = http("GET", BACKUP_SESSIONS.path(labelled, "a"), accept=accept).body
    assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert body["metadata"]["labels"] == _LABELS["a"]
    assert set(body) == {"kind", "apiVersion", "metadata"}


def test_deleting_a_selection_leaves_the_rest(http: Http, namespace: str) -> None:
    path = BACKUP_SESSIONS.path(namespace)
    for name, labels in _LABELS.items():
        http("POST", path, backup_session(name, labels=labels))
    assert http("DELETE", path, query={"labelSelector": "tier=gold"}).status == 200
    assert names(http("GET", path).body["items"]) == ["c", "d"]
    assert http("DELETE", path).status == 200
    assert http("GET", path).body["items"] == []
