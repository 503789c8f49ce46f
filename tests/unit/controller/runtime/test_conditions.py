"""Conditions keep their transition time as long as their status stays."""

from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.api.base import JsonObject
from stashgen.api.shared import Condition, ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.conditions import (
    RETIRED_TYPES,
    condition,
    find,
    is_true,
    look_again,
    not_done,
    waited_since,
    waiting,
    with_condition,
    without,
    without_retired,
)
from tests.support.world import NOW

_LATER = NOW + timedelta(hours=1)
_VALUES = {True: "True", False: "False", None: "Unknown"}


@pytest.mark.parametrize(
    ("waited", "again"),
    [
        (None, timedelta(minutes=1)),
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(hours=-1), timedelta(minutes=1)),
        (timedelta(minutes=30), timedelta(minutes=3)),
        (timedelta(days=1), timedelta(minutes=10)),
    ],
)
def test_what_waits_for_long_is_looked_at_less_often(
    waited: timedelta | None, again: timedelta
) -> None:
    assert look_again(NOW - waited if waited is not None else None, NOW) == again


def test_a_wait_begins_when_its_condition_does() -> None:
    earlier = waiting("A", Reason("X", "one"), NOW)
    later = waiting("A", Reason("Y", "another"), _LATER)
    assert waited_since((), later) is None
    assert waited_since((earlier,), later) == NOW
    done = condition("A", status=True, reason="Z", now=NOW)
    assert waited_since((done,), later) is None


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = with_condition((), condition("A", status=False, reason="X", message="one", now=NOW))
    same = with_condition(
        first, condition("A", status=False, reason="Y", message="two", now=_LATER)
    )
    assert same[0].last_transition_time == NOW
    assert (same[0].reason, same[0].message) == ("Y", "two")
    moved = with_condition(same, condition("A", status=True, reason="Z", now=_LATER))
    assert moved[0].last_transition_time == _LATER


def test_order_is_kept_and_a_new_type_goes_to_the_end() -> None:
    found: tuple[Condition, ...] = ()
    for type_ in ("A", "B", "C", "A"):
        found = with_condition(found, condition(type_, status=True, reason="R", now=NOW))
    assert [item.type for item in found] == ["A", "B", "C"]
    assert [item.type for item in without(found, "B")] == ["A", "C"]


@pytest.mark.parametrize("reason", ["NotReviewedYet", "AdmissionPolicyMissing"])
def test_a_refusal_that_passes_by_itself_is_no_failure(reason: str) -> None:
    found = not_done("A", "FailedToDoIt", Reason(reason, "jobs is forbidden: why"), NOW)
    assert (found.status, found.reason) == (ConditionStatus.UNKNOWN, reason)
    assert found.message == "jobs is forbidden: why"


def test_any_other_refusal_is_a_failure_with_all_its_words() -> None:
    found = not_done("A", "FailedToDoIt", Reason("Forbidden", "exceeded quota"), NOW)
    assert (found.status, found.reason) == (ConditionStatus.FALSE, "FailedToDoIt")
    assert found.message == "Forbidden: exceeded quota"


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from([True, False, None])), max_size=12)
)
def test_the_last_word_about_a_type_counts(words: list[tuple[str, bool | None]]) -> None:
    found: tuple[Condition, ...] = ()
    for type_, status in words:
        found = with_condition(found, condition(type_, status=status, reason="R", now=NOW))
    last = dict(words)
    assert {item.type: item.status for item in found} == {
        type_: ConditionStatus(_VALUES[status]) for type_, status in last.items()
    }
    for type_, status in last.items():
        assert is_true(found, type_) is (status is True)
    assert find(found, "D") is None


def test_what_earlier_versions_said_is_dropped_and_all_else_stays() -> None:
    old: JsonObject = {"type": "FieldsSupported", "status": "False", "reason": "UnsupportedField"}
    ours: JsonObject = {"type": "ValidationPassed", "status": "True"}
    foreign: JsonObject = {"type": "SomebodyElse", "status": "False"}
    status: JsonObject = {"phase": "Ready", "conditions": [old, ours, foreign]}
    assert without_retired(status) == {"phase": "Ready", "conditions": [ours, foreign]}
    assert without_retired({"conditions": [old]}) == {}
    for same in ({"conditions": [ours]}, {"conditions": "odd"}, {"conditions": ["odd"]}, {}):
        assert without_retired(cast("JsonObject", same)) == same


def test_no_type_that_is_set_is_retired() -> None:
    assert not RETIRED_TYPES & set(ConditionType)
