"""What the reports over time say of whole repositories: ``over_time/<case>.<report>.*``."""

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
EXPECTED = sorted(path.name for path in (HERE / "over_time").iterdir())
_SCENARIO = ("--start", "2027-01-01", "--by", "policy")
_MORE = {
    "schedule": ("--days", "400"),
    "retention": ("--days", "10", "--change", "2", "--growth", "10", "--prices", "prices.yaml"),
}
_PRICES = "currency: EUR\nstorages:\n  local: {gigabyteMonth: 0.02, gigabyteUploaded: 0.001}\n"


@pytest.mark.parametrize("name", EXPECTED)
def test_report_says_what_is_expected(
    name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    expected = HERE / "over_time" / name
    case, report, suffix = name.split(".")
    project = tmp_path / "project"
    shutil.copytree(HERE / "cases" / case / "input", project, symlinks=True)
    (tmp_path / "prices.yaml").write_text(_PRICES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = files_below(project)
    format_ = "json" if suffix == "json" else "text"
    flags = (*_SCENARIO, *_MORE[report], "--format", format_, "--project", "project")
    code = run(["report", report, *flags])
    printed = capfd.readouterr()
    assert (code, printed.err) == (0, "")
    assert files_below(project) == before
    produced = printed.out.replace(__version__, "VERSION")
    if format_ == "json":
        path = ROOT / "docs" / f"{report}.schema.json"
        jsonschema_rs.validate(json.loads(path.read_text(encoding="utf-8")), json.loads(produced))
    if request.config.getoption("--update-golden"):
        expected.write_text(produced, encoding="utf-8")
    assert produced == expected.read_text(encoding="utf-8"), HINT
