"""The findings as JSON, with everything that the text says."""

import json

from stashgen import __version__
from stashgen.diagnostics import Finding, Position, Severity
from stashgen.report.formats.report import Report

# Fields are added to a version, never renamed or removed.
API_VERSION = "report.stashgen.dev/v1alpha1"


def render(report: Report) -> str:
    """One object: the numbers, the coverage and the findings, sorted by position."""
    coverage = report.coverage
    found = {
        "apiVersion": API_VERSION,
        "kind": "Report",
        "version": __version__,
        "command": report.verb,
        "summary": {
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
        },
        "coverage": None
        if coverage is None
        else {
            "protected": coverage.protected,
            "paused": list(coverage.paused),
            "excluded": coverage.excluded,
            "unprotected": list(coverage.unprotected),
            "unknown": coverage.unknown,
        },
        "findings": [
            _finding(finding, fingerprint) for finding, fingerprint in report.fingerprinted()
        ],
    }
    return json.dumps(found, indent=2) + "\n"


def _finding(finding: Finding, fingerprint: str) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        **place(finding.position),
        "subject": finding.subject,
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fix,
        "related": [place(position) for position in finding.related],
        "fingerprint": fingerprint,
    }


def place(position: Position) -> dict[str, object]:
    """Path, line and column, from 1; a line of 0 is the whole file."""
    return {"path": str(position.path), "line": position.line, "column": position.column}
