"""The findings as a report of GitLab's Code Quality, which a merge request shows."""

import json

from stashgen.diagnostics import Severity
from stashgen.report.formats.report import Report, explanation

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor"}


def render(report: Report) -> str:
    """One list; a finding keeps its fingerprint when its line moves."""
    found = [
        {
            "description": explanation(finding),
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[finding.severity],
            "location": {
                "path": str(finding.position.path),
                "lines": {"begin": finding.position.line},
            },
        }
        for finding, fingerprint in report.fingerprinted()
    ]
    return json.dumps(found, indent=2) + "\n"
