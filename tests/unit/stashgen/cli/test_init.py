"""``stashgen init`` in repositories of several kinds."""

import re
from pathlib import Path

import pytest

from stashgen.cli.main import run
from tests.golden.golden import files_below
from tests.support.place import ROOT
from tests.support.project import claim, namespace

_EXAMPLES = sorted(one for one in (ROOT / "examples").iterdir() if one.name != "company")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "apps" / "demo"
    folder.mkdir(parents=True)
    (folder / "volumes.yaml").write_text(f"{namespace('demo')}{claim('data')}", encoding="utf-8")
    return tmp_path / "repo"


def test_a_project_is_not_made_twice(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--project", str(repository)]) == 0
    before = files_below(repository)
    assert run(["init", "--project", str(repository)]) == 2
    assert "exists: this is a project already" in capsys.readouterr().err
    assert files_below(repository) == before


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--project", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_files_that_are_there_are_kept(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = repository / ".stashgen" / "schema.json"
    schema.parent.mkdir()
    schema.write_text("mine", encoding="utf-8")
    assert run(["init", "--project", str(repository)]) == 0
    assert schema.read_text(encoding="utf-8") == "mine"
    assert f"kept  {schema}" in capsys.readouterr().err
    assert not [path for path in repository.rglob("*") if "tmp" in path.name]


def test_what_cannot_be_written_is_said_and_init_can_be_repeated(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / ".stashgen").touch()
    assert run(["init", "--project", str(repository)]) == 2
    assert f"cannot write {repository / '.stashgen' / 'schema.json'}" in capsys.readouterr().err
    assert not (repository / "stashgen.yaml").exists()
    (repository / ".stashgen").unlink()
    assert run(["init", "--project", str(repository)]) == 0
    assert "kept  " in capsys.readouterr().err
    assert "policies: [policies]" in (repository / "stashgen.yaml").read_text(encoding="utf-8")


def test_a_dry_run_prints_the_files_and_writes_none(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_below(repository)
    assert run(["init", "--project", str(repository), "--dry-run"]) == 0
    assert files_below(repository) == before
    printed = capsys.readouterr()
    assert "# policies/storage.yaml\n" in printed.out
    assert "nothing was written" in printed.err


def test_a_plain_repository_builds_at_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    assert run(["init"]) == 0
    assert "next: stashgen build" in capsys.readouterr().err
    assert run(["build", "--require", "protected", "--require", "known"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert (repository / "rendered" / "main" / "demo" / "data.yaml").is_file()


def _copy(example: Path, into: Path) -> None:
    """What a user of the example has before stashgen."""
    for name, content in files_below(example).items():
        if not name.startswith(("rendered/", "policies/")) and name != "stashgen.yaml":
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(content)


@pytest.mark.parametrize("example", _EXAMPLES, ids=lambda path: path.name)
def test_the_manifests_of_an_example_build_at_once(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _copy(example, tmp_path)
    assert run(["init", "--project", str(tmp_path)]) == 0
    assert run(["build", "--project", str(tmp_path)]) == 0, capsys.readouterr().err


def test_clusters_side_by_side_need_only_what_their_annotations_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _copy(ROOT / "examples" / "company", tmp_path)
    assert run(["init", "--project", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert "5 clusters (prod-eu, data-eu, prod-us, staging, tools)" in printed
    # Nobody delegated anything yet.
    assert {*re.findall(r"(?:error|warning) (SG\d+)", printed)} == {"SG543"}


def test_an_empty_folder_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--project", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert "there are no manifests yet" in printed
    assert "a build fails until these are solved" in printed
    assert "bug" not in printed
