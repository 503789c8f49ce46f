"""What is installed fits together: every file is listed, one image, PodSecurity restricted."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from stashgen import HOMEPAGE, __version__
from stashgen.api.strict_mode import CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE
from stashgen.kubestash.addons import IMAGE
from stashgen_controller.process.settings import parse
from tools.image.__main__ import image_name
from tools.image.build import IGNORE, ROOT
from tools.manifests import DEPLOY

_CONTROLLER = DEPLOY / "controller"


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _resources(folder: Path) -> list[str]:
    return list(_load(folder / "kustomization.yaml")["resources"])


def test_every_file_is_installed() -> None:
    everything = {
        str(path.relative_to(DEPLOY))
        for folder in ("crds", "addons")
        for path in (DEPLOY / folder).iterdir()
    }
    assert set(_resources(DEPLOY)) == everything | {"controller"}
    files = {path.name for path in _CONTROLLER.iterdir()} - {"kustomization.yaml"}
    assert set(_resources(_CONTROLLER)) == files


def test_strict_mode_is_the_same_controller_with_another_role() -> None:
    strict = _load(DEPLOY / "strict" / "kustomization.yaml")
    assert strict["resources"] == ["../controller", "jobs_role.yaml"]
    replaced, argument = strict["patches"]
    role = _load(DEPLOY / "strict" / replaced["path"])
    usual = next(yaml.safe_load_all((_CONTROLLER / "rbac.yaml").read_text(encoding="utf-8")))
    assert (role["kind"], role["metadata"]) == (usual["kind"], usual["metadata"])
    (operation,) = yaml.safe_load(argument["patch"])
    assert parse([operation["value"]], {}).strict


def test_controller_and_pods_run_the_same_image() -> None:
    (container,) = _pod()["containers"]
    assert container["image"] == IMAGE == image_name()


def test_image_is_labelled_as_oci_annotations_say() -> None:
    text = (ROOT / "controller" / "Dockerfile").read_text(encoding="utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', text))
    assert labels.pop("description")
    assert labels == {
        "title": image_name().partition(":")[0],
        "url": HOMEPAGE,
        "licenses": "Apache-2.0",
        "version": __version__,
    }


def test_arguments_of_the_deployment_are_the_programs() -> None:
    (container,) = _pod()["containers"]
    settings = parse(container["args"], {"POD_NAMESPACE": CONTROLLER_NAMESPACE})
    assert settings.leader_elect
    (port,) = container["ports"]
    assert settings.metrics_address == f":{port['containerPort']}"
    (service_port,) = _load(_CONTROLLER / "service.yaml")["spec"]["ports"]
    assert service_port["port"] == port["containerPort"]


def test_the_controllers_pod_keeps_to_what_its_namespace_enforces() -> None:
    labels = _load(_CONTROLLER / "namespace.yaml")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = _pod()
    assert pod["serviceAccountName"] == CONTROLLER_ACCOUNT
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_all_parts_select_the_same_pods() -> None:
    labels = _load(_CONTROLLER / "deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    deployment = _load(_CONTROLLER / "deployment.yaml")["spec"]["selector"]["matchLabels"]
    service = _load(_CONTROLLER / "service.yaml")["spec"]["selector"]
    policy = _load(_CONTROLLER / "network_policy.yaml")["spec"]["podSelector"]["matchLabels"]
    budget = _load(_CONTROLLER / "pod_disruption_budget.yaml")["spec"]["selector"]["matchLabels"]
    assert labels == deployment == service == policy == budget


def test_a_voluntary_disruption_leaves_one_controller() -> None:
    replicas = _load(_CONTROLLER / "deployment.yaml")["spec"]["replicas"]
    budget = _load(_CONTROLLER / "pod_disruption_budget.yaml")["spec"]["maxUnavailable"]
    assert replicas - budget == 1


def test_the_image_is_built_from_what_the_dockerfile_copies() -> None:
    dockerfile = (ROOT / "controller" / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        source
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    ignored = IGNORE.read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    within = {f"tools/go/restic/{name}" for name in ("go.mod", "go.sum")}
    assert copied - within == allowed - {"tools/go/restic"}
    assert within <= copied


def _pod() -> Any:
    return _load(_CONTROLLER / "deployment.yaml")["spec"]["template"]["spec"]


def test_the_image_gets_the_versions_that_are_tested() -> None:
    tested = _pins(ROOT / "tools" / "requirements" / "dev.txt")
    shipped = _pins(ROOT / "controller" / "requirements.txt")
    assert shipped.items() <= tested.items(), "run make lock"
    wanted = {
        re.split(r"[\[<>=]", item)[0]
        for path in (ROOT / "pyproject.toml", ROOT / "controller" / "pyproject.toml")
        for item in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
    }
    own = {"stashgen"}
    assert {item.replace(".", "-") for item in wanted} - own <= shipped.keys(), "run make lock"


def _pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(found)
