"""What a status says of an object that cannot be looked at, and what is left of it afterwards."""

from datetime import timedelta
from typing import cast

import pytest

from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen_controller.runtime.malformed import (
    holds,
    is_marked,
    marked_status,
    message_of,
    unmarked,
)
from tests.support.objects import NOW

_PHASES = ("Failed", "Pending")
_LASTING = ("Invalid", "NotReady")


def stored(**status: object) -> JsonObject:
    obj: JsonObject = {"metadata": {"namespace": "demo", "name": "one"}, "spec": {}}
    return obj | cast("JsonObject", {"status": status} if status else {})


def marked(
    obj: JsonObject,
    error: Exception | None = None,
    *,
    minutes: int = 0,
    phases: tuple[str, str] = _PHASES,
) -> JsonObject:
    why, now = error or ValueError("why"), NOW + timedelta(minutes=minutes)
    return obj | {"status": marked_status(BACKUP_SESSIONS, obj, why, now, phases)}


def test_an_error_of_ours_is_named_too() -> None:
    found = marked(stored(), OverflowError("too large"))
    assert is_marked(found)
    assert message_of(found) == "it cannot be processed: OverflowError: too large"
    assert found["status"] == {
        "phase": "Pending",
        "conditions": [
            {
                "type": "ValidationPassed",
                "status": "False",
                "lastTransitionTime": "2026-03-01T12:00:00Z",
                "reason": "Internal",
                "message": "it cannot be processed: OverflowError: too large",
            }
        ],
    }


def test_what_is_said_again_is_the_same() -> None:
    once = marked(stored(conditions=[{"type": "Other", "status": "True"}]))
    assert marked(once, minutes=7) == once


@pytest.mark.parametrize("phase", ["Pending", "Running", "Succeeded", "Failed", "Skipped"])
def test_what_has_begun_keeps_its_phase(phase: str) -> None:
    before = stored(phase=phase, snapshots=[{"name": "one"}])
    found = marked(before)
    assert isinstance(found["status"], dict)
    assert found["status"]["phase"] == phase
    assert unmarked(found)["status"] == before["status"]


@pytest.mark.parametrize("phase", ["Ready", "NotReady", "Invalid"])
def test_a_phase_of_how_things_are_is_decided_anew(phase: str) -> None:
    found = marked(stored(phase=phase, size="1 B"), phases=_LASTING)
    assert isinstance(found["status"], dict)
    assert found["status"]["phase"] == "NotReady"
    assert unmarked(found)["status"] == {"size": "1 B"}


def test_of_one_that_nobody_had_looked_at_nothing_is_left() -> None:
    assert unmarked(marked(stored())) == stored()
    assert not is_marked(stored())


@pytest.mark.parametrize(
    "status",
    [
        "a text",
        ["a list"],
        {"conditions": "a text"},
        {"conditions": ["a text", None, {"type": 7}]},
        {"conditions": [{"type": "ValidationPassed", "status": "False"}]},
        {
            "conditions": [
                {"type": "ValidationPassed", "status": "False", "lastTransitionTime": "never"}
            ]
        },
    ],
)
def test_a_status_of_any_shape_can_say_it(status: object) -> None:
    found = marked(stored() | cast("JsonObject", {"status": status}))
    assert is_marked(found)
    assert marked(found, minutes=7) == found
    assert not is_marked(unmarked(found))


def test_nothing_holds_of_an_odd_shape() -> None:
    odd: JsonObject = {"status": ["a text"]}
    assert not holds(lambda obj: bool(mapping_of(obj, "status").get("phase")), odd)
    assert holds(lambda obj: bool(obj["status"]), odd)
