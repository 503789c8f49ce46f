"""Label and field selectors, beside what the contract suite asks of both servers."""

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.selectors import field_predicate, label_predicate


def _labelled(**labels: str) -> JsonObject:
    return {"metadata": {"name": "one", "labels": dict(labels)}}


@pytest.mark.parametrize(
    "selector", ["a in (x", "a x", "=x", "a,,b", "!", "a in x", "a=x y", ",", "a in (x))"]
)
def test_selector_that_cannot_be_read_is_refused(selector: str) -> None:
    with pytest.raises(StatusError, match="unable to parse requirement"):
        label_predicate(selector)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("a", True),
        ("!a", False),
        ("a=x", True),
        ("a!=x", False),
        ("b!=x", True),
        ("a in (x,y)", True),
        ("a notin (x,y)", False),
        ("b notin (x)", True),
        ("a=x,b", False),
        ("app.kubernetes.io/name!=x", True),
    ],
)
def test_labels_are_matched(selector: str, matches: bool) -> None:
    assert label_predicate(selector)(_labelled(a="x")) is matches


def test_object_without_labels_has_none() -> None:
    assert label_predicate("!a")({"metadata": {"name": "one"}})
    assert not label_predicate("a")({"metadata": {"name": "one"}})


def test_missing_field_is_empty_and_a_missing_number_is_zero() -> None:
    assert field_predicate("Pod", "spec.nodeName=")({"metadata": {}})
    assert field_predicate("Job", "status.successful=0")({"metadata": {}})
    assert field_predicate("Job", "status.successful!=0")({"status": {"succeeded": 1}})


def test_field_of_another_kind_is_refused() -> None:
    with pytest.raises(StatusError, match=r"field label not supported: status\.phase"):
        field_predicate("ConfigMap", "status.phase=Running")


def test_field_selector_without_an_operator_is_refused() -> None:
    with pytest.raises(StatusError, match="invalid selector"):
        field_predicate("Pod", "metadata.name")
