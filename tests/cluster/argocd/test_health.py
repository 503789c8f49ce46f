"""Argo CD's own program evaluates our Lua over recorded objects."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.argocd.document import documented, files_below
from tests.cluster.argocd.server import settings
from tests.support.place import ROOT
from tests.support.recorded_objects import Recorded, phases, recorded
from tools.go.build import ensure


@pytest.fixture(scope="module")
def config_map(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Argo CD's ConfigMap as an installation with our component has it."""
    folder = tmp_path_factory.mktemp("settings")
    objects = list(yaml.safe_load_all(settings(folder)))
    (found,) = (item for item in objects if item["metadata"]["name"] == "argocd-cm")
    path = folder / "argocd-cm.yaml"
    path.write_text(yaml.safe_dump(found), encoding="utf-8")
    return path


@pytest.mark.parametrize("item", recorded(), ids=lambda item: str(item.case))
def test_argo_cd_says_what_is_listed(config_map: Path, item: Recorded) -> None:
    command = ["admin", "settings", "resource-overrides", "health", str(item.path)]
    done = subprocess.run(
        [str(ensure("argocd") / "argocd"), *command, f"--argocd-cm-path={config_map}"],
        capture_output=True,
        text=True,
        check=True,
    )
    status, _, message = done.stdout.partition("\n")
    assert status == f"STATUS: {item.argocd}"
    assert message.removeprefix("MESSAGE: ").strip() == item.message


def test_flux_component_gives_the_documented_kustomizations_their_health_checks(
    tmp_path: Path,
) -> None:
    for name, text in files_below("flux/").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "controller" / "deploy" / "flux", tmp_path / "health")
    build = [str(ensure("kustomize") / "kustomize"), "build", str(tmp_path)]
    text = subprocess.run(build, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = {item["metadata"]["name"]: item["spec"] for item in yaml.safe_load_all(text)}
    assert built.keys() == {"backups", "restores", "stashgen"}
    for name, spec in built.items():
        kinds = {item["kind"] for item in spec.pop("healthCheckExprs")}
        assert kinds == {item.kind for item in phases()}
        assert spec == documented(f"flux/{name}.yaml")["spec"]


def test_flux_component_reaches_the_kustomizations_that_a_build_writes(tmp_path: Path) -> None:
    one = documented("flux/backups-by-namespace.yaml")["spec"]
    rendered = tmp_path / one["path"]
    case = ROOT / "tests" / "golden" / "cases" / "strict-cluster"
    shutil.copytree(case / "expected" / "rendered" / "demo" / "_flux", rendered)
    (component,) = one["components"]
    shutil.copytree(ROOT / "controller" / "deploy" / "flux", (rendered / component).resolve())
    # As Flux does (kustomize-controller, spec.components).
    with (rendered / "kustomization.yaml").open("a", encoding="utf-8") as file:
        file.write(f"components: [{component}]\n")
    build = [str(ensure("kustomize") / "kustomize"), "build", str(rendered)]
    text = subprocess.run(build, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = {item["metadata"]["name"]: item["spec"] for item in yaml.safe_load_all(text)}
    assert built.keys() == {"backups.cluster", "backups-demo"}
    assert all(spec["healthCheckExprs"] for spec in built.values())
