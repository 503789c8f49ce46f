"""What the command line understands."""

from importlib import import_module
from pathlib import Path

import pytest

from stashgen import __version__
from stashgen.cli.arguments import OWN_VERBS, Command, parse
from stashgen.cli.parsers import Requirement


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
def test_a_wrong_command_line_is_told_on_stderr(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: stashgen" in printed.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["build"], Command("build", None)),
        (["build", "--project", "a"], Command("build", Path("a"))),
        (["build", "-o", "b"], Command("build", None, output=Path("b"))),
        (["build", "--stdout", "--debug"], Command("build", None, stdout=True)),
        (["--debug", "check", "--project=a"], Command("check", Path("a"))),
        (["explain", "secrets"], Command("explain", None, topic="secrets")),
        (
            ["check", "--require", "known", "--require=protected"],
            Command("check", None, require=(Requirement.KNOWN, Requirement.PROTECTED)),
        ),
    ],
)
def test_a_command_line_becomes_a_command(arguments: list[str], command: Command) -> None:
    assert parse(arguments) == command


@pytest.mark.parametrize("verb", sorted(OWN_VERBS))
def test_every_verb_is_a_function_of_its_module(verb: str) -> None:
    assert callable(getattr(import_module(f"stashgen.cli.{verb}"), verb))


def test_version_and_help_are_the_product(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--version"]) == 0
    assert capsys.readouterr().out == f"stashgen {__version__}\n"
    assert parse(["build", "--help"]) == 0
    assert "--stdout" in capsys.readouterr().out
