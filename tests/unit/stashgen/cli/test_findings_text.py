"""Findings on a terminal."""

import io
from pathlib import PurePosixPath

import pytest

from stashgen.cli.findings_text import has_colour, paragraphs
from stashgen.diagnostics import Finding, Position, Severity, render_finding


def _missing(name: str, subject: str = "") -> Finding:
    position = Position(PurePosixPath(name))
    return Finding("SG701", Severity.ERROR, position, subject, "missing", "because", "build")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_files_that_say_the_same_share_a_paragraph() -> None:
    (text,) = paragraphs([_missing("a.yaml"), _missing("b.yaml")], colour=False)
    assert text.split("\n") == [
        "a.yaml:1:1: error SG701: missing",
        "b.yaml:1:1: error SG701: missing",
        "  why: because",
        "  fix: build",
    ]


def test_thousands_of_files_are_twenty_lines_and_a_number() -> None:
    (text,) = paragraphs([_missing(f"{number}.yaml") for number in range(5000)], colour=False)
    lines = text.split("\n")
    assert len(lines) == 23
    assert lines[20] == "... and 4980 more like these"


def test_findings_about_objects_keep_a_paragraph_each() -> None:
    findings = [_missing("a.yaml", "Storage/a"), _missing("b.yaml", "Storage/b")]
    assert [*paragraphs(findings, colour=False)] == [render_finding(one) for one in findings]


def test_colour_changes_no_word() -> None:
    findings = [_missing("a\x1b[0m.yaml"), *(_missing(f"{number}.yaml") for number in range(30))]
    (text,) = paragraphs(findings, colour=True)
    (plain,) = paragraphs(findings, colour=False)
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m"):
        assert code in text
        text = text.replace(code, "")
    assert text == plain
    assert "\x1b" not in plain


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_only_a_terminal_that_wants_it_gets_colour(
    variables: dict[str, str], is_coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colour(_Terminal()) == is_coloured
    assert not has_colour(io.StringIO())
    assert not has_colour(None)
