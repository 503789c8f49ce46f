"""Where a command's findings go: text for people, or a report that another program reads."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import cast

from stashgen.cli.commands import Format
from stashgen.cli.messages import show_findings
from stashgen.diagnostics import Finding, UsageError
from stashgen.model.coverage import Coverage

_MODULES: Mapping[Format, str] = {
    Format.JSON: "json_report",
    Format.SARIF: "sarif",
    Format.GITHUB: "github",
    Format.GITLAB: "gitlab",
    Format.JUNIT: "junit",
}


class Reporting:
    """Collects what a command finds; text is shown at once, the other formats are one document.

    Raises:
        UsageError: there is no standard output for such a document.
    """

    def __init__(self, verb: str, format_: Format) -> None:
        if format_ is not Format.TEXT and sys.stdout is None:
            raise UsageError("standard output is closed")
        self._verb = verb
        self._format = format_
        self._found: list[Finding] = []

    def add(self, findings: Sequence[Finding]) -> None:
        """Take over findings."""
        if self._format is Format.TEXT:
            show_findings(findings)
        else:
            self._found += findings

    def end(self, coverage: Coverage | None = None) -> None:
        """Print the document, on standard output."""
        module = _MODULES.get(self._format)
        if module is None:
            return
        # A command loads no format that nobody asked for.
        from stashgen.report.formats.report import Report

        found = import_module(f"stashgen.report.formats.{module}")
        render = cast("Callable[[Report], str]", found.render)
        report = Report(self._verb, tuple(sorted(self._found, key=Finding.sort_key)), coverage)
        sys.stdout.buffer.write(render(report).encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
