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
_CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: more, namespace: photos}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
"""
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


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    command = ["git", *identity, "-c", "commit.gpgSign=false", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def repository(project: Path) -> Path:
    """A repository whose main branch has the example with a fresh output."""
    assert _shell("stashgen build", project).returncode == 0
    _git(project, "init", "-q", "-b", "main")
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "Begin")
    return project


def _commit(repository: Path, branch: str, message: str) -> None:
    assert _shell("stashgen build", repository).returncode == 0
    _git(repository, "switch", "-q", "-c", branch)
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", message)
    _git(repository, "switch", "-q", "main")


def test_jobs_of_ci_comment_the_plan_and_fail_on_its_effects(repository: Path) -> None:
    _edit(repository / "policies" / "gold.yaml", "daily: 14", "daily: 7")
    _commit(repository, "shorter", "Keep less")
    base = _git(repository, "rev-parse", "HEAD").strip()
    _git(repository, "merge", "-q", "--no-ff", "-m", "Merge", "shorter")
    found = {name: yaml.safe_load(content) for name, content in files(_TEXT).items()}
    steps = found[".github/workflows/backup-plan.yaml"]["jobs"]["plan"]["steps"]
    github = [step["run"] for step in steps if step.get("run", "").startswith("stashgen")]
    gitlab = found[".gitlab/backup-plan.yml"]["backup-plan"]["script"]
    assert len(github) == len(gitlab) == 2
    for comment, gate in (github, gitlab):
        done = _shell(f"CI_MERGE_REQUEST_DIFF_BASE_SHA={base}; {comment}", repository)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        text = (repository / "plan.md").read_text(encoding="utf-8")
        (repository / "plan.md").unlink()
        assert "because policies/" in text
        assert "daily: 7" in text
        assert "restore points go at once" in text
        done = _shell(f"CI_MERGE_REQUEST_DIFF_BASE_SHA={base}; {gate}", repository)
        assert done.returncode == 1
        assert done.stderr == "--fail-on: the plan has destroy\n"
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "worktree", "list").count("\n") == 1


def test_jobs_of_ci_comment_the_findings_of_what_does_not_compile(repository: Path) -> None:
    _edit(repository / "policies" / "gold.yaml", "daily: 14", "daily: many")
    _git(repository, "commit", "-q", "-a", "-m", "Break it")
    base = _git(repository, "rev-parse", "HEAD^").strip()
    found = {name: yaml.safe_load(content) for name, content in files(_TEXT).items()}
    steps = found[".github/workflows/backup-plan.yaml"]["jobs"]["plan"]["steps"]
    posts = [step for step in steps if "plan.md" in step.get("run", "") and "gh pr" in step["run"]]
    assert [step["if"] for step in posts] == ["always()"]
    github = next(step["run"] for step in steps if step.get("run", "").startswith("stashgen"))
    job = found[".gitlab/backup-plan.yml"]["backup-plan"]
    assert job["artifacts"]["when"] == "always"
    for comment in (github, job["script"][0]):
        done = _shell(f"CI_MERGE_REQUEST_DIFF_BASE_SHA={base}; {comment}", repository)
        assert (done.returncode, done.stdout) == (1, "")
        text = (repository / "plan.md").read_text(encoding="utf-8")
        (repository / "plan.md").unlink()
        assert text.startswith("<!-- stashgen plan -->\n")
        assert "- **policies/gold.yaml:" in text


def test_check_finds_two_branches_that_merge_cleanly_and_mean_something_else(
    repository: Path,
) -> None:
    _edit(repository / "policies" / "gold.yaml", "daily: 14", "daily: 21")
    _commit(repository, "longer", "Keep more")
    claim = repository / "clusters" / "home" / "photos" / "more.yaml"
    claim.write_text(_CLAIM, encoding="utf-8")
    _commit(repository, "volume", "Add a volume")
    for branch in ("longer", "volume"):
        assert _shell(f"git switch -q {branch}; stashgen check", repository).returncode == 0
        _git(repository, "switch", "-q", "main")
    for branch in ("longer", "volume"):
        _git(repository, "merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)
    done = _shell("stashgen check", repository)
    assert done.returncode == 1
    assert "error SG702: the file is out of date" in done.stderr
    done = _shell("stashgen build && stashgen check && stashgen plan", repository)
    assert done.returncode == 0, done.stderr
    assert "--keep-daily=14" in done.stdout


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
