"""Findings as the caller of a command can open them."""

from pathlib import Path, PurePosixPath

import pytest

from stashgen.cli.check import differences
from stashgen.cli.commands import Requirement
from stashgen.cli.messages import count, coverage_line, seen_from_here, show_coverage, show_findings
from stashgen.diagnostics import Finding, Position, Severity
from stashgen.model.coverage import Coverage

_FINDING = Finding(
    code="SG999",
    severity=Severity.ERROR,
    position=Position(PurePosixPath("policies/a.yaml"), 3, 5),
    subject="",
    what="what",
    why="why",
    fix="fix",
    related=(Position(PurePosixPath("policies/b.yaml"), 1, 1),),
)


def test_paths_of_the_current_folder_stay_as_they_are() -> None:
    assert seen_from_here([_FINDING], Path()) == (_FINDING,)
    assert seen_from_here([_FINDING], Path("./")) == (_FINDING,)


@pytest.mark.parametrize("project", ["some/where", "../where", "/abs/olute"])
def test_paths_of_another_project_begin_with_its_folder(project: str) -> None:
    (finding,) = seen_from_here([_FINDING], Path(project))
    assert str(finding.position) == f"{project}/policies/a.yaml:3:5"
    assert [str(place) for place in finding.related] == [f"{project}/policies/b.yaml:1:1"]


def test_findings_go_to_stderr_with_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    show_findings([_FINDING])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("policies/a.yaml:3:5: error SG999: what\n")
    assert printed.err.endswith("1 error in 1 file\n")


def test_no_finding_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_findings([])
    assert capsys.readouterr().err == ""


def test_numbers_have_the_right_form() -> None:
    assert [count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        (b"a\nb\nc\n", b"a\nx\nc\n", 2),
        (b"a\nb\n", b"a\n", 2),
        (b"a\n", b"a\nb\n", 2),
        (b"a\n", b"a", 2),
        (b"a\nb\n", b"", 1),
        (b"a\nb\n", b"a\r\nc\r\n", 1),
    ],
)
def test_a_stale_file_is_told_at_its_first_line_that_differs(
    expected: bytes, actual: bytes, line: int
) -> None:
    path = PurePosixPath("demo/a.yaml")
    (finding,) = differences(Path("rendered"), {path: expected}, {path: actual})
    assert str(finding.position) == f"rendered/demo/a.yaml:{line}:1"


def test_carriage_returns_are_told_as_such() -> None:
    path = PurePosixPath("demo/a.yaml")
    (finding,) = differences(Path("rendered"), {path: b"a\nb\n"}, {path: b"a\r\nb\r\n"})
    assert (finding.code, str(finding.position)) == ("SG702", "rendered/demo/a.yaml:1:1")
    assert "CRLF" in finding.what
    assert ".gitattributes" in finding.fix


def test_coverage_is_one_line() -> None:
    line = coverage_line(Coverage(61, 4, ("bank/ledger", "legacy/old"), 3))
    assert line == "protected 61, excluded 4, unprotected 2 (bank/ledger, legacy/old), unknown 3"
    assert (
        coverage_line(Coverage(1, 0, (), 0)) == "protected 1, excluded 0, unprotected 0, unknown 0"
    )


def test_paused_volumes_are_named_beside_those_that_are_protected() -> None:
    line = coverage_line(Coverage(2, 0, (), 0, ("bank/ledger",)))
    assert line == "protected 2, paused 1 (bank/ledger), excluded 0, unprotected 0, unknown 0"


def test_coverage_names_the_first_of_many() -> None:
    line = coverage_line(Coverage(0, 0, tuple(f"a/{number:02}" for number in range(25)), 0))
    assert "unprotected 25 (a/00, a/01, " in line
    assert ", a/19, and 5 more), " in line


@pytest.mark.parametrize(
    ("coverage", "required", "is_enough"),
    [
        (Coverage(1, 0, ("a/b",), 1), [], True),
        (Coverage(1, 0, ("a/b",), 0), ["protected"], False),
        (Coverage(1, 0, ("a/b",), 0), ["known"], True),
        (Coverage(1, 0, (), 2), ["known"], False),
        (Coverage(1, 0, (), 0, ("a/b",)), ["protected"], False),
        (Coverage(1, 0, (), 0, ("a/b",)), ["known"], True),
        (Coverage(1, 0, (), 2), ["protected"], True),
        (Coverage(1, 3, (), 0), ["protected", "known"], True),
        (None, ["protected"], True),
    ],
)
def test_requirements_are_judged_and_named(
    coverage: Coverage | None,
    required: list[str],
    is_enough: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert show_coverage(coverage, [Requirement(one) for one in required]) is is_enough
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == (0 if coverage is None else 1 if is_enough else 2)
    if not is_enough:
        assert lines[0].startswith(f"--require {required[0]}: ")
        assert lines[-1].startswith("protected 1, ")
