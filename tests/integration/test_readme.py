"""What the README shows is what happens."""

import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.readme import README, files, section, steps, write_files

# Its own target's test runs the demo; tests/cluster/test_readme.py what needs a cluster.
_IN_A_CLUSTER = section("Install") + section("Apply it")
_ELSEWHERE = {"make demo", *(command for command, _ in steps(_IN_A_CLUSTER))}


def test_every_console_block_is_run_by_a_test() -> None:
    shown = {command for command, _ in steps(README)}
    run = {command for command, _ in steps(section("Write a policy"))}
    assert shown - run == _ELSEWHERE - run


def test_policy_of_the_readme_builds_as_shown(tmp_path: Path) -> None:
    text = section("Write a policy")
    assert files(text).keys() > {"stashgen.yaml"}
    write_files(text, tmp_path)
    for command, output in steps(text):
        words = shlex.split(command)
        if words[0] == "stashgen":
            words = [sys.executable, "-m", *words]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=180
        )
        said = done.stdout + done.stderr
        assert said == output
        assert done.returncode == (1 if "error" in output else 0)
