"""What ``stashgen report coverage`` says of whole repositories: ``covered/<case>.{txt,json}``."""

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from stashgen import __version__
from stashgen.cli.main import run
from tests.golden.golden import HINT, files_below
from tests.support.place import ROOT

HERE = Path(__file__).parent
COVERED = sorted(path.name for path in (HERE / "covered").iterdir())


@pytest.mark.parametrize("name", COVERED)
def test_report_says_what_is_expected(
    name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    expected = HERE / "covered" / name
    project = tmp_path / "project"
    shutil.copytree(HERE / "cases" / expected.stem / "input", project, symlinks=True)
    monkeypatch.chdir(tmp_path)
    before = files_below(project)
    format_ = "json" if expected.suffix == ".json" else "text"
    code = run(
        ["report", "coverage", "--project", "project", "--by", "namespace", "--format", format_]
    )
    printed = capfd.readouterr()
    assert (code, printed.err) == (0, "")
    assert files_below(project) == before
    produced = printed.out.replace(__version__, "VERSION")
    if format_ == "json":
        schema = json.loads((ROOT / "docs" / "coverage.schema.json").read_text(encoding="utf-8"))
        jsonschema_rs.validate(schema, json.loads(produced))
    if request.config.getoption("--update-golden"):
        expected.write_text(produced, encoding="utf-8")
    assert produced == expected.read_text(encoding="utf-8"), HINT
