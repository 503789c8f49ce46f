"""kubeconform, an independent judge, finds the rendered tree valid."""

import json
import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from stashgen.api.json_schema import LOCATION
from stashgen.cli.main import run
from stashgen.output.serialize import serialize
from stashgen.output.tree import read_output, write_tree
from tests.api_contract.json_schemas import write_schemas
from tests.support.every_field import manifests
from tests.support.place import ROOT
from tests.support.readme import steps

# Those that have in git all that the command names.
EXAMPLES = [
    path
    for path in sorted((ROOT / "examples").iterdir())
    if (path / "policies").is_dir() and (path / "rendered").is_dir()
]


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No API server is asked here."""


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of strict schemas."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(folder)
    return folder


def _judge(schemas: Path, tree: Path) -> tuple[int, Any]:
    """kubeconform's exit code and what it says of every object."""
    program = shutil.which("kubeconform")
    assert program is not None, "kubeconform is not on PATH; make contract builds it"
    done = subprocess.run(
        [program, "-strict", "-summary", "-verbose", "-output", "json",
         "-schema-location", f"{schemas}/{LOCATION}", str(tree)],
        check=False,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


def test_every_rendered_object_is_valid(schemas: Path, tmp_path: Path) -> None:
    made = manifests()
    write_tree(read_output(tmp_path, "test"), serialize("test", made))
    code, said = _judge(schemas, tmp_path)
    faults = [item for item in said["resources"] if item["status"] != "statusValid"]
    assert faults == []
    assert said["summary"] == {"valid": len(made), "invalid": 0, "errors": 0, "skipped": 0}
    assert code == 0
    assert Counter(item["kind"] for item in said["resources"]) == Counter(
        str(item.data["kind"]) for item in made
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_documented_command_finds_a_whole_example_valid(
    schemas: Path, example: Path, tmp_path: Path
) -> None:
    """As docs/ci.md shows it, but for Kubernetes' own schemas, which are those at hand."""
    shutil.copytree(example, tmp_path / "project")
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    first, second = [
        shlex.split(command) for command, _ in steps(text.partition("## kubeconform")[2])[:2]
    ]
    assert run([*first[1:-1], str(tmp_path / "project" / first[-1])]) == 0
    at_hand = f"{schemas}/{LOCATION}"
    command = [at_hand if word == "default" else word for word in second]
    done = subprocess.run(
        [command[0], "-output", "json", *command[1:]],
        cwd=tmp_path / "project",
        check=False,
        stdout=subprocess.PIPE,
    )
    summary = json.loads(done.stdout)["summary"]
    assert summary.pop("valid") > 5
    assert summary == {"invalid": 0, "errors": 0, "skipped": 0}
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("BackupConfiguration", ("spec", "sessionz"), []),
        ("BackupConfiguration", ("spec", "sessions", 0, "backupTimeout"), 3600),
        ("BackupConfiguration", ("metadata", "annotation"), {}),
        ("Repository", ("spec", "paused"), "false"),
        ("BackupStorage", ("spec", "storage", "provider"), None),
        ("RetentionPolicy", ("spec", "successfulSnapshots", "dayly"), 1),
        ("CronJob", ("spec", "jobTemplate", "spec", "backoffLimit"), "1"),
        ("CronJob", ("spec", "timezone"), "Etc/UTC"),
        ("PodTemplate", ("template", "spec", "containers", 0, "volumeMount"), []),
        ("PodTemplate", ("template", "spec", "volumes", 0, "emptyDirs"), {}),
        ("Role", ("rules", 0, "verb"), ["get"]),
        ("RoleBinding", ("roleRef", "name"), 7),
        ("ServiceAccount", ("automountServiceAccountToken",), "no"),
        ("Kustomization", ("resources",), []),
    ],
)
def test_one_wrong_field_is_found(
    schemas: Path, tmp_path: Path, kind: str, path: tuple[str | int, ...], value: object
) -> None:
    found = next(item.data for item in manifests() if item.data["kind"] == kind)
    data: Any = json.loads(json.dumps(found))
    node = data
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    (tmp_path / "object.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    code, said = _judge(schemas, tmp_path)
    assert code == 1
    assert [item["status"] for item in said["resources"]] == ["statusInvalid"]
