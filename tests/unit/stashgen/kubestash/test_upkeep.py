"""The rhythm of work on whole repositories: what the annotation says, and when what is due."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.labels import UPKEEP_ANNOTATION
from stashgen.api.meta import ObjectMeta
from stashgen.kubestash.upkeep import DEFAULT, Upkeep, percent, upkeep_of

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def _metadata(text: str | None) -> ObjectMeta:
    annotations = {UPKEEP_ANNOTATION: text} if text is not None else None
    return ObjectMeta(name="local", annotations=annotations)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "weekly",
        "check",
        "check=7d",
        "check=59m59s",
        "check=8785h",
        "prune=1h,prune=2h",
        "every=24h",
        "readData=",
        "readData=0%",
        "readData=101%",
        "readData=5",
        "check=168h,,prune=24h",
    ],
)
def test_a_rhythm_that_cannot_be_read_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"stashgen.dev/upkeep|share|duration"):
        upkeep_of(_metadata(text))


def test_without_an_annotation_there_is_a_check_a_week_and_a_prune_a_day() -> None:
    assert upkeep_of(_metadata(None)) == DEFAULT == Upkeep(7 * _DAY, _DAY, 0)


@pytest.mark.parametrize("rhythm", [DEFAULT, Upkeep(_HOUR, 366 * _DAY, 100)])
def test_what_is_compiled_is_what_is_read(rhythm: Upkeep) -> None:
    assert upkeep_of(_metadata(rhythm.annotation())) == rhythm


def test_what_the_annotation_leaves_out_is_the_default() -> None:
    assert upkeep_of(_metadata("prune=2h")) == Upkeep(7 * _DAY, 2 * _HOUR, 0)


@pytest.mark.parametrize("text", ["", "%", "05%", "5.5%", "-1%", "\u0665%", " 5%"])
def test_a_share_is_a_whole_percentage(text: str) -> None:
    with pytest.raises(ValueError, match="share"):
        percent(text)


def test_what_was_never_done_or_is_said_to_be_done_later_is_due_now() -> None:
    for last in (None, _NOW + _HOUR):
        assert DEFAULT.next_check(last, _NOW, is_damaged=False) == _NOW
        assert DEFAULT.next_prune(last, _NOW) == _NOW


def test_a_damaged_repository_is_checked_each_day() -> None:
    last = _NOW - _HOUR
    assert DEFAULT.next_check(last, _NOW, is_damaged=False) == last + 7 * _DAY
    assert DEFAULT.next_check(last, _NOW, is_damaged=True) == last + _DAY
    hourly = Upkeep(_HOUR, _DAY)
    assert hourly.next_check(last, _NOW, is_damaged=True) == _NOW


def test_late_is_what_should_have_been_done_a_day_ago() -> None:
    assert not DEFAULT.is_overdue(None, None, _NOW)
    assert not DEFAULT.is_overdue(_NOW - 8 * _DAY, _NOW - 2 * _DAY, _NOW)
    assert DEFAULT.is_overdue(_NOW - 8 * _DAY - _HOUR, _NOW, _NOW)
    assert DEFAULT.is_overdue(_NOW, _NOW - 2 * _DAY - _HOUR, _NOW)
