"""Requests are counted by the verbs of RBAC, and writes wait for the lead."""

from collections.abc import Mapping

import pytest

from stashgen.api.resources import JOBS, NAMESPACES, PODS
from stashgen_controller.kube.client import ApiError
from stashgen_controller.kube.gate import NotLeadingError, Requests, in_order, verb_of


@pytest.mark.parametrize(
    ("method", "path", "query", "verb"),
    [
        ("GET", JOBS.path(), {}, "list"),
        ("GET", JOBS.path("demo"), {}, "list"),
        ("GET", JOBS.path("demo", "one"), {}, "get"),
        ("GET", JOBS.path("demo"), {"watch": "true"}, "watch"),
        ("GET", PODS.path(), {}, "list"),
        ("GET", PODS.path("demo", "one"), {}, "get"),
        ("GET", NAMESPACES.path(), {}, "list"),
        ("GET", NAMESPACES.path(None, "demo"), {}, "get"),
        ("POST", JOBS.path("demo"), {}, "create"),
        ("PUT", JOBS.path("demo", "one") + "/status", {}, "update"),
        ("PATCH", JOBS.path("demo", "one"), {}, "patch"),
        ("DELETE", JOBS.path("demo", "one"), {}, "delete"),
    ],
)
def test_verb_is_the_one_of_rbac(method: str, path: str, query: dict[str, str], verb: str) -> None:
    assert verb_of(method, path, query) == verb


def test_who_does_not_lead_reads_and_does_not_write() -> None:
    requests = Requests()
    leads = False
    gate = requests.writing_only_if(lambda: leads)
    gate("GET", JOBS.path(), {})
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(NotLeadingError, match="nothing was written"):
            gate(method, JOBS.path("demo"), {})
    assert requests.by_verb == {"list": 1}
    leads = True
    gate("POST", JOBS.path("demo"), {})
    assert requests.by_verb == {"list": 1, "create": 1}


def test_the_first_gate_that_holds_a_request_back_ends_it() -> None:
    passed: list[str] = []

    def first(method: str, path: str, query: Mapping[str, str]) -> None:
        del path, query
        passed.append("first")
        if method == "POST":
            raise ApiError(403, "Held", "held back")

    def second(method: str, path: str, query: Mapping[str, str]) -> None:
        del method, path, query
        passed.append("second")

    gate = in_order(first, second)
    gate("GET", JOBS.path(), {})
    with pytest.raises(ApiError, match="held back"):
        gate("POST", JOBS.path("demo"), {})
    assert passed == ["first", "second", "first"]
