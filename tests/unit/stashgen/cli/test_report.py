"""``stashgen report coverage``: exit codes and what is said besides the report."""

import shutil
from pathlib import Path

import pytest

from stashgen.cli.main import run
from tests.support.place import ROOT

_CASE = ROOT / "tests" / "golden" / "cases" / "unprotected" / "input"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(_CASE, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--fail-under", "20"], 0, ""),
        (["--fail-under", "20.5"], 1, "20.5: 20 % of the volumes are protected\n"),
        (["--fail-under=33", "--by=namespace"], 1, 'volumes in "paris/bank" are protected\n'),
        (["--fail-under=0", "--by=cluster"], 0, ""),
        (["--fail-under=99", "--by=label:tier"], 1, 'volumes in "(no label)" are protected\n'),
    ],
)
def test_too_few_protected_volumes_are_exit_code_one(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "coverage", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.err.endswith(said)
    assert bool(printed.err) == bool(said)
    assert printed.out.startswith("unprotected: 4\n")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "arguments",
    [[], ["coverage", "--by=tier"], ["coverage", "--by=label:"], ["coverage", "--fail-under=nan"]],
)
def test_mistakes_are_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "report" in printed.err or "--by" in printed.err


def test_errors_in_the_project_are_said_instead(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "policies" / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert run(["report", "coverage"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "policies/broken.yaml:2" in printed.err
