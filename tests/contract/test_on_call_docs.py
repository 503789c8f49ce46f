"""docs/on-call.md says what the commands say."""

import re
import shlex
from pathlib import Path

import pytest

from stashgen_controller.kubectl.arguments import SUMMARIES, Command, parse
from stashgen_controller.kubectl.status.advice import ADVICE
from stashgen_controller.kubectl.status.entry import FINDINGS, Section

_ROOT = Path(__file__).parents[2]
_DOCS = (_ROOT / "docs" / "on-call.md").read_text(encoding="utf-8")
_README = (_ROOT / "README.md").read_text(encoding="utf-8")


def _table(heading: str) -> list[list[str]]:
    section = _DOCS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def _commands() -> list[str]:
    shown = re.findall(r"^\$ (kubectl stashgen .*)$", _DOCS, re.MULTILINE)
    return shown + re.findall(r"^(kubectl stashgen [^#\n]*)", _README, re.MULTILINE)


def test_each_class_of_errors_is_explained_in_the_words_of_the_command() -> None:
    documented = {row[0].strip("`"): row[1] for row in _table("What a reason means")}
    assert documented == {cause.value: advice.text for cause, advice in ADVICE.items()}


def test_each_heading_is_explained_with_its_exit_code() -> None:
    documented = {row[0]: row[2] for row in _table("What is wrong, and why")}
    assert documented == {
        section.value.upper(): "yes" if section in FINDINGS else "no" for section in Section
    }


@pytest.mark.parametrize("line", _commands())
def test_each_command_is_one_that_we_understand(line: str) -> None:
    assert isinstance(parse(shlex.split(line)[2:], "kubectl stashgen"), Command)


def test_each_verb_is_shown() -> None:
    assert {shlex.split(line)[2] for line in _commands()} == set(SUMMARIES)


def test_each_flag_of_a_restore_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["restore", "--help"], "kubectl stashgen") == 0
    printed = capsys.readouterr().out
    for row in _table("Restore"):
        flag = row[0].strip("`").split()[0]
        assert flag in printed
