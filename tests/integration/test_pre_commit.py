"""The hooks as people use them: the real pre-commit installs this repository and runs them.

Nothing is fetched: what pip needs to build and what the hooks import are the environment's of the
tests, as in test_packages.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.place import ROOT

EXAMPLE = ROOT / "examples" / "local-storage"
_HOOKS = ROOT / ".pre-commit-hooks.yaml"
# What pip installs of the repository, and the hooks.
_REPOSITORY = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "stashgen")


@dataclass(frozen=True, slots=True)
class Repositories:
    """The hooks' repository, and a user's, committed."""

    hooks: Path
    user: Path
    variables: dict[str, str]

    def try_hook(self, hook: str) -> subprocess.CompletedProcess[str]:
        """``pre-commit try-repo``; standard error follows standard output."""
        return self._run(
            sys.executable, "-m", "pre_commit", "try-repo", str(self.hooks), hook, "--verbose"
        )

    def git(self, *arguments: str) -> str:
        done = self._run("git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.user,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=240,
        )


def _commit(folder: Path, variables: dict[str, str]) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], env=variables, check=True, timeout=60)


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("home")
    given = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    # pip builds without an environment of its own where this variable is "0".
    pip = {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1"}
    return {
        **given,
        **pip,
        "HOME": str(folder),
        "PRE_COMMIT_HOME": str(folder / "cache"),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="module")
def hooks(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stashgen")
    for name in _REPOSITORY:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    _commit(folder, variables)
    return folder


@pytest.fixture
def repositories(hooks: Path, variables: dict[str, str], tmp_path: Path) -> Repositories:
    shutil.copytree(EXAMPLE, tmp_path / "user")
    _commit(tmp_path / "user", variables)
    return Repositories(hooks, tmp_path / "user", variables)


def test_check_fails_on_a_stale_output_and_writes_nothing(repositories: Repositories) -> None:
    policy = repositories.user / "policies" / "gold.yaml"
    policy.write_text(policy.read_text("utf-8").replace("daily: 14", "daily: 15"), "utf-8")
    repositories.git("add", "-A")
    done = repositories.try_hook("stashgen-check")
    assert done.returncode == 1
    assert "SG702" in done.stdout
    assert repositories.git("diff", "--name-only") == ""


def test_build_fails_until_what_it_writes_is_added(repositories: Repositories) -> None:
    # Only untracked files come of it, which pre-commit itself does not notice.
    repositories.git("rm", "-rqf", "rendered")
    repositories.git("commit", "-qm", "without output")
    done = repositories.try_hook("stashgen-build")
    assert done.returncode == 1
    assert "files written" in done.stdout
    repositories.git("add", "-A")
    done = repositories.try_hook("stashgen-build")
    assert done.returncode == 0, done.stdout
    assert " 0 files written" in done.stdout


def test_hooks_say_what_pre_commit_needs_to_know() -> None:
    for hook in yaml.safe_load(_HOOKS.read_text(encoding="utf-8")):
        assert hook["id"].startswith("stashgen-")
        assert hook["always_run"]
        assert not hook["pass_filenames"]
