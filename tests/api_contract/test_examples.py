"""The examples with real programs: their records are not stale, and their output is valid."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stashgen.api.json_schema import LOCATION
from stashgen.cli.main import run
from tests.api_contract.json_schemas import write_schemas
from tests.support.place import ROOT

EXAMPLES = sorted((ROOT / "examples").iterdir())
RECORDED = [path for path in EXAMPLES if (path / "inventory").is_dir()]
_FLUX, _SECRETS = "kustomize.toolkit.fluxcd.io/v1", "external-secrets.io/v1"


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


def _judge(schemas: Path, folder: Path) -> tuple[int, Any]:
    """kubeconform's exit code and what it says of every object."""
    program = shutil.which("kubeconform")
    assert program is not None, "kubeconform is not on PATH; make contract builds it"
    done = subprocess.run(
        [program, "-strict", "-summary", "-verbose", "-output", "json",
         "-schema-location", f"{schemas}/{LOCATION}", str(folder)],
        check=False,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_kubeconform_finds_the_output_valid(example: Path, schemas: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert run(["build", "--project", str(example), "-o", str(output)]) == 0
    code, said = _judge(schemas, output)
    assert [one for one in said["resources"] if one["status"] != "statusValid"] == []
    assert code == 0
    assert said["summary"]["valid"] > 0


@pytest.mark.parametrize(
    ("example", "version", "kind", "path", "value"),
    [
        ("flux-home", _FLUX, "Kustomization", ("spec", "dependOn"), [{"name": "stashgen"}]),
        ("flux-home", _FLUX, "Kustomization", ("spec", "dependsOn"), ["stashgen"]),
        ("flux-home", _FLUX, "Kustomization", ("spec", "interval"), "1d"),
        ("flux-home", _FLUX, "Kustomization", ("spec", "wait"), "yes"),
        ("flux-home", _FLUX, "Kustomization", ("spec", "sourceRef", "kind"), "GitRepo"),
        ("flux-home", _FLUX, "Kustomization", ("metadata", "nameSpace"), "flux-system"),
        ("company", _SECRETS, "ExternalSecret", ("spec", "secretStore"), {"name": "vault"}),
        ("company", _SECRETS, "ExternalSecret", ("spec", "target", "creationPolicy"), "Own"),
        ("company", _SECRETS, "ExternalSecret", ("spec", "data", 0, "remoteRef", "ke"), "a"),
        ("company", _SECRETS, "ExternalSecret", ("spec", "data"), []),
    ],
)
def test_a_wrong_field_of_another_projects_kind_is_found(
    schemas: Path,
    tmp_path: Path,
    example: str,
    version: str,
    kind: str,
    path: tuple[str | int, ...],
    value: object,
) -> None:
    output = tmp_path / "output"
    assert run(["build", "--project", str(ROOT / "examples" / example), "-o", str(output)]) == 0
    documents = (
        data for file in output.rglob("*.yaml") for data in yaml.safe_load_all(file.read_text())
    )
    data: Any = next(
        one for one in documents if (one["apiVersion"], one["kind"]) == (version, kind)
    )
    (tmp_path / "object.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    assert _judge(schemas, tmp_path / "object.yaml")[0] == 0
    node = data
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    (tmp_path / "object.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    code, said = _judge(schemas, tmp_path / "object.yaml")
    assert code == 1
    assert [one["status"] for one in said["resources"]] == ["statusInvalid"]
