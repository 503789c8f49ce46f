"""Rules over volumes: what is reported, where, and what happens without the library."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stashgen.cli.main import run
from stashgen.guardrails import check_guardrails
from stashgen.model.facts import RuledVolume
from stashgen.model.source import Authored
from stashgen.policy.guardrail import Guardrail
from stashgen.resolve.facts import ruled_volume
from tests.support.project import BUCKET, POLICY, claim, documents, resolved

CASES = Path(__file__).parents[4] / "tests" / "golden" / "cases"


def guardrail(expression: str) -> Authored[Guardrail]:
    text = f"""
apiVersion: stashgen.dev/v1alpha1
kind: Guardrail
metadata: {{name: all}}
spec:
  rules:
  - name: rule
    expression: '{expression}'
    message: broken
"""
    (document,) = documents(text, "policies/guardrails.yaml")
    return Authored(Guardrail.model_validate(document.data), document)


def ruled(policy: str = POLICY, *others: str) -> Mapping[str, tuple[RuledVolume, ...]]:
    found = resolved(claim("data") + claim("more"), BUCKET, *others, policy)
    return {"all": tuple(ruled_volume(one) for one in found.value.protections)}


def said(expression: str, volumes: Mapping[str, tuple[RuledVolume, ...]]) -> list[str]:
    findings = check_guardrails((guardrail(expression),), volumes)
    return [f"{one.code} {one.subject}: {one.what}" for one in findings]


@pytest.mark.parametrize(
    ("expression", "subject"),
    [
        ('volume.rpo < duration("1h")', "BackupPolicy/hourly spec.sessions[0].every"),
        (
            'volume.storageRpo.all(s, volume.storageRpo[s] < duration("3h"))',
            "BackupPolicy/hourly spec.sessions[1].every",
        ),
        (
            'volume.keepFor > duration("999h")',
            "BackupPolicy/hourly spec.sessions[1].copies[0].keep",
        ),
        ("volume.copies > 2", "BackupPolicy/hourly spec.sessions[0].copies"),
        ("volume.storages.size() > 2", "BackupPolicy/hourly spec.sessions[0].copies"),
        ('volume.policy != "hourly"', "BackupPolicy/hourly spec"),
        ('volume.labels.exists(l, l == "tier")', "PersistentVolumeClaim/data"),
        ('volume.cluster == ""', "PersistentVolumeClaim/data"),
        # Whom a rule is about does not decide the value that it asks for.
        (
            '"x" in volume.labels || volume.rpo < duration("1h")',
            "BackupPolicy/hourly spec.sessions[0].every",
        ),
    ],
)
def test_finding_is_where_the_value_is_decided(expression: str, subject: str) -> None:
    daily = "  - {name: daily, every: 1d, copies: [{storage: other, keep: {last: 2}}]}\n"
    policy = POLICY.replace("  job:", f"{daily}  job:")
    other = BUCKET.replace("name: local", "name: other").replace("corp", "other")
    what = 'volume "demo/data" and 1 other break rule "all/rule": broken'
    assert said(expression, ruled(policy, other)) == [f"SG901 {subject}: {what}"]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("spec:\n", "spec:\n  paused: true\n", "paused"),
        ("name: backup, ", "name: backup, suspend: true, ", "sessions[0].suspend"),
    ],
)
def test_finding_is_at_what_keeps_backups_from_running(old: str, new: str, field: str) -> None:
    (found,) = said("volume.copies > 0", ruled(POLICY.replace(old, new, 1)))
    assert found.startswith(f"SG901 BackupPolicy/hourly spec.{field}: ")


def test_rule_that_takes_too_long_is_stopped_at_the_first_volume() -> None:
    text = "true"
    for name in "abcd":
        text = f"volume.storages.all({name}, {text})"
    (one, other) = ruled()["all"]
    many = replace(one.facts, storages=one.facts.storages * 80)
    volumes = {"all": (replace(one, facts=many), replace(other, facts=many))}
    (found,) = said(text, volumes)
    assert found.startswith("SG903 ")
    assert found.endswith('cannot be evaluated for volume "demo/data": Iteration budget exceeded')


@pytest.fixture(name="_without_the_library")
def fixture_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rules", "expression"):
        monkeypatch.delitem(sys.modules, f"stashgen.guardrails.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)


@pytest.mark.usefixtures("_without_the_library")
def test_project_with_rules_needs_the_library(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--project", str(CASES / "guardrails" / "input")]) == 2
    printed = capfd.readouterr().err
    assert "policies/guardrails.yaml:1:1 is a Guardrail" in printed
    assert "pip install 'cel-expr-python>=0.1.3'" in printed


@pytest.mark.usefixtures("_without_the_library")
def test_project_without_rules_needs_no_library() -> None:
    assert run(["check", "--project", str(CASES / "up-to-date" / "input")]) == 0
