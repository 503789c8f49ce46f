"""Argo CD and Flux are told of every kind with a status, in every phase."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel

from stashgen.api.definitions import DEFINITIONS
from tests.support.recorded_objects import FOLDER, Recorded, phases, recorded
from tools.manifests import DEPLOY

Json = Any
_ENVIRONMENT = cel.NewEnv(
    variables=dict.fromkeys(("metadata", "spec", "status"), cel.Type.DYN),
)
# Flux asks in this order, and where none is true it goes on waiting (RFC 0009).
_ORDER = {"inProgress": "InProgress", "failed": "Failed", "current": "Current"}


def _load(path: Path) -> Json:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _expressions() -> list[Json]:
    patch = _load(DEPLOY / "flux" / "health.yaml")
    return list(patch["spec"]["healthCheckExprs"])


def test_argo_cd_has_a_script_for_every_kind_with_a_status() -> None:
    (generator,) = _load(DEPLOY / "argocd" / "kustomization.yaml")["configMapGenerator"]
    keys, scripts = zip(*(item.split("=") for item in generator["files"]), strict=True)
    prefix = "resource.customizations.health."
    assert set(keys) == {f"{prefix}{item.group}_{item.kind}" for item in phases()}
    assert set(scripts) == {path.name for path in (DEPLOY / "argocd").glob("*.lua")}


def test_flux_has_expressions_for_every_kind_with_a_status_and_no_other() -> None:
    listed = [(item["apiVersion"], item["kind"]) for item in _expressions()]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(item.api_version, item.kind) for item in phases()}


def test_every_phase_is_recorded_and_so_is_an_object_that_nobody_looked_at() -> None:
    found: dict[str, set[str]] = {}
    for item in recorded():
        obj = item.object()
        assert item.case.startswith(f"{obj['kind']}/")
        found.setdefault(obj["kind"], set()).add(obj.get("status", {}).get("phase", ""))
    assert found == {resource.kind: {*wanted, ""} for resource, wanted in phases().items()}


def test_every_recorded_object_is_one_that_the_api_takes() -> None:
    models = {item.resource.kind: item.model for item in DEFINITIONS}
    for item in recorded():
        read = models[item.case.partition("/")[0]].from_wire(item.object())
        assert read.to_wire() == item.object()


def test_every_file_is_listed() -> None:
    files = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("*/*.yaml")}
    assert files == {item.case for item in recorded()}


def test_what_failed_once_holds_up_nothing() -> None:
    for item in recorded():
        if item.object().get("status", {}).get("phase") in {"Failed", "Expired"}:
            assert (item.argocd, item.flux) == ("Healthy", "Current")
            assert ": " in item.message, "it does not say why"


@pytest.mark.parametrize("item", recorded(), ids=lambda item: str(item.case))
def test_flux_says_what_is_listed(item: Recorded) -> None:
    assert _flux(item.object()) == item.flux


def _flux(obj: Json) -> str:
    """What Flux's health check says: the generation first, then the expressions."""
    (found,) = (
        each
        for each in _expressions()
        if (each["apiVersion"], each["kind"]) == (obj["apiVersion"], obj["kind"])
    )
    seen = obj.get("status", {}).get("observedGeneration")
    if seen is not None and seen != obj["metadata"]["generation"]:
        return "InProgress"
    for part, word in _ORDER.items():
        # An expression that cannot be evaluated, without a status, is an error: Flux waits.
        if part in found and _ENVIRONMENT.compile(found[part]).eval(data=obj).value() is True:
            return word
    return "InProgress"
