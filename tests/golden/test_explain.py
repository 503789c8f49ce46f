"""What ``stashgen explain`` says of whole user repositories: ``explained/<case>.txt``."""

import shutil
from pathlib import Path

import pytest

from stashgen.cli.main import run
from tests.golden.golden import HINT, files_below

HERE = Path(__file__).parent
EXPLAINED = sorted(path.stem for path in (HERE / "explained").iterdir())


@pytest.mark.parametrize("case", EXPLAINED)
def test_explain_secrets_says_what_is_expected(
    case: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = tmp_path / "project"
    shutil.copytree(HERE / "cases" / case / "input", project, symlinks=True)
    monkeypatch.chdir(tmp_path)
    before = files_below(project)
    code = run(["explain", "secrets", "--project", "project"])
    printed = capfd.readouterr()
    assert files_below(project) == before
    produced = f"{printed.out}{printed.err}exit code {code}\n"
    assert bool(printed.out) == (code == 0)
    expected = HERE / "explained" / f"{case}.txt"
    if request.config.getoption("--update-golden"):
        expected.write_text(produced, encoding="utf-8")
    assert produced == expected.read_text(encoding="utf-8"), HINT
