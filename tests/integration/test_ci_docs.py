"""The commands and files of docs/ci.md work in an example."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.place import ROOT
from tests.support.readme import files, steps

EXAMPLE = ROOT / "examples" / "local-storage"
_TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
_BY_OTHERS = ("kubeconform",)  # tests/api_contract/test_kubeconform.py runs it


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'stashgen() {{ "{sys.executable}" -m stashgen "$@"; }}; {command}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "project")
    return tmp_path / "project"


def test_commands_run(project: Path) -> None:
    run = [one for one in steps(_TEXT) if not one[0].startswith(_BY_OTHERS)]
    assert len(run) == 5
    for command, shown in run:
        done = _shell(command, project)
        assert done.returncode == 0, done.stderr
        assert done.stdout == shown or not shown
    schema = json.loads((project / ".stashgen" / "schema.json").read_text(encoding="utf-8"))
    assert schema["title"] == "stashgen"


def test_jobs_of_ci_succeed_on_a_fresh_output(project: Path) -> None:
    found = {name: yaml.safe_load(content) for name, content in files(_TEXT).items()}
    (github,) = [
        step["run"]
        for step in found[".github/workflows/backups.yaml"]["jobs"]["check"]["steps"]
        if "run" in step
    ]
    (gitlab,) = found[".gitlab-ci.yml"]["backups"]["script"]
    for command in (github, gitlab):
        done = _shell(command, project)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert json.loads((project / "stashgen.json").read_text(encoding="utf-8")) == []


def test_completion_scripts_load_as_the_page_says(tmp_path: Path) -> None:
    done = _shell("source <(stashgen completion bash); complete -p stashgen", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", _TEXT.split("# .pre-commit-config.yaml\n")[1:])
def test_pre_commit_takes_its_configuration(block: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(block.partition("```")[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
