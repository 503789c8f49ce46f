from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stashgen.api.snapshot import Component, Phase, ResticStats, Summary
from stashgen_controller.protocol.run_result import (
    MAX_BYTES,
    ErrorClass,
    RepositoryState,
    Retention,
    RunError,
    RunResult,
    encode,
    is_whole,
    shorten,
)

NOW = datetime(2026, 5, 4, 3, 17, tzinfo=UTC)


def result(**fields: object) -> RunResult:
    return RunResult.model_validate(
        {"verb": "backup", "phase": Phase.SUCCEEDED, "started": NOW, "finished": NOW, **fields}
    )


def component(paths: int, error: str | None = None) -> Component:
    stats = [
        ResticStats(
            summary=Summary(
                id=f"{number:064x}",
                uploaded="1.049 KiB",
                host_path=f"/kubestash-data/{number}",
                size="11 B",
                start_time=NOW,
                end_time=NOW,
            )
        )
        for number in range(paths)
    ]
    return Component(path="repository/v1/backup/dump", error=error, restic_stats=tuple(stats))


def decoded(text: str) -> RunResult:
    assert len(text.encode()) <= MAX_BYTES
    return RunResult.model_validate_json(text)


def test_a_result_that_fits_is_not_changed() -> None:
    whole = result(components={"dump": component(3)}, uploaded=True)
    assert is_whole(whole)
    assert decoded(encode(whole)) == whole


def test_long_texts_are_shortened_until_the_document_fits() -> None:
    error = RunError(reason=ErrorClass.SOURCE_INCOMPLETE, message="é" * 9000)
    whole = result(
        phase=Phase.FAILED, error=error, components={"dump": component(2, error="x" * 9000)}
    )
    assert not is_whole(whole)
    found = decoded(encode(whole))
    assert found.error is not None
    assert found.error.reason is ErrorClass.SOURCE_INCOMPLETE
    assert found.error.message.endswith("é…")
    assert len(found.error.message) > 400
    assert found.components["dump"].restic_stats == component(2).restic_stats


def test_restics_ids_outlive_everything_else() -> None:
    found = decoded(encode(result(components={"dump": component(25)})))
    assert found.phase is Phase.SUCCEEDED
    stats = found.components["dump"].restic_stats or ()
    assert [item.summary.id for item in stats if item.summary] == [f"{n:064x}" for n in range(25)]


def test_a_result_that_cannot_fit_is_a_failure_and_not_half_a_document() -> None:
    whole = result(components={"dump": component(100)}, uploaded=True, details="d/results/1.json")
    found = decoded(encode(whole))
    assert found.phase is Phase.FAILED
    assert found.error is not None
    assert "does not fit" in found.error.message
    assert (found.uploaded, found.details) == (True, "d/results/1.json")


def test_as_many_names_as_one_retention_removes_always_fit() -> None:
    retention = Retention(removed=tuple("x" * 63 for _ in range(32)), remaining=1000, kept=9999)
    paths = tuple(f"repository/v1/session-{number:04}/dump" for number in range(30))
    whole = result(retention=retention, repository=RepositoryState(component_paths=paths))
    assert decoded(encode(whole)) == whole


@settings(max_examples=50)
@given(st.text(max_size=6000), st.integers(0, 60))
def test_the_document_is_always_whole_and_small_enough(text: str, paths: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    error = RunError(reason=ErrorClass.INTERNAL, message=text)
    whole = result(
        phase=Phase.FAILED, error=error, components={"dump": component(paths, error=text)}
    )
    assert decoded(encode(whole)).verb == "backup"


@pytest.mark.parametrize(("text", "shown"), [("abc", "abc"), ("abcd", "ab…"), ("", "")])
def test_a_shortened_text_says_that_it_is_one(text: str, shown: str) -> None:
    assert shorten(text, 3) == shown
