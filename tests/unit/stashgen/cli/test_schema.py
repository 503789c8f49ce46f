"""``stashgen schema``: one text for editors, or a folder for kubeconform."""

import json
from pathlib import Path

import pytest

from stashgen.cli.main import run
from stashgen.cli.schema import schemas_for_kubeconform


def test_a_wrong_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--kind", "storage"]) == 2
    assert "invalid choice: 'storage'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["schema", "--kubeconform", str(tmp_path / "file" / "schemas")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--kind", "Storage"]])
def test_the_schema_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", *arguments]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["title"] == (arguments[-1] if arguments else "stashgen")
    assert printed.err == ""


def test_kubeconform_gets_a_file_a_kind_and_twice_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(["schema", "--kubeconform", str(tmp_path)]) == 0
        assert capsys.readouterr().err == f"{tmp_path}: 18 files written\n"
    written = {
        path.relative_to(tmp_path).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in tmp_path.rglob("*.json")
    }
    assert written == schemas_for_kubeconform()
