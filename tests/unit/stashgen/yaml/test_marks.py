"""A document with marks becomes, filled in, what the emitter writes of the filled object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.yaml import marks
from stashgen.yaml.emitter import emit
from stashgen.yaml.marks import MarkedText, fill, is_marked, mark
from tests.unit.stashgen.yaml.tricky_strings import TRICKY_STRINGS

_NUMBER = 4
_VALUE = st.sampled_from([one for one in TRICKY_STRINGS if marks.can_vary(one)]) | st.from_regex(
    r"[a-z0-9]([a-z0-9./*,_ -]*[a-z0-9])?", fullmatch=True
)
_FIXED = st.sampled_from(TRICKY_STRINGS) | st.text(
    st.characters(exclude_characters="\ue000", exclude_categories=["Cs"])
)
_MARKED = st.lists(
    st.sampled_from([mark(index) for index in range(_NUMBER)])
    | st.sampled_from(["trigger-", '"', "\\", "\\u0041", ": ", "#", "'", "é", "\x7f", "%s", "{0}"]),
    min_size=1,
).map("".join)
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | _FIXED | _MARKED,
    lambda items: st.lists(items) | st.dictionaries(_FIXED, items),
)


@given(_DATA, st.lists(_VALUE, min_size=_NUMBER, max_size=_NUMBER))
def test_filled_text_is_the_emitted_filled_object(data: object, values: list[str]) -> None:
    assert MarkedText(data).fill(values) == emit(fill(data, values))
    assert not is_marked(fill(data, values))


def test_what_has_no_mark_is_shared() -> None:
    fixed: dict[str, object] = {"a": ["b", ("c",)]}
    data = {"fixed": fixed, "varies": [mark(0)]}
    filled = fill(data, ["x"])
    assert filled == {"fixed": fixed, "varies": ["x"]}
    assert filled["fixed"] is fixed
    assert fill(fixed, ["x"]) is fixed


def test_without_values_a_mark_is_somebody_s_own_character() -> None:
    data = [mark(7)]
    assert fill(data, ()) is data


@pytest.mark.parametrize("data", [{mark(0): 1}, {"a": f"b\n{mark(0)}"}, [{"?": {mark(1): []}}]])
def test_a_mark_that_could_not_be_filled_in_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="a mark is in a key or a block"):
        MarkedText(data)


def test_there_is_an_end_of_marks() -> None:
    assert mark(6000) != mark(5999)
    with pytest.raises(ValueError, match="no mark 6399"):
        mark(6399)


@pytest.mark.parametrize(
    "value", ["", " ", "/a", "a/", "a\n", "a\nb", "${A}", "$(A)", "{", "é", mark(0), " a", "a "]
)
def test_what_the_code_may_look_into_does_not_vary(value: str) -> None:
    assert not marks.can_vary(value)


@pytest.mark.parametrize("value", ["a", "1e3", "data-db-0", "35 */4 * * 1,3", "a/b.c/d_e", "* * *"])
def test_names_directories_and_schedules_vary(value: str) -> None:
    assert marks.can_vary(value)
