"""The examples with real programs: their records are not stale, and their output is valid."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stashgen.api.json_schema import LOCATION
from stashgen.cli.main import run
from tests.api_contract.json_schemas import write_schemas
from tests.support.place import ROOT

EXAMPLES = sorted((ROOT / "examples").iterdir())
RECORDED = [path for path in EXAMPLES if (path / "inventory").is_dir()]
# Kinds of Flux and of External Secrets Operator, whose schemas are not ours.
_OTHERS = "kustomize.toolkit.fluxcd.io/v1/Kustomization,external-secrets.io/v1/ExternalSecret"


def _name(path: Path) -> str:
    return path.name


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No API server is asked here."""


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of strict schemas."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder)
    return folder


@pytest.mark.parametrize("example", RECORDED, ids=_name)
def test_the_record_is_what_the_programs_render(
    example: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Flux' paths begin at the root of the repository: that is the copy.
    project = shutil.copytree(example, tmp_path / example.name)
    assert run(["inventory", "--check", "--project", str(project)]) == 0, capfd.readouterr().err
    (record,) = (project / "inventory").iterdir()
    record.unlink()
    assert run(["inventory", "--project", str(project)]) == 0
    assert record.read_bytes() == (example / "inventory" / record.name).read_bytes()


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_kubeconform_finds_the_output_valid(example: Path, schemas: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert run(["build", "--project", str(example), "-o", str(output)]) == 0
    program = shutil.which("kubeconform")
    assert program is not None, "kubeconform is not on PATH; make contract builds it"
    done = subprocess.run(
        [program, "-strict", "-summary", "-verbose", "-output", "json", "-skip", _OTHERS,
         "-schema-location", f"{schemas}/{LOCATION}", str(output)],
        check=False,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    said: Any = json.loads(done.stdout)
    fine = {"statusValid", "statusSkipped"}
    faults = [one for one in said["resources"] if one["status"] not in fine]
    assert faults == []
    assert done.returncode == 0
    assert said["summary"]["valid"] > 0
    skipped = {one["kind"] for one in said["resources"] if one["status"] == "statusSkipped"}
    assert skipped <= {"Kustomization", "ExternalSecret"}
