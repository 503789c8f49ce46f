"""A reason becomes text at the edge, and only what a status stored as text is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_result import ErrorClass, RunError
from stashgen_controller.runtime.causes import Cause


@given(st.sampled_from([*ErrorClass, *Cause]), st.text())
def test_a_stored_text_gives_the_reason_back(name: str, message: str) -> None:
    reason = Reason(name, message)
    assert reason.text == f"{name}: {message}"
    assert Reason.parse(reason.text) == reason


@pytest.mark.parametrize(
    "text", ["", "Locked", "PersistentVolumeClaim library: gone", "metadata.name: is too long"]
)
def test_words_without_a_name_stay_words(text: str) -> None:
    assert Reason.parse(text) == Reason("", text)
    assert Reason("", text).text == text


def test_the_worker_and_the_controller_write_the_same_text() -> None:
    error = RunError(reason=ErrorClass.NO_SPACE, message="the disk: it is full")
    assert error.why == Reason(ErrorClass.NO_SPACE, "the disk: it is full")
    assert error.why.text == "NoSpace: the disk: it is full"
