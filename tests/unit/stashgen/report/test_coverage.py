"""How covered a group of volumes is."""

from collections import Counter

import pytest

from stashgen.report.coverage import Group, State
from stashgen.report.coverage_text import percent_text


def _group(protected: int, unprotected: int, unknown: int, excluded: int, paused: int = 0) -> Group:
    states = (State.PROTECTED, State.UNPROTECTED, State.UNKNOWN, State.EXCLUDED, State.PAUSED)
    numbers = (protected, unprotected, unknown, excluded, paused)
    return Group("a", Counter(dict(zip(states, numbers, strict=True))))


@pytest.mark.parametrize(
    ("group", "text"),
    [
        (_group(3, 0, 0, 0), "100 %"),
        (_group(3, 1, 0, 9), "75 %"),
        (_group(3, 0, 1, 0), "75 %"),
        (_group(2, 1, 0, 0), "66.6 %"),
        (_group(9_999, 1, 0, 0), "99.9 %"),
        (_group(0, 1, 0, 0), "0 %"),
        (_group(0, 0, 0, 4), "-"),
        (_group(3, 0, 0, 1, paused=1), "75 %"),
        (_group(0, 0, 0, 0, paused=2), "0 %"),
    ],
)
def test_excluded_volumes_do_not_count_and_unknown_or_paused_ones_count_as_unprotected(
    group: Group, text: str
) -> None:
    assert percent_text(group) == text


@pytest.mark.parametrize(
    ("group", "least", "is_below"),
    [
        (_group(3, 1, 0, 0), 75, False),
        (_group(3, 1, 0, 0), 75.1, True),
        (_group(9_999, 1, 0, 0), 100, True),
        (_group(0, 0, 0, 4), 100, False),
        (_group(0, 0, 0, 0), 0, True),
        (_group(0, 0, 0, 0, paused=2), 100, True),
    ],
)
def test_group_without_any_volume_is_not_covered(
    group: Group, least: float, *, is_below: bool
) -> None:
    assert group.is_below(least) is is_below
