"""Findings render in four lines that editors and CI understand, in a stable order."""

from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import (
    ExitCode,
    Finding,
    Outcome,
    Position,
    Severity,
    StashgenError,
    ToolError,
    UsageError,
    printable,
    quote,
    render_finding,
    render_summary,
)

PAYMENTS = PurePosixPath("policies/payments.yaml")


def never_fires(
    *, line: int = 14, severity: Severity = Severity.ERROR, path: PurePosixPath = PAYMENTS
) -> Finding:
    return Finding(
        code="SG402",
        severity=severity,
        position=Position(path, line, 17),
        subject="BackupPolicy/payments spec.sessions[0].schedule",
        what='schedule "0 0 31 2 *" never fires',
        why="February has no 31st day; the CronJob would be accepted and never run",
        fix='use a day that exists, for example "0 0 28 2 *"',
    )


def test_a_finding_is_four_lines() -> None:
    assert render_finding(never_fires()) == (
        'policies/payments.yaml:14:17: error SG402: schedule "0 0 31 2 *" never fires\n'
        "  at:  BackupPolicy/payments spec.sessions[0].schedule\n"
        "  why: February has no 31st day; the CronJob would be accepted and never run\n"
        '  fix: use a day that exists, for example "0 0 28 2 *"'
    )


def test_a_finding_without_subject_has_no_at_line_and_related_places_come_last() -> None:
    finding = Finding(
        code="SG106",
        severity=Severity.WARNING,
        position=Position(PAYMENTS, 3, 1),
        subject="",
        what="twice",
        why="because",
        fix="once",
        related=(Position(PAYMENTS, 2, 1),),
    )
    assert render_finding(finding).splitlines() == [
        "policies/payments.yaml:3:1: warning SG106: twice",
        "  why: because",
        "  fix: once",
        "  see: policies/payments.yaml:2:1",
    ]


def test_input_cannot_add_lines_or_escape_sequences_to_the_output() -> None:
    finding = Finding(
        code="SG106",
        severity=Severity.ERROR,
        position=Position(PurePosixPath("a\nb.yaml"), 1, 1),
        subject="Pod/\x1b[31mred",
        what="x\ny.yaml:1:1: error SG999: forged",
        why="\u202eright to left",
        fix="lone \ud800 surrogate",
    )
    rendered = render_finding(finding)
    assert len(rendered.splitlines()) == 4
    assert "\x1b" not in rendered
    assert "\\u202e" in rendered
    assert "\\ud800" in rendered


def test_a_quoted_value_is_short_and_on_one_line() -> None:
    assert quote("0 0 31 2 *") == '"0 0 31 2 *"'
    assert quote("a\nb") == '"a\\nb"'
    assert len(quote("x" * 1000)) == 82
    assert printable("käse") == "käse"


def test_findings_sort_by_place_then_code() -> None:
    other = PurePosixPath("a.yaml")
    findings = [never_fires(line=14), never_fires(line=2), never_fires(line=99, path=other)]
    found = sorted(findings, key=Finding.sort_key)
    assert [(f.position.path.name, f.position.line) for f in found] == [
        ("a.yaml", 99),
        ("payments.yaml", 2),
        ("payments.yaml", 14),
    ]


def test_the_summary_counts_severities_and_files() -> None:
    warning = never_fires(severity=Severity.WARNING)
    elsewhere = never_fires(path=PurePosixPath("b.yaml"))
    assert render_summary([]) == ""
    assert render_summary([warning]) == "1 warning in 1 file"
    assert render_summary([never_fires(), warning, elsewhere]) == "2 errors, 1 warning in 2 files"


def test_only_errors_make_an_outcome_fail() -> None:
    assert Outcome(1).ok
    assert Outcome(1, (never_fires(severity=Severity.WARNING),)).ok
    assert not Outcome(1, (never_fires(),)).ok


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StashgenError("bug"), ExitCode.INTERNAL),
        (UsageError("flag"), ExitCode.USAGE),
        (ToolError("restic"), ExitCode.USAGE),
    ],
)
def test_every_error_knows_its_exit_code(error: StashgenError, code: ExitCode) -> None:
    assert error.exit_code is code
