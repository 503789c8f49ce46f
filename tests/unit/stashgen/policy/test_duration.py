"""Durations of policies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.policy.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a duration"),
        ("1", "not a duration"),
        ("h", "not a duration"),
        ("1 h", "not a duration"),
        ("1h ", "not a duration"),
        ("-1h", "not a duration"),
        ("1.5h", "not a duration"),
        ("1H", "not a duration"),
        ("1w", "not a duration"),
        ("1h, 2m", "not a duration"),
        ("\u0661h", "not a duration"),
        ("1h1h", "order"),
        ("1m1h", "order"),
        ("0s", "zero"),
        ("0h0m", "zero"),
    ],
)
def test_other_texts_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604_800), ("1d2h3m4s", 93_784)],
)
def test_units_are_added_up(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.text() | st.from_regex(r"([0-9]{1,12}[dhms]){1,5}", fullmatch=True))
def test_every_text_is_a_positive_duration_or_refused_with_a_reason(text: str) -> None:
    reason = ""
    seconds = 0
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        reason = str(error)
    assert (seconds > 0) != bool(reason)
