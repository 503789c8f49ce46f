"""One block out of several layers, and where each of its fields was set."""

import pytest

from stashgen.model.source import Origin
from stashgen.policy.shared import Encryption, Job, RunAs
from stashgen.resolve.merge import Layer, merge
from tests.support.project import POLICY, documents

_PROJECT = """
kind: Project
metadata: {name: test}
spec:
  defaults:
    job:
      image: worker:1
      runAs: {user: 7, group: 8}
      nodeSelector: {a: b}
"""
_POLICY = """
kind: BackupPolicy
metadata: {name: gold}
spec:
  job:
    image: worker:2
    runAs: {user: 0}
"""
_GENERAL = Job(image="worker:1", run_as=RunAs(user=7, group=8), node_selector={"a": "b"})
_SPECIAL = Job(image="worker:2", run_as=RunAs(user=0))


def _origin(text: str, *path: str) -> Origin:
    (document,) = documents(text, f"{'project' if 'Project' in text else 'policy'}.yaml")
    return Origin(document, path)


def _general(ignored: frozenset[str] = frozenset()) -> Layer[Job]:
    return Layer(_GENERAL, _origin(_PROJECT, "spec", "defaults", "job"), ignored)


def _special(job: Job | None = _SPECIAL, text: str = _POLICY) -> Layer[Job]:
    return Layer(job, _origin(text, "spec", "job"))


def test_field_that_no_layer_has_and_the_block_needs_is_an_error() -> None:
    with pytest.raises(ValueError, match="secretName"):
        merge(Encryption, Layer(None, _origin(POLICY, "spec", "encryption")))


def test_last_layer_that_writes_a_field_has_it_as_a_whole() -> None:
    merged = merge(Job, _general(), _special())
    assert merged.value == Job(
        image="worker:2", run_as=RunAs(user=0), node_selector={"a": "b"}
    )  # no group: 8 belongs to user 7


def test_every_field_knows_the_line_that_set_it() -> None:
    merged = merge(Job, _general(), _special())
    assert {name: str(part.position) for name, part in merged.nearest.parts.items()} == {
        "image": "policy.yaml:6:12",
        "runAs": "policy.yaml:7:12",
        "nodeSelector": "project.yaml:9:21",
    }
    user = merged.origin("runAs", "user")
    assert (str(user.position), user.subject) == (
        "policy.yaml:7:19",
        "BackupPolicy/gold spec.job.runAs.user",
    )


def test_block_that_a_document_does_not_have_says_nothing() -> None:
    text = _POLICY[: _POLICY.index("  job:")] + "  paused: true\n"
    merged = merge(Job, _general(), _special(None, text))
    assert merged.value == _GENERAL
    assert str(merged.origin("runAs", "user").position) == "project.yaml:8:21"
    # What nobody sets would be written in the most special document.
    unset = merged.origin("resources")
    assert (str(unset.position), unset.subject) == (
        "policy.yaml:5:3",
        "BackupPolicy/gold spec.job.resources",
    )


def test_fields_that_a_layer_may_not_set_are_passed_over() -> None:
    merged = merge(Job, _general(frozenset({"run_as"})), _special(None))
    assert merged.value == Job(image="worker:1", node_selector={"a": "b"})
    assert merged.origin("runAs").subject == "BackupPolicy/gold spec.job.runAs"
