"""The examples are whole user repositories, and the catalogue's policies work in one."""

import re
import shutil
from datetime import date
from pathlib import Path, PurePosixPath

import pytest

from stashgen import pipeline
from stashgen.cli.main import run
from stashgen.load import load
from tests.golden.golden import HINT

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir())
EXAMPLE = ROOT / "examples" / "local-storage"
CATALOGUE = sorted(path.name for path in (ROOT / "policies").iterdir())


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_output_that_an_example_shows_is_what_a_build_writes(
    example: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    project = str(ROOT / "examples" / example)
    if request.config.getoption("--update-golden"):
        assert run(["build", "--project", project]) == 0
    code = run(["check", "--project", project])
    printed = capfd.readouterr().err
    assert code == 0, f"{printed}\n{HINT}"
    assert "warning" not in printed


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_policy_of_the_catalogue_works_once_it_is_copied(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "policies" / "gold.yaml").unlink()
    shutil.copy(ROOT / "policies" / name, tmp_path / "policies")
    text = (ROOT / "policies" / name).read_text(encoding="utf-8")
    (label,) = re.findall(r"matchLabels:\n +(backup: [a-z]+)\n", text)
    namespace = tmp_path / "clusters" / "home" / "photos" / "namespace.yaml"
    namespace.write_text(namespace.read_text("utf-8").replace("backup: gold", label), "utf-8")

    loaded = load(tmp_path)
    assert loaded.value is not None
    assert loaded.findings == ()
    compiled = pipeline.compile(loaded.value, (), date(2026, 3, 1))
    assert [finding.what for finding in compiled.findings] == []
    volumes = {PurePosixPath(f"home/photos/{volume}.yaml") for volume in ("library", "database")}
    assert volumes <= compiled.value.files.keys()
