"""Requests that make no sense are answered with a Status object, never with a broken connection."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from stashgen.api.resources import CONFIG_MAPS, NAMESPACES, POD_TEMPLATES
from tests.api_contract.servers import Server
from tests.api_contract.wire import Answer, Http
from tests.support.samples import Json, at, config_map

MERGE = "application/merge-patch+json"


def _is_status(answer: Answer, code: int) -> bool:
    return (
        answer.status == code
        and at(answer.body, "kind") == "Status"
        and at(answer.body, "status") == "Failure"
        and at(answer.body, "code") == code
        and bool(at(answer.body, "message"))
    )


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"5", b"\xff\xfe", b"", b"[" * 100_000, b'{"kind":"ConfigMap","kind":'],
    ids=["cut", "list", "number", "bytes", "nothing", "deep", "twice"],
)
def test_body_that_is_no_object_is_a_bad_request(http: Http, namespace: str, body: bytes) -> None:
    assert _is_status(http("POST", CONFIG_MAPS.path(namespace), body), 400)


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": []},
        {"metadata": {"name": 5}},
        {"metadata": {"name": "one", "labels": {"a": 1}}},
        {"metadata": {"name": "one", "labels": ["a"]}},
        {"metadata": {"name": "one", "finalizers": "x"}},
        {"metadata": {"name": "one", "ownerReferences": [5]}},
        {"data": {"a": 5}},
        {"data": 5},
    ],
    ids=lambda change: str(change)[:40],
)
def test_field_of_another_type_is_a_bad_request(http: Http, namespace: str, change: Json) -> None:
    assert _is_status(http("POST", CONFIG_MAPS.path(namespace), config_map("one") | change), 400)


def test_huge_body_is_refused(http: Http, namespace: str) -> None:
    body = b"{" + b" " * 4_000_000 + b"}"
    answer = http("POST", CONFIG_MAPS.path(namespace), body)
    assert _is_status(answer, 413)
    assert answer.body["reason"] == "RequestEntityTooLarge"


def test_config_map_beyond_its_limit_is_invalid(http: Http, namespace: str) -> None:
    body = config_map("one", {"a": "x" * 1_100_000})
    assert _is_status(http("POST", CONFIG_MAPS.path(namespace), body), 422)


@pytest.mark.parametrize("patch", [b"5", b"null", b"{", b"[]", b'"x"'])
def test_patch_that_is_no_object_is_a_bad_request(http: Http, namespace: str, patch: bytes) -> None:
    http("POST", CONFIG_MAPS.path(namespace), config_map("one"))
    path = CONFIG_MAPS.path(namespace, "one")
    assert _is_status(http("PATCH", path, patch, content_type=MERGE), 400)
    assert at(http("GET", path).body, "data", "key") == "value"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/nothings",
        "/api/v1/namespaces/default/configmaps/one/scale",
        "/api/v1/namespaces/default/configmaps/one/more/and/more",
        "/api/v1/namespaces/default/configmaps/a%2Fb",
        "/api/v1/namespaces/default/configmaps/%FF",
        "/api/v2/namespaces",
        "/apis/batch/v2/jobs",
        "/apis/batch/v1/namespaces/default/nothings",
        "/api/v1/namespaces/default/configmaps/..%2F..%2Fsecrets",
    ],
)
def test_unknown_path_is_not_found(http: Http, path: str) -> None:
    assert _is_status(http("GET", path), 404)


@pytest.mark.parametrize("path", ["/nothing", "/apis/nothing/v1/things", "/etc/passwd"])
def test_path_outside_the_api_is_not_found(http: Http, path: str) -> None:
    assert http("GET", path).status == 404


@pytest.mark.parametrize(
    "query",
    ["limit=x", "timeoutSeconds=x&watch=1", "resourceVersion=new", "continue=%00"],
)
def test_parameter_that_cannot_be_read_is_a_bad_request(
    http: Http, namespace: str, query: str
) -> None:
    assert _is_status(http("GET", f"{CONFIG_MAPS.path(namespace)}?{query}"), 400)


@pytest.mark.parametrize(
    ("method", "name"), [("PUT", ""), ("PATCH", ""), ("POST", "one"), ("TRACE", "")]
)
def test_verb_that_does_not_fit_is_not_allowed(
    http: Http, namespace: str, method: str, name: str
) -> None:
    path = CONFIG_MAPS.path(namespace, name or None)
    answer = http(method, path, config_map("one") if name else None)
    assert _is_status(answer, 405)
    assert answer.body["reason"] == "MethodNotAllowed"


def test_body_in_another_format_is_unsupported(http: Http, namespace: str) -> None:
    answer = http("POST", CONFIG_MAPS.path(namespace), b"x", content_type="text/plain")
    assert _is_status(answer, 415)
    assert answer.body["reason"] == "UnsupportedMediaType"


def test_delete_options_that_are_none_are_an_error(http: Http, namespace: str) -> None:
    http("POST", CONFIG_MAPS.path(namespace), config_map("one"))
    path = CONFIG_MAPS.path(namespace, "one")
    for body in (b"{", b'{"preconditions": 5}'):
        assert at(http("DELETE", path, body).body, "kind") == "Status"
    assert _is_status(http("DELETE", f"{path}?gracePeriodSeconds=x"), 400)
    assert http("GET", path).status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x00\xff\n\n\x00",
        b"GET /" + b"x" * 2_000_000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
    ids=["words", "negative", "letters", "binary", "long"],
)
def test_server_survives_what_is_no_http(server: Server, http: Http, request_bytes: bytes) -> None:
    address = urlsplit(server.url)
    assert address.hostname is not None
    raw = socket.create_connection((address.hostname, address.port or 0), timeout=60)
    # It may hang up before it has read everything.
    with raw, suppress(ConnectionError):
        raw.sendall(request_bytes)
        while raw.recv(65536):
            pass
    assert http("GET", NAMESPACES.path(None, "default")).status == 200


def test_expression_that_is_no_template_is_refused(http: Http, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": 5}
    assert _is_status(http("POST", POD_TEMPLATES.path(namespace), body), 400)
