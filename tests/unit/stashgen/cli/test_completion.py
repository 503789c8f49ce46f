"""The completion scripts know the command line; bash runs its own."""

import subprocess

import pytest

from stashgen.cli.main import run
from stashgen.cli.parsers import KINDS


def _script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_has_our_verbs_and_those_of_the_controller(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = _script(shell, capsys)
    for word in ("build", "check", "require", "status", "not-after"):
        assert word in script


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "cmd"]) == 2
    assert "invalid choice: 'cmd'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sch", {"schema"}),
        ("schema --kind ", set(KINDS)),
        ("build --re", {"--require"}),
        ("check --require ", {"protected", "known"}),
        ("trigger --ti", {"--timeout"}),
        ("build --nonsense-", set()),
    ],
)
def test_bash_completes(line: str, wanted: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["stashgen", *line.split(" ")]
    last = "" if words[-1] else '""'
    ask = (
        f"COMP_WORDS=({' '.join(words)}{last}); "
        f"COMP_CWORD={len(words) - 1}; _shtab_stashgen; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{_script('bash', capsys)}\n{ask}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(done.stdout.split()) == wanted, done.stderr
