"""``stashgen explain``: each decided value with the line that decided it."""

import shutil
from pathlib import Path

import pytest

from stashgen.cli.main import run
from tests.golden.golden import files_below
from tests.support.place import ROOT

_EXAMPLE = ROOT / "examples" / "local-storage"
_UNPROTECTED = ROOT / "tests" / "golden" / "cases" / "unprotected" / "input"
_DELEGATION = ROOT / "tests" / "golden" / "cases" / "delegation" / "input"
_VOLUME = """\
volume photos/library of cluster home (hom1)           clusters/home/photos/volumes.yaml:1:1
  policy: gold                                         policies/gold.yaml:1:1
    selected by                                        policies/gold.yaml:7:5
  session backup                                       policies/gold.yaml:13:5
    every: 4h                                          policies/gold.yaml:14:12
    starts at 10 */4 * * * (Etc/UTC)
    timeout: 1h                                        policies/gold.yaml:15:14
    historyLimit: 3 (default)
    copy to storage local                              policies/gold.yaml:17:16
      repository: local-f5cszchb89
      directory: photos/library (default)
      keep: last 6, daily 14, weekly 8, failed last 1  policies/gold.yaml:19:9
      key: Secret restic-key, from Namespace           stashgen.yaml:11:19
  job
    runAs: {"user": 1000, "group": 1000}               stashgen.yaml:15:9
  onUnreadable: fail (default)
  rendered to rendered/home/photos/library.yaml as BackupConfiguration library
"""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(_EXAMPLE, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    "topic", ["photos/librar", "nonsense", "", "policies/none.yaml", "\x1b[0m"]
)
def test_what_is_not_there_is_a_usage_error(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", topic]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "is no volume of the inventory" in printed.err
    assert ('did you mean "photos/library"?' in printed.err) == (topic == "photos/librar")
    assert "\x1b" not in printed.err


def test_errors_in_the_project_are_said_instead(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example / "policies" / "broken.yaml").write_text("a: [", encoding="utf-8")
    assert run(["explain", "photos/library"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "policies/broken.yaml" in printed.err


@pytest.mark.parametrize(
    "topic",
    ["photos/library", "library", "home/photos/library", "./rendered/home/photos/library.yaml"],
)
def test_a_volume_has_every_value_with_its_line(
    topic: str, example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_below(example)
    assert run(["explain", topic]) == 0
    assert capsys.readouterr().out == _VOLUME
    assert files_below(example) == before


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("topic", ["gold", "policies/gold.yaml"])
def test_a_policy_has_its_sessions_and_volumes(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", topic]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["policy", "gold", "policies/gold.yaml:1:1"]
    assert "  protects 2 volumes" in lines
    assert lines[-1].split() == ["home/photos/library", "clusters/home/photos/volumes.yaml:1:1"]


@pytest.mark.usefixtures("example")
def test_a_manifest_has_all_its_volumes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "clusters/home/photos/volumes.yaml"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("volume photos/") == 3
    assert '  left out: policy "' in printed


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("topic", ["local", "policies/storage.yaml"])
def test_a_storage_says_how_many_volumes_it_holds(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", topic]) == 0
    assert "has copies of 2 volumes" in capsys.readouterr().out


def test_paths_are_those_of_the_caller(
    example: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(example.parent)
    assert run(["explain", "project/policies/gold.yaml", "--project", "project"]) == 0
    assert "project/policies/gold.yaml:1:1" in capsys.readouterr().out


def test_an_unprotected_volume_has_its_finding(capsys: pytest.CaptureFixture[str]) -> None:
    manifests = next((_UNPROTECTED / "clusters").rglob("*.yaml"))
    assert run(["explain", str(manifests), "--project", str(_UNPROTECTED)]) == 0
    printed = capsys.readouterr().out
    assert "no policy protects it" in printed
    assert "SG530: " in printed


@pytest.mark.parametrize(
    ("volume", "line"),
    [
        ("bank/ledger", "asked for by stashgen.dev/policy of its namespace"),
        ("bank/mail", "asked for by stashgen.dev/policy  clusters/bank.yaml:12:"),
    ],
)
def test_a_volume_of_another_policy_says_who_asked_for_it(
    volume: str, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(_DELEGATION)
    assert run(["explain", volume]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert " ".join(line.split()) in printed
    assert "selected by" not in printed
