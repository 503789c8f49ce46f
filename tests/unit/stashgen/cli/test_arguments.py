"""What the command line understands."""

from importlib import import_module
from pathlib import Path

import pytest

from stashgen import __version__
from stashgen.cli.arguments import OWN_VERBS, parse
from stashgen.cli.commands import (
    BuildCommand,
    CheckCommand,
    Command,
    CompletionCommand,
    ExplainCommand,
    Format,
    InitCommand,
    InventoryCommand,
    PlanCommand,
    PlanFormat,
    ReportCommand,
    ReportFormat,
    Requirement,
    SchemaCommand,
)
from stashgen.cli.parsers import EFFECTS
from stashgen.plan.plan import Effect


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--debug"],
        ["render"],
        ["build", "--nonsense"],
        ["build", "--std"],
        ["build", "extra"],
        ["build", "--project"],
        ["build", "-o", "x", "--stdout"],
        ["check", "--stdout"],
        ["check", "-o", "x"],
        ["explain"],
        ["explain", "secrets", "more"],
        ["check", "--require"],
        ["build", "--require", "everything"],
    ],
)
def test_a_wrong_command_line_is_reported_on_stderr(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: stashgen" in printed.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["build"], BuildCommand()),
        (["build", "--project", "a"], BuildCommand(Path("a"))),
        (["build", "-o", "b"], BuildCommand(output=Path("b"))),
        (["build", "--stdout", "--debug"], BuildCommand(stdout=True)),
        (["build", "--fail-if-changed"], BuildCommand(fail_if_changed=True)),
        (["build", "--format", "sarif"], BuildCommand(format_=Format.SARIF)),
        (["--debug", "check", "--project=a"], CheckCommand(Path("a"))),
        (
            ["check", "--require", "known", "--require=protected"],
            CheckCommand(require=(Requirement.KNOWN, Requirement.PROTECTED)),
        ),
        (["explain", "secrets"], ExplainCommand("secrets")),
        (
            ["plan", "a..b", "--format=json", "--for-namespace", "c", "--fail-on", "d,e"],
            PlanCommand(
                states=("a..b",),
                format_=PlanFormat.JSON,
                namespaces=("c",),
                fail_on=("d", "e"),
            ),
        ),
        (["plan", "--detailed-exitcode"], PlanCommand(detailed_exit_code=True)),
        (
            ["report", "coverage", "--by", "cluster", "--fail-under", "95", "--format", "json"],
            ReportCommand(by="cluster", fail_under=95, format_=ReportFormat.JSON),
        ),
        (
            ["inventory", "--cluster", "a", "--check"],
            InventoryCommand(clusters=("a",), check=True),
        ),
        (["inventory", "-"], InventoryCommand(stdin=True)),
        (["init", "--project", "a", "--dry-run"], InitCommand(Path("a"), dry_run=True)),
        (["schema", "--kind", "Storage"], SchemaCommand(kind="Storage")),
        (["schema", "--kubeconform", "a"], SchemaCommand(kubeconform=Path("a"))),
        (["completion", "zsh"], CompletionCommand("zsh")),
    ],
)
def test_a_command_line_becomes_a_command(arguments: list[str], command: Command) -> None:
    assert parse(arguments) == command


def test_the_effects_of_fail_on_are_those_of_a_plan() -> None:
    assert tuple(effect.value for effect in Effect) == EFFECTS


@pytest.mark.parametrize("verb", sorted(OWN_VERBS))
def test_every_verb_is_a_function_of_its_module(verb: str) -> None:
    assert callable(getattr(import_module(f"stashgen.cli.{verb}"), verb))


def test_version_and_help_are_the_product(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--version"]) == 0
    assert capsys.readouterr().out == f"stashgen {__version__}\n"
    assert parse(["build", "--help"]) == 0
    assert "--stdout" in capsys.readouterr().out
