"""Findings: messages to the user with a position, a reason and a remedy.

A finding is a value: passes collect them, and the command line prints them together. Exceptions are
for problems that cannot be fixed in an input file.

    StashgenError            exit 3   (base; never raised itself)
    ├── UsageError           exit 2   bad flag, bad configuration file
    └── ToolError            exit 2   an external program is missing or broke its contract

Codes are strings like ``SG402``. Every pass declares its own in a ``StrEnum`` next to the code that
uses them; the hundreds digit identifies the pass (``docs/findings.md``), and a contract test
keeps that catalogue in step with the source.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Generic, TypeVar

T = TypeVar("T")

_LONGEST_QUOTE = 80


class ExitCode(IntEnum):
    """Process exit codes, the same for every command; CHANGED only where it is asked for."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INTERNAL = 3
    CHANGED = 4
    INTERRUPTED = 130


class Severity(StrEnum):
    """How bad a finding is; only errors change the exit code."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a source file; line and column count from 1, in characters, as in editors."""

    path: PurePosixPath
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One message to the user.

    Attributes:
        code: Stable identifier, documented once, never reused (``SG402``).
        severity: Error or warning.
        position: Where to look first.
        subject: The object and field, ``BackupPolicy/payments spec.sessions[0].schedule``.
        what: What is wrong, with the offending value, lower case, never a secret's value.
        why: Why it is rejected; names the rule or its source.
        fix: What to write instead.
        related: Other places involved, such as the first of two equal keys.
    """

    code: str
    severity: Severity
    position: Position
    subject: str
    what: str
    why: str
    fix: str
    related: tuple[Position, ...] = ()

    def sort_key(self) -> tuple[Position, str, str, str]:
        """Order findings by position, then by code and text, so that output is stable."""
        return (self.position, self.code, self.subject, self.what)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The result of a pass: its value and its findings.

    The value omits every object that has an error finding, so it is always safe to hand to the
    next pass.
    """

    value: T
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """True when no finding is an error; warnings do not stop the pipeline."""
        return not has_errors(self.findings)


class StashgenError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        details: Further lines, such as what a program wrote to standard error.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, text: str, details: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.details = tuple(details)


class UsageError(StashgenError):
    """The command line or the configuration file is wrong."""

    exit_code = ExitCode.USAGE


class ToolError(StashgenError):
    """An external program is missing or broke its contract."""

    exit_code = ExitCode.USAGE


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any finding must stop the command."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def quote(value: object) -> str:
    """Show an offending value in a message: in double quotes, one line, at most 80 characters."""
    text = printable(str(value))
    if len(text) > _LONGEST_QUOTE:
        text = text[: _LONGEST_QUOTE - 3] + "..."
    return f'"{text}"'


def printable(text: str) -> str:
    r"""Make text safe for one terminal line: non-printable characters become ``\\x1b`` and so on.

    Input files must not inject escape sequences, line breaks (a second "finding" in a CI log) or
    right-to-left overrides.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def render_finding(finding: Finding) -> str:
    """The finding in the format that people, editors and CI read, without a final newline.

    First line ``file:line:column: severity CODE: what``, then ``at``, ``why`` and ``fix``, and one
    ``see`` line for each related place. A finding without a subject has no ``at`` line.
    """
    lines = [f"{finding.position}: {finding.severity} {finding.code}: {finding.what}"]
    if finding.subject:
        lines.append(f"  at:  {finding.subject}")
    lines.append(f"  why: {finding.why}")
    lines.append(f"  fix: {finding.fix}")
    lines.extend(f"  see: {position}" for position in finding.related)
    return "\n".join(printable(line) for line in lines)


def render_summary(findings: Sequence[Finding]) -> str:
    """Count findings in one line: ``2 errors, 1 warning in 3 files``; empty text for none."""
    if not findings:
        return ""
    counts = [
        _count(sum(finding.severity is severity for finding in findings), severity)
        for severity in Severity
    ]
    files = len({finding.position.path for finding in findings})
    return f"{', '.join(text for text in counts if text)} in {_count(files, 'file')}"


def _count(number: int, word: str) -> str:
    return "" if number == 0 else f"{number} {word}" if number == 1 else f"{number} {word}s"
