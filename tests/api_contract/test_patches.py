"""The patch types, and what a patch that does not fit is answered with."""

import pytest

from stashgen.api.resources import BACKUP_SESSIONS, CONFIG_MAPS, POD_TEMPLATES
from stashgen_controller.kube.client import NotFoundError
from tests.api_contract.servers import Server
from tests.api_contract.wire import Answer, Http
from tests.support.samples import Json, at, backup_session, config_map

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Patched:
    """A ConfigMap and a PodTemplate that are patched."""

    def __init__(self, http: Http, namespace: str) -> None:
        self._http = http
        self._maps = CONFIG_MAPS.path(namespace, "one")
        self._templates = POD_TEMPLATES.path(namespace, "one")
        http("POST", CONFIG_MAPS.path(namespace), _map())
        http("POST", POD_TEMPLATES.path(namespace), _template())

    def data(self, patch: object, content_type: str) -> Answer:
        """The answer to a patch of the ConfigMap."""
        return self._http("PATCH", self._maps, patch, content_type=content_type)

    def template(self, patch: object, content_type: str = STRATEGIC) -> Json:
        """The pod spec of the PodTemplate after a patch."""
        answer = self._http("PATCH", self._templates, patch, content_type=content_type)
        assert answer.status == 200, answer.body
        spec = at(answer.body, "template", "spec")
        assert isinstance(spec, dict)
        return spec


def _map() -> Json:
    return config_map("one", {"a": "1", "b": "2"}, labels={"x": "y"})


def _template() -> Json:
    containers = [
        {
            "name": name,
            "image": f"example/{name}:1",
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "args": ["x", "y"],
        }
        for name in ("main", "side")
    ]
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": "data", "emptyDir": {}}]
    spec = {"restartPolicy": "Never", "containers": containers, "volumes": volumes}
    body = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "one"}}
    return body | {"template": {"spec": spec}}


@pytest.fixture
def patched(http: Http, namespace: str) -> Patched:
    """Two objects to patch."""
    return Patched(http, namespace)


def _container(spec: Json, index: int) -> Json:
    found = at(spec, "containers", index)
    assert isinstance(found, dict)
    return found


def test_merge_patch_adds_changes_and_removes(patched: Patched) -> None:
    answer = patched.data({"data": {"a": None, "b": "3", "c": "4"}}, MERGE)
    assert answer.body["data"] == {"b": "3", "c": "4"}


def test_merge_patch_of_a_list_replaces_it(patched: Patched) -> None:
    spec = patched.template({"template": {"spec": {"volumes": [{"name": "x"}]}}}, MERGE)
    assert [at(item, "name") for item in spec["volumes"]] == ["x"]


def test_json_patch_applies_its_operations_in_order(patched: Patched) -> None:
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
        {"op": "add", "path": "/metadata/labels/c~1d", "value": "slash"},
        {"op": "copy", "from": "/data/a", "path": "/data/e"},
        {"op": "move", "from": "/data/b", "path": "/data/f"},
        {"op": "remove", "path": "/data/a"},
    ]
    answer = patched.data(operations, JSON)
    assert answer.body["data"] == {"e": "9", "f": "2"}
    assert answer.body["metadata"]["labels"] == {"x": "y", "c/d": "slash"}


def test_json_patch_reaches_into_lists(patched: Patched) -> None:
    root = "/template/spec/containers/0/args"
    operations = [
        {"op": "add", "path": f"{root}/-", "value": "last"},
        {"op": "add", "path": f"{root}/0", "value": "first"},
        {"op": "remove", "path": f"{root}/1"},
        {"op": "replace", "path": f"{root}/1", "value": "second"},
    ]
    spec = patched.template(operations, JSON)
    assert _container(spec, 0)["args"] == ["first", "second", "last"]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/data/a", "value": "other"},
        {"op": "remove", "path": "/data/absent"},
        {"op": "add", "path": "/absent/deep", "value": "x"},
        {"op": "move", "from": "/data/absent", "path": "/data/z"},
    ],
    ids=["test", "remove", "add", "move"],
)
def test_json_patch_that_does_not_fit_is_invalid(
    patched: Patched, operation: dict[str, str]
) -> None:
    answer = patched.data([operation], JSON)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


@pytest.mark.parametrize(
    "patch",
    [{"data": {}}, ["text"], [{"op": "increase", "path": "/data/a"}], [{"path": "/data/a"}]],
    ids=["object", "text", "unknown", "without"],
)
def test_json_patch_that_is_none_is_refused(patched: Patched, patch: object) -> None:
    assert patched.data(patch, JSON).status in {400, 422}


def test_strategic_patch_merges_named_items(patched: Patched) -> None:
    change = {"containers": [{"name": "side", "image": "example/side:2"}]}
    spec = patched.template({"template": {"spec": change}})
    images = [_container(spec, index)["image"] for index in (0, 1)]
    assert images == ["example/main:1", "example/side:2"]
    assert _container(spec, 1)["args"] == ["x", "y"]


def test_strategic_patch_merges_lists_within_items(patched: Patched) -> None:
    env = [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    spec = patched.template({"template": {"spec": {"containers": [{"name": "main", "env": env}]}}})
    found = {str(at(item, "name")): at(item, "value") for item in _container(spec, 0)["env"]}
    assert found == {"A": "1", "B": "3", "C": "4"}


def test_strategic_patch_replaces_plain_lists(patched: Patched) -> None:
    change = {"containers": [{"name": "main", "args": ["z"]}]}
    spec = patched.template({"template": {"spec": change}})
    assert _container(spec, 0)["args"] == ["z"]


def test_strategic_patch_deletes_named_items(patched: Patched) -> None:
    change = {"volumes": [{"name": "tmp", "$patch": "delete"}]}
    spec = patched.template({"template": {"spec": change}})
    assert [at(item, "name") for item in spec["volumes"]] == ["data"]


def test_strategic_patch_replaces_where_it_says_so(patched: Patched) -> None:
    change = {"containers": [{"name": "new", "image": "example/new:1"}, {"$patch": "replace"}]}
    spec = patched.template({"template": {"spec": change}})
    assert [at(item, "name") for item in spec["containers"]] == ["new"]


def test_strategic_patch_sets_the_order_of_items(patched: Patched) -> None:
    change = {
        "$setElementOrder/containers": [{"name": "side"}, {"name": "main"}],
        "containers": [{"name": "main", "image": "example/main:2"}],
    }
    spec = patched.template({"template": {"spec": change}})
    assert [_container(spec, index)["name"] for index in (0, 1)] == ["side", "main"]
    assert _container(spec, 1)["image"] == "example/main:2"


def test_strategic_patch_keeps_only_the_keys_it_lists(patched: Patched) -> None:
    change = {
        "volumes": [
            {"name": "tmp", "$retainKeys": ["name", "configMap"], "configMap": {"name": "a"}}
        ]
    }
    spec = patched.template({"template": {"spec": change}})
    volumes = {str(at(v, "name")): v for v in spec["volumes"]}
    assert at(volumes["tmp"], "configMap", "name") == "a"
    assert at(volumes["tmp"], "emptyDir") is None


def test_finalizers_are_removed_one_by_one_in_a_strategic_patch(http: Http, namespace: str) -> None:
    body = config_map("held", finalizers=["example.org/a", "example.org/b"])
    http("POST", CONFIG_MAPS.path(namespace), body)
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.org/a"]}}
    path = CONFIG_MAPS.path(namespace, "held")
    answer = http("PATCH", path, change, content_type=STRATEGIC)
    assert answer.body["metadata"]["finalizers"] == ["example.org/b"]


def test_strategic_patch_of_finalizers_adds_to_them(http: Http, namespace: str) -> None:
    body = config_map("held", finalizers=["example.org/a"])
    http("POST", CONFIG_MAPS.path(namespace), body)
    change = {"metadata": {"finalizers": ["example.org/b"]}}
    path = CONFIG_MAPS.path(namespace, "held")
    answer = http("PATCH", path, change, content_type=STRATEGIC)
    assert sorted(answer.body["metadata"]["finalizers"]) == ["example.org/a", "example.org/b"]


def test_custom_objects_take_no_strategic_patch(http: Http, namespace: str) -> None:
    http("POST", BACKUP_SESSIONS.path(namespace), backup_session("one"))
    path = BACKUP_SESSIONS.path(namespace, "one")
    change = {"metadata": {"labels": {"a": "b"}}}
    answer = http("PATCH", path, change, content_type=STRATEGIC)
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_unknown_patch_type_is_refused(patched: Patched) -> None:
    answer = patched.data({"data": {}}, "application/json")
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_patch_of_a_missing_object_is_not_found(server: Server, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        server.client.patch(CONFIG_MAPS, namespace, "absent", {"data": {}})


def test_patch_cannot_rename(patched: Patched) -> None:
    answer = patched.data({"metadata": {"name": "other"}}, MERGE)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "does not match the name on the URL" in answer.body["message"]


def test_patch_cannot_change_what_the_server_decides(patched: Patched) -> None:
    before = patched.data({}, MERGE).body["metadata"]
    after = patched.data({"metadata": {"creationTimestamp": None, "generation": 7}}, MERGE)
    assert after.body["metadata"]["creationTimestamp"] == before["creationTimestamp"]


def test_patch_cannot_change_the_uid(patched: Patched) -> None:
    answer = patched.data({"metadata": {"uid": "other"}}, MERGE)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert "metadata.uid: Invalid value" in answer.body["message"]
