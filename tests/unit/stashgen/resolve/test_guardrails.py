"""Whom a Guardrail is about: protected volumes that it selects and does not exempt."""

from collections.abc import Mapping

import pytest

from stashgen.diagnostics import Outcome
from stashgen.inventory import collect
from stashgen.model.facts import RuledVolume
from stashgen.model.source import Source
from stashgen.resolve import resolve
from stashgen.resolve.guardrails import ruled_volumes
from tests.support.project import (
    BUCKET,
    GUARDRAIL,
    POLICY,
    PROJECT,
    TODAY,
    claim,
    codes,
    documents,
    namespace,
    policy_set,
)

_CLAIMS = claim("data") + claim("logs", more="labels: {app: web}") + claim("idle")
_NOT_IDLE = POLICY.replace("[backup-store]", "[idle]")


def ruled(spec: str) -> Outcome[Mapping[str, tuple[RuledVolume, ...]]]:
    policies = policy_set(BUCKET, _NOT_IDLE, f"{GUARDRAIL}{spec}\n")
    manifests = {"dem1": documents(_CLAIMS + namespace("other"), "clusters/dem1.yaml")}
    (root,) = documents(PROJECT, "stashgen.yaml")
    inventory = collect(Source(project=root, policies=(), manifests=manifests)).value
    protections = resolve(policies, inventory, (), TODAY).value.protections
    return ruled_volumes(policies, inventory, protections, TODAY)


def _until(match: str, until: str = "2026-03-01") -> str:
    return f"  exemptions: [{{match: {match}, reason: r, owner: o, until: '{until}'}}]"


@pytest.mark.parametrize(
    ("spec", "volumes", "found"),
    [
        ("", ["data", "logs"], []),
        ("  select: {volumes: {matchLabels: {app: web}}}", ["logs"], []),
        ("  select: {exclude: [{volumes: {names: [data]}}]}", ["logs"], []),
        # Nobody protects it, and no rule is about that.
        ("  select: {volumes: {names: [idle]}}", [], []),
        ("  select: {volumes: {names: [typo]}}", [], ["SG541"]),
        (_until("{volumes: {names: [data]}}"), ["logs"], []),
        # It holds all the same: what it exempts is not reported as well.
        (_until("{volumes: {names: [data]}}", "2026-02-28"), ["logs"], ["SG542"]),
        (_until("{volumes: {names: [typo]}}"), ["data", "logs"], ["SG541"]),
        # The inventory has no workloads, no labels of the namespace and no classes.
        ("  select: {workloads: {kinds: [Deployment]}}", [], ["SG540"]),
        ("  select: {namespaces: {matchLabels: {tier: gold}}}", [], ["SG513"]),
        (_until("{namespaces: {matchLabels: {tier: gold}}}"), ["data", "logs"], ["SG513"]),
        # As in a policy, whatever has no known class is not left out.
        (_until("{volumes: {storageClasses: [fast]}}"), ["data", "logs"], ["SG541"]),
    ],
)
def test_guardrail_is_about_protected_volumes_that_it_selects(
    spec: str, volumes: list[str], found: list[str]
) -> None:
    outcome = ruled(spec)
    assert [one.facts.name for one in outcome.value["all"]] == volumes
    assert codes(outcome.findings) == found


@pytest.mark.parametrize(
    "spec",
    [
        "  select: {workloads: {kinds: [Deployment]}, volumes: {names: [idle]}}",
        "  select: {volumes: {names: [idle]}}\n" + _until("{workloads: {kinds: [Deployment]}}"),
    ],
)
def test_missing_facts_of_a_volume_that_is_not_protected_are_no_finding(spec: str) -> None:
    outcome = ruled(spec)
    assert (outcome.value["all"], outcome.findings) == ((), ())
