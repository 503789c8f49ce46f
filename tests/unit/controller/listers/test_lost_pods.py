"""A pod that a Repository remembers as lost counts until somebody's word ends it."""

import pytest

from stashgen.api.base import JsonObject
from stashgen.api.labels import ACCEPT_LOST_POD_ANNOTATION
from stashgen_controller.listers.claims import claimants
from stashgen_controller.listers.indexes.keys import repository_key, volume_key
from stashgen_controller.runtime.kind import IndexKey
from tests.support.world import World, stored

_PENDING: JsonObject = {"repository": "repo", "phase": "Pending", "executor": {"job": "retain"}}


def repository(accepted: str = "") -> JsonObject:
    lost: JsonObject = {
        "pod": "retain-x",
        "kind": "BackupSession",
        "name": "session",
        "uid": "session-1",
        "claims": ["scratch"],
        "until": "2026-03-01T14:00:00Z",
    }
    obj: JsonObject = {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Repository",
        "metadata": {
            "name": "repo",
            "namespace": "demo",
            "annotations": {ACCEPT_LOST_POD_ANNOTATION: accepted},
        },
        "spec": {"appRef": {"kind": "PersistentVolumeClaim", "name": "library"}},
        "status": {"lostPods": [lost]},
    }
    return stored(obj, "repository-1")


def session(uid: str, *retention: JsonObject) -> JsonObject:
    obj: JsonObject = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {"name": "session", "namespace": "demo"},
        "spec": {},
        "status": {"retentionPolicy": [*retention]},
    }
    return stored(obj, uid)


def is_waited_for(*objects: JsonObject, key: IndexKey) -> bool:
    found = claimants(World(objects), "demo", [key], uid=None, goes_first=True)
    return any("retain-x" in item.why.message for item in found)


@pytest.mark.parametrize(
    ("key", "is_concerned"),
    [
        (repository_key("demo", "repo"), True),
        (volume_key("demo", "library"), True),
        (volume_key("demo", "scratch"), True),
        (repository_key("demo", "other"), False),
        (volume_key("demo", "other"), False),
        (volume_key("elsewhere", "library"), False),
    ],
)
def test_what_it_works_on_is_taken(key: IndexKey, *, is_concerned: bool) -> None:
    assert is_waited_for(repository(), key=key) is is_concerned


@pytest.mark.parametrize(
    ("objects", "counts"),
    [
        ((), True),
        ((session("session-1", _PENDING),), True),
        ((session("session-2"),), True),
        # It gave its claim back, or had its last word, and the Repository has not looked since.
        ((session("session-1"),), False),
        ((session("session-1", _PENDING | {"phase": "FailedToApply"}),), False),
    ],
)
def test_the_owners_word_ends_it_at_once(objects: tuple[JsonObject, ...], *, counts: bool) -> None:
    assert is_waited_for(repository(), *objects, key=repository_key("demo", "repo")) is counts


def test_a_persons_word_is_of_one_pod() -> None:
    key = repository_key("demo", "repo")
    assert not is_waited_for(repository("retain-x"), key=key)
    assert is_waited_for(repository("retain-y"), key=key)
