"""What a command found, whatever the format."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.diagnostics import Finding, Severity, printable
from stashgen.model.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a command found.

    Attributes:
        verb: The command.
        findings: Sorted by position.
        coverage: Of the inventories; None if a finding is an error that kept them from being known.
    """

    verb: str
    findings: tuple[Finding, ...]
    coverage: Coverage | None = None

    def count(self, severity: Severity) -> int:
        """How many findings are that bad."""
        return sum(finding.severity is severity for finding in self.findings)

    def fingerprinted(self) -> Iterator[tuple[Finding, str]]:
        """Each finding with what identifies it in later reports too, wherever its line moves to.

        Tools that compare two reports hide equal ones, so the second of two alike counts up.
        """
        seen: dict[tuple[str, ...], int] = {}
        for finding in self.findings:
            key = (finding.code, str(finding.position.path), finding.subject, finding.what)
            seen[key] = number = seen.get(key, 0) + 1
            text = "\0".join((*key, str(number)))
            yield finding, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def explanation(finding: Finding) -> str:
    """What, why and how to fix it, in three lines that are safe for a log."""
    parts = (finding.what, f"why: {finding.why}", f"fix: {finding.fix}")
    return "\n".join(map(printable, parts))
