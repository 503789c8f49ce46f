"""Findings as the caller of a command can open them."""

from pathlib import Path, PurePosixPath

import pytest

from stashgen.cli.check import differences
from stashgen.cli.report import count, seen_from_here, show_findings
from stashgen.diagnostics import Finding, Position, Severity

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
