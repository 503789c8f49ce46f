"""The ready rules: a project that keeps all of them, and for each rule a change that breaks it."""

import re
from pathlib import Path

import pytest

from stashgen.cli.compiling import decide_project

ROOT = Path(__file__).parents[4]
PACK = sorted((ROOT / "policies" / "guardrails").iterdir())
_NAMES = [
    f"{guardrail}/{rule}"
    for file in PACK
    for text in file.read_text(encoding="utf-8").split("\n---\n")
    for guardrail in re.findall(r"^metadata:\n  name: (\S+)$", text, re.MULTILINE)
    for rule in re.findall(r"^  - name: (\S+)$", text, re.MULTILINE)
]
_PROJECT = """
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: demo}
spec:
  defaults: {encryption: {secretName: restic-key}, job: {runAs: {user: 1000}, affinity: {}}}
  clusters:
  - {name: prod, id: prd1, labels: {region: eu-1}, inventory: [{manifests: [clusters]}]}
"""
_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: s3-eu}
spec:
  backend: {provider: s3, s3: {bucket: corp-eu, prefix: "{{ cluster.id }}", region: eu-1}}
  credentials: {from: Namespace, secretName: keys-eu, perVerb: {retain: prune-eu}}
  facts: {immutable: true}
---
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: s3-us}
spec:
  backend: {provider: s3, s3: {bucket: corp-us, prefix: "{{ cluster.id }}", region: us-1}}
  credentials: {from: Namespace, secretName: keys-us, perVerb: {retain: prune-us}}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: all}
spec:
  select: {}
  sessions:
  - name: backup
    every: 4h
    copies:
    - {storage: s3-eu, keep: {daily: 40}}
    - {storage: s3-us, keep: {daily: 40}}
"""
_MONTHLY = """
  - name: rare
    schedule: H 3 1 * *
    copies: [{storage: s3-us, keep: {daily: 40}}]
"""
_MANIFESTS = "".join(
    f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {tier}, labels: {{backup: {tier}}}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data, namespace: {tier}}}
spec: {{accessModes: [ReadWriteOnce]}}
---
"""
    for tier in ("gold", "silver")
)
_TIERS = {"tier-gold/rpo", "tier-silver/rpo"}
_HISTORIES = {"tier-gold/history", "tier-silver/history"}
_BROKEN = [
    (
        "    - {storage: s3-us, keep: {daily: 40}}\n",
        "",
        {"three-two-one/two-storages", "three-two-one/two-places", "three-two-one/off-site"},
    ),
    ("region: us-1", "region: eu-1", {"three-two-one/two-places", "three-two-one/off-site"}),
    ("  facts: {immutable: true}\n", "", {"immutable/one-storage"}),
    ("every: 4h", "every: 12h", {"tier-gold/rpo"}),
    ("every: 4h", "every: 7d", _TIERS),
    ("daily: 40", "daily: 10", {"tier-gold/history"}),
    ("daily: 40", "daily: 3", _HISTORIES),
    (", perVerb: {retain: prune-us}", "", {"basics/prune-key"}),
    (
        "    - {storage: s3-us, keep: {daily: 40}}\n",
        _MONTHLY,
        {"basics/every-storage"},
    ),
    (
        "  select: {}\n",
        "  select: {}\n  paused: true\n",
        {"basics/runs", "immutable/one-storage", *_TIERS, *_HISTORIES}
        | {"three-two-one/two-storages", "three-two-one/two-places", "three-two-one/off-site"},
    ),
]


@pytest.fixture(name="project")
def fixture_project(tmp_path: Path) -> Path:
    for name in ("policies", "clusters"):
        (tmp_path / name).mkdir()
    (tmp_path / "stashgen.yaml").write_text(_PROJECT, "utf-8")
    (tmp_path / "policies" / "all.yaml").write_text(_POLICIES, "utf-8")
    (tmp_path / "clusters" / "all.yaml").write_text(_MANIFESTS, "utf-8")
    for file in PACK:
        (tmp_path / "policies" / file.name).write_text(file.read_text("utf-8"), "utf-8")
    return tmp_path


def _said(project: Path) -> list[str]:
    return [f"{one.code} {one.what}" for one in decide_project(project).findings]


def test_project_that_keeps_the_rules_has_no_finding(project: Path) -> None:
    assert _said(project) == []


@pytest.mark.parametrize(("old", "new", "rules"), _BROKEN)
def test_rules_find_what_breaks_them(project: Path, old: str, new: str, rules: set[str]) -> None:
    assert old in _POLICIES
    (project / "policies" / "all.yaml").write_text(_POLICIES.replace(old, new), "utf-8")
    said = [one for one in _said(project) if one.startswith("SG9")]
    assert {one.split()[0] for one in said} == {"SG901"}
    assert set(re.findall(r'rule "([^"]+)"', "\n".join(said))) == rules


def test_each_rule_is_broken_once() -> None:
    assert {rule for _, _, rules in _BROKEN for rule in rules} == {*_NAMES}
