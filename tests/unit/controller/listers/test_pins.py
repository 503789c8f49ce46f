"""What retention spares: read from restores as stored, however strange they are."""

import pytest
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.listers.pins import (
    Pins,
    live_unfinished_restores,
    pins_of,
    unfinished_restores,
)
from tests.support.world import World

_CANNOT_BE_READ: JsonObject = {
    "type": "ValidationPassed",
    "status": "False",
    "reason": "InvalidField",
    "lastTransitionTime": "2026-03-01T11:00:00Z",
}


def restore(source: JsonValue, status: JsonObject | None = None) -> JsonObject:
    return {
        "kind": "RestoreSession",
        "apiVersion": "core.kubestash.com/v1alpha1",
        "metadata": {"name": "strange", "namespace": "demo"},
        "spec": {"dataSource": source, "pitr": 7},
        "status": status or {},
    }


def request(spec: JsonObject, status: JsonObject | None = None) -> JsonObject:
    return {
        "kind": "RestoreRequest",
        "apiVersion": "stashgen.dev/v1alpha1",
        "metadata": {"name": "strange", "namespace": "demo"},
        "spec": spec,
        "status": status or {},
    }


def pins(*objects: JsonObject, repository: str = "repo") -> Pins:
    """The same from the caches and from the API server."""
    world = World(objects)
    found = pins_of(world, "demo", repository, unfinished_restores(world, "demo"))
    assert found == pins_of(world, "demo", repository, live_unfinished_restores(world, "demo"))
    return found


@pytest.mark.parametrize(
    "source",
    [None, 7, "text", [], {}, {"snapshot": None}, {"snapshot": 7}, {"repository": ["repo"]}],
)
def test_a_restore_that_names_nothing_holds_nothing(source: JsonValue) -> None:
    assert pins(restore(source)) == Pins()


def test_a_restore_that_names_a_repository_only_holds_it_and_no_other() -> None:
    strange = restore({"repository": "repo", "snapshot": 7})
    assert pins(strange).unclear is not None
    assert pins(strange, repository="other") == Pins()


def test_a_name_is_kept_in_the_repository_that_goes_with_it() -> None:
    strange = restore({"repository": "repo", "snapshot": "a"})
    assert pins(strange) == Pins(("a",))
    assert pins(strange, repository="other") == Pins()
    assert pins(restore({"snapshot": "a"}), repository="other") == Pins(("a",))


def test_what_a_restore_began_with_is_kept_and_not_what_its_spec_says_since() -> None:
    began: JsonObject = {
        "phase": "Running",
        "executor": {"job": "strange"},
        "inEffect": {"target": "library", "repository": "repo", "snapshot": "a"},
    }
    changed = restore({"repository": "other", "snapshot": "b"}, began)
    assert pins(changed) == Pins(("a",))
    assert pins(changed, repository="other") == Pins()


def test_what_was_chosen_is_kept_too() -> None:
    chosen: JsonObject = {"dependencies": [7, {"kind": "Snapshot", "name": "b"}, {"kind": "Addon"}]}
    assert pins(restore({"repository": "repo", "snapshot": "latest"}, chosen)).names == ("b",)
    status: JsonObject = {"snapshot": "b"}
    asked = request({"repository": "repo", "snapshot": "latest"}, status)
    assert pins(asked).names == ("b",)


@pytest.mark.parametrize(
    ("phase", "is_marked", "is_kept"),
    [
        ("Invalid", True, True),
        ("Invalid", False, False),
        ("Running", True, True),
        ("Pending", False, True),
    ],
)
def test_a_restore_is_over_only_where_it_could_be_read(
    phase: str, *, is_marked: bool, is_kept: bool
) -> None:
    conditions = [_CANNOT_BE_READ] if is_marked else []
    strange = restore({"snapshot": "a"}, {"phase": phase, "conditions": [*conditions]})
    assert pins(strange).names == (("a",) if is_kept else ())


@pytest.mark.parametrize(
    ("phase", "is_marked", "is_kept"),
    [
        ("Failed", True, True),
        ("Failed", False, False),
        ("Succeeded", True, False),
        ("Expired", False, False),
        ("Pending", False, True),
    ],
)
def test_a_request_is_over_only_where_it_could_be_read(
    phase: str, *, is_marked: bool, is_kept: bool
) -> None:
    conditions = [_CANNOT_BE_READ] if is_marked else []
    status: JsonObject = {"phase": phase, "conditions": [*conditions]}
    strange = request({"repository": "repo", "snapshot": "a"}, status)
    assert pins(strange).names == (("a",) if is_kept else ())
