"""What the README shows is what happens."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FILE = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Another test runs it from its own target.
_ELSEWHERE = {"make demo"}


def _section(title: str) -> str:
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def _steps(text: str) -> list[tuple[str, str]]:
    """Commands with what the README shows of their output."""
    found = []
    for block in _CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def test_every_console_block_is_run_by_a_test() -> None:
    shown = {command for command, _ in _steps(README)}
    run = {command for command, _ in _steps(_section("Write a policy"))}
    assert shown - run == _ELSEWHERE


def test_policy_of_the_readme_builds_as_shown(tmp_path: Path) -> None:
    section = _section("Write a policy")
    files = _FILE.findall(section)
    assert {name for name, _ in files} > {"stashgen.yaml"}
    for name, text in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command, output in _steps(section):
        words = shlex.split(command)
        if words[0] == "stashgen":
            words = [sys.executable, "-m", *words]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )
        said = done.stdout + done.stderr
        assert said == output
        assert done.returncode == (1 if "error" in output else 0)
