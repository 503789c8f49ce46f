"""What can be written after ``kubectl stashgen``."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stashgen_controller.kubectl.arguments import SUMMARIES, Command, Where, parse
from stashgen_controller.kubectl.main import StashgenVerb

_PROGRAM = "kubectl stashgen"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["prune"],
        ["status", "a", "b"],
        ["status", "-o", "yaml"],
        ["status", "--ful"],
        ["trigger"],
        ["trigger", "a", "-A"],
        ["trigger", "a", "--timeout", "soon"],
        ["restore"],
        ["restore", "a", "--as-of", "yesterday"],
        ["restore", "a", "--as-of", "2026-03-01T02:00"],
        ["restore", "a", "--as-of", "2026-03-01T02:00Z", "--snapshot", "b"],
        ["restore", "a", "--as-of", "0001-01-01T00:00+14:00"],
        ["restore", "a", "--to", "foo bar"],
        ["restore", "a", "--to", ""],
        ["restore", "a", "--to", "x" * 254],
        ["restore", "a", "--not-after", "0s"],
        ["restore", "a", "--not-after=-5m"],
        ["logs"],
    ],
)
def test_a_wrong_command_line_is_told_on_stderr(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse(arguments, _PROGRAM) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: kubectl stashgen" in printed.err


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["status"], Command("status", Where())),
        (
            ["status", "library", "-n", "demo", "--context=prod", "--kubeconfig", "k", "--full"],
            Command("status", Where("k", "prod", "demo"), "library", is_full=True),
        ),
        (
            ["snapshots", "-A", "-o", "json"],
            Command("snapshots", Where(all_namespaces=True), as_json=True),
        ),
        (
            ["trigger", "a", "--session", "s", "--wait", "--timeout", "30m"],
            Command("trigger", Where(), "a", session="s", wait=True, timeout=timedelta(minutes=30)),
        ),
        (
            ["restore", "a", "--as-of", "2026-03-01T03:00+01:00", "--to", "b", "-f", "r.yaml"],
            Command(
                "restore",
                Where(),
                "a",
                as_of=datetime(2026, 3, 1, 2, tzinfo=UTC),
                target="b",
                file=Path("r.yaml"),
            ),
        ),
        (["--debug", "logs", "a"], Command("logs", Where(), "a")),
    ],
)
def test_a_command_line_becomes_a_command(arguments: list[str], command: Command) -> None:
    assert parse(arguments, _PROGRAM) == command


@pytest.mark.parametrize("verb", SUMMARIES)
def test_each_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse([verb, "--help"], _PROGRAM) == 0
    printed = capsys.readouterr()
    assert f"usage: kubectl stashgen {verb}" in printed.out
    assert "exit codes:" in printed.out


def test_stashgen_shows_each_verb_by_its_summary() -> None:
    for verb, summary in SUMMARIES.items():
        assert StashgenVerb(verb).summary == summary
