"""``--format``: the same findings as a document on standard output."""

import json
import shutil
from pathlib import Path

import pytest

from stashgen.cli.commands import Format
from stashgen.cli.main import run
from tests.support.place import ROOT

_STALE = ROOT / "tests" / "golden" / "cases" / "stale" / "input"
_DOCUMENTS = [one for one in Format if one is not Format.TEXT]


@pytest.fixture
def stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(_STALE, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.usefixtures("stale")
@pytest.mark.parametrize("format_", _DOCUMENTS)
def test_check_prints_the_document_and_keeps_its_exit_code(
    format_: Format, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--format", format_]) == 1
    printed = capfd.readouterr()
    assert printed.out.count("SG701") >= 1
    assert "rendered/demo/kustomization.yaml" in printed.out
    assert "SG70" not in printed.err
    assert printed.err.startswith("protected 1, ")


@pytest.mark.parametrize("format_", _DOCUMENTS)
def test_errors_that_stop_a_build_are_in_the_document(
    format_: Format, stale: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (stale / "policies" / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert run(["build", "--format", format_]) == 1
    printed = capfd.readouterr()
    assert "policies/broken.yaml" in printed.out
    assert printed.err == "nothing was written\n"


def test_a_good_build_reports_no_finding(stale: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(stale / "rendered")
    assert run(["build", "--format", "json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["findings"], report["coverage"]["protected"]) == ([], 1)


@pytest.mark.usefixtures("stale")
def test_two_things_on_standard_output_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--stdout", "--format", "sarif"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "--stdout and --format sarif" in printed.err


@pytest.mark.usefixtures("stale")
def test_an_unknown_format_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--format", "xml"]) == 2
    assert "invalid choice: 'xml' (choose from 'text', 'json'," in capfd.readouterr().err
