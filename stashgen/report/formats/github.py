"""The findings as workflow commands of GitHub Actions, which become annotations of the change."""

from stashgen.diagnostics import Finding, Severity, printable
from stashgen.report.formats.report import Report, explanation

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def render(report: Report) -> str:
    """One line a finding; GitHub shows the first ten of each severity and step."""
    return "".join(f"{_command(finding)}\n" for finding in report.findings)


def _command(finding: Finding) -> str:
    position = finding.position
    properties = {
        "file": str(position.path),
        "line": str(position.line),
        "col": str(position.column),
        "title": printable(f"{finding.code} {finding.subject}".strip()),
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {given}::{_text(explanation(finding))}"


def _text(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _text(value).replace(":", "%3A").replace(",", "%2C")
