"""A parsed command line as a value: one class a verb, with what that verb understands.

``project`` is the folder with ``stashgen.yaml``, as given; None where it is to be found.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

Verb = Literal[
    "build", "check", "explain", "plan", "report", "inventory", "init", "schema", "completion"
]
Shell = Literal["bash", "zsh", "fish"]


class Requirement(StrEnum):
    """What a build may be required to leave nothing of."""

    PROTECTED = "protected"
    KNOWN = "known"


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"


class PlanFormat(StrEnum):
    """How a plan is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class ReportFormat(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class BuildCommand:
    """``stashgen build``.

    Attributes:
        output: Replaces the project's own output folder.
        stdout: Print the objects instead of writing files.
        fail_if_changed: Exit with 1 if a build changed a file.
        require: Exit with 1 if a volume is not protected, or not known.
        format_: How findings are written.
    """

    verb: ClassVar[Verb] = "build"
    project: Path | None = None
    output: Path | None = None
    stdout: bool = False
    fail_if_changed: bool = False
    require: tuple[Requirement, ...] = ()
    format_: Format = Format.TEXT


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """``stashgen check``; the fields are those of ``build``."""

    verb: ClassVar[Verb] = "check"
    project: Path | None = None
    require: tuple[Requirement, ...] = ()
    format_: Format = Format.TEXT


@dataclass(frozen=True, slots=True)
class ExplainCommand:
    """``stashgen explain``: a volume, a policy, a file, or ``secrets``."""

    verb: ClassVar[Verb] = "explain"
    topic: str
    project: Path | None = None


@dataclass(frozen=True, slots=True)
class PlanCommand:
    """``stashgen plan``.

    Attributes:
        states: What is compared: two folders, a range of revisions, one revision, or nothing.
        format_: How the plan is written.
        namespaces: To which it is limited; empty for all.
        fail_on: Effects with which it exits with 1, as given.
        detailed_exit_code: Exit with 4 if anything changes.
    """

    verb: ClassVar[Verb] = "plan"
    project: Path | None = None
    states: tuple[str, ...] = ()
    format_: PlanFormat = PlanFormat.TEXT
    namespaces: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    detailed_exit_code: bool = False


@dataclass(frozen=True, slots=True)
class ReportCommand:
    """``stashgen report coverage``.

    Attributes:
        by: What volumes are counted by, as given; None for all together.
        fail_under: Exit with 1 if a smaller percentage is protected.
        format_: How the report is written.
    """

    verb: ClassVar[Verb] = "report"
    project: Path | None = None
    by: str | None = None
    fail_under: float | None = None
    format_: ReportFormat = ReportFormat.TEXT


@dataclass(frozen=True, slots=True)
class ScenarioOptions:
    """What ``stashgen report schedule`` and ``retention`` simulate, as given.

    Attributes:
        days: How many, from ``start`` on.
        start: The first day; None for today.
        outages: ``STORAGE=DURATION[@DATE]``.
        failures: The percentage of runs that fail.
        seed: Which of them.
    """

    days: int = 400
    start: date | None = None
    outages: tuple[str, ...] = ()
    failures: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ScheduleReportCommand:
    """``stashgen report schedule``.

    Attributes:
        scenario: What is simulated.
        by: What volumes are counted by, as given; None for all together.
        volume: To which the report is limited, as people name it.
        fail_on: Objectives with which it exits with 1, as given.
        format_: How the report is written.
    """

    verb: ClassVar[Verb] = "report"
    project: Path | None = None
    scenario: ScenarioOptions = ScenarioOptions()
    by: str | None = None
    volume: str | None = None
    fail_on: tuple[str, ...] = ()
    format_: ReportFormat = ReportFormat.TEXT


@dataclass(frozen=True, slots=True)
class RetentionReportCommand:
    """``stashgen report retention``; most fields are those of ``report schedule``.

    Attributes:
        change: The percentage of a volume that changes in a day; None for no sizes.
        growth: The percentage by which a volume grows in a year.
        size: Of a volume of which no Repository says any; a quantity, as given.
        prices: The file with what storages cost.
    """

    verb: ClassVar[Verb] = "report"
    project: Path | None = None
    scenario: ScenarioOptions = ScenarioOptions()
    by: str | None = None
    volume: str | None = None
    fail_on: tuple[str, ...] = ()
    format_: ReportFormat = ReportFormat.TEXT
    change: float | None = None
    growth: float = 0.0
    size: str | None = None
    prices: Path | None = None


@dataclass(frozen=True, slots=True)
class InventoryCommand:
    """``stashgen inventory``.

    Attributes:
        clusters: Names of the clusters to record; empty for all.
        check: Compare the records with their sources and write nothing.
        stdin: Record the manifests on standard input.
    """

    verb: ClassVar[Verb] = "inventory"
    project: Path | None = None
    clusters: tuple[str, ...] = ()
    check: bool = False
    stdin: bool = False


@dataclass(frozen=True, slots=True)
class InitCommand:
    """``stashgen init``; ``project`` is the repository, ``dry_run`` prints instead of writing."""

    verb: ClassVar[Verb] = "init"
    project: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SchemaCommand:
    """``stashgen schema``.

    Attributes:
        kind: The kind whose schema is printed; None for all.
        kubeconform: Where to write schemas for kubeconform instead.
    """

    verb: ClassVar[Verb] = "schema"
    kind: str | None = None
    kubeconform: Path | None = None


@dataclass(frozen=True, slots=True)
class CompletionCommand:
    """``stashgen completion``."""

    verb: ClassVar[Verb] = "completion"
    shell: Shell


Command = (
    BuildCommand
    | CheckCommand
    | ExplainCommand
    | PlanCommand
    | ReportCommand
    | ScheduleReportCommand
    | RetentionReportCommand
    | InventoryCommand
    | InitCommand
    | SchemaCommand
    | CompletionCommand
)
