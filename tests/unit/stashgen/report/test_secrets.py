"""Every Secret that must exist, its keys, who mounts it, what brings it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from stashgen import pipeline
from stashgen.inventory.secret_sources import sources_in_git
from stashgen.model.source import Source
from stashgen.report.explain_secrets import explain_secrets
from stashgen.report.roles import assumed_roles
from stashgen.report.secrets import required_secrets
from tests.support.project import PROJECT, claim, documents

_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: far}
spec:
  backend: {provider: s3, s3: {bucket: backups, region: eu-1}}
  credentials: {from: Namespace, secretName: keys}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: all}
spec:
  select: {}
  sessions: [{name: backup, every: 6h, copies: [{storage: far, keep: {daily: 14}}]}]
"""
_OUTLIVE = (
    "warning: the key must outlive the cluster, or no backup can be restored: keep a copy "
    "elsewhere, or take it from a store"
)
_NOWHERE = "source:  nothing in Git creates it: it must exist in the namespace"


def _source(inventory: str, project: str = PROJECT, policies: str = _POLICIES) -> Source:
    (root,) = documents(project, "stashgen.yaml")
    manifests = {"dem1": documents(inventory, "clusters/all.yaml")}
    return Source(root, documents(policies, "policies/all.yaml"), manifests)


def _explained(inventory: str, project: str = PROJECT, policies: str = _POLICIES) -> Sequence[str]:
    source = _source(inventory, project, policies)
    compiled = pipeline.objects(source, (), date(2026, 3, 1))
    assert compiled.value is not None, compiled.findings
    clusters = compiled.value.resolved.project.spec.clusters
    manifests = compiled.value.manifests
    secrets = required_secrets(clusters, manifests, sources_in_git(source))
    return [line.strip() for line in explain_secrets(clusters, secrets, assumed_roles(manifests))]


def _about(name: str, lines: Sequence[str]) -> Sequence[str]:
    """The paragraph of a Secret."""
    end = next(
        (
            index
            for index, line in enumerate(lines)
            if index > lines.index(name) and ":" not in line
        ),
        len(lines),
    )
    return lines[lines.index(name) + 1 : end]


def test_the_keys_that_may_delete_are_for_maintenance_alone() -> None:
    policies = _POLICIES.replace("secretName: keys", "secretName: keys, perVerb: {retain: prune}")
    lines = _explained(claim("a", "bank"), policies=policies)
    keys = "keys:    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; optional CA_CERT_DATA"
    assert _about("keys", lines) == [
        keys,
        "for:     init-storage of storage far; backup, restore of volume a",
        _NOWHERE,
    ]
    assert _about("prune", lines) == [keys, "for:     maintain of volume a", _NOWHERE]


def test_each_namespace_has_its_own() -> None:
    assert _explained(claim("a", "bank") + claim("b", "bank") + claim("a", "home")) == [
        "cluster demo (dem1)",
        "namespace bank",
        "keys",
        "keys:    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; optional CA_CERT_DATA",
        "for:     init-storage of storage far; backup, restore, maintain of volume a, volume b",
        _NOWHERE,
        "restic-key",
        "keys:    RESTIC_PASSWORD",
        "for:     backup, restore, maintain of volume a, volume b",
        _NOWHERE,
        _OUTLIVE,
        "namespace home",
        "keys",
        "keys:    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; optional CA_CERT_DATA",
        "for:     init-storage of storage far; backup, restore, maintain of volume a",
        _NOWHERE,
        "restic-key",
        "keys:    RESTIC_PASSWORD",
        "for:     backup, restore, maintain of volume a",
        _NOWHERE,
        _OUTLIVE,
        "4 Secrets, 2 warnings",
    ]


def test_a_rendered_external_secret_is_a_source_that_survives() -> None:
    external = (
        "encryption: {from: ExternalSecret, secretName: restic-key, store: {kind: SecretStore, "
        "name: vault}, data: {RESTIC_PASSWORD: {key: backup}}}"
    )
    project = PROJECT.replace("encryption: {secretName: restic-key}", external)
    lines = _explained(claim("a"), project)
    assert (
        _about("restic-key", lines)[-1]
        == "source:  rendered ExternalSecret, from SecretStore vault"
    )
    assert lines[-1] == "2 Secrets"


@pytest.mark.parametrize("kind", ["ExternalSecret", "SealedSecret", "Secret"])
def test_a_secret_that_is_in_git_and_rendered_has_two_sources(kind: str) -> None:
    external = "from: ExternalSecret, store: {kind: SecretStore, name: v}, data: "
    keys = "{AWS_ACCESS_KEY_ID: {key: a}, AWS_SECRET_ACCESS_KEY: {key: b}}, "
    policies = _POLICIES.replace("{from: Namespace, ", f"{{{external}{keys}")
    item = (
        f"---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: keys, namespace: demo}}\n"
        "data: {a: '${A}'}\n"
    )
    source = _source(claim("a") + claim("b") + item, policies=policies)
    (found,) = pipeline.objects(source, (), date(2026, 3, 1)).findings
    assert (found.code, found.subject) == ("SG532", "Storage/far spec.credentials.secretName")
    elsewhere = _source(claim("a") + item.replace("demo", "other"), policies=policies)
    assert pipeline.objects(elsewhere, (), date(2026, 3, 1)).findings == ()


@pytest.mark.parametrize(
    ("kind", "more", "shown"),
    [
        (
            "Secret",
            "sops: {version: 1}\nstringData: {RESTIC_PASSWORD: 'ENC[x]'}",
            "Secret encrypted with SOPS",
        ),
        ("Secret", "stringData: {RESTIC_PASSWORD: '${KEY}'}", "Secret"),
        ("ExternalSecret", "spec: {}", "ExternalSecret"),
        ("ExternalSecret", "spec: {target: {name: restic-key}}", "ExternalSecret"),
        ("VaultStaticSecret", "spec: {destination: {name: restic-key}}", "VaultStaticSecret"),
        ("OnePasswordItem", "spec: {}", "OnePasswordItem"),
    ],
)
def test_a_manifest_in_git_is_a_source(kind: str, more: str, shown: str) -> None:
    item = (
        f"---\napiVersion: v1\nkind: {kind}\n"
        f"metadata: {{name: restic-key, namespace: demo}}\n{more}\n"
    )
    lines = _explained(claim("a") + item)
    assert _about("restic-key", lines)[-1] == f"source:  {shown} (clusters/all.yaml:7:1)"


def test_a_sealed_secret_opens_with_a_key_that_must_be_kept_too() -> None:
    sealed = (
        "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n"
        "metadata: {name: x, namespace: demo}\n"
        "spec: {template: {metadata: {name: restic-key}}}\n"
    )
    assert "sealing key" in _about("restic-key", _explained(claim("a") + sealed))[-1]


@pytest.mark.parametrize(
    "item",
    [
        "kind: Secret\nmetadata: {name: restic-key, namespace: demo}",
        "kind: Secret\nmetadata: {name: restic-key, namespace: other}\ndata: {a: '${A}'}",
        "kind: Secret\nmetadata: [restic-key]\ndata: {a: '${A}'}",
        "kind: VaultStaticSecret\nmetadata: {name: restic-key, namespace: demo}",
        "kind: ConfigMap\nmetadata: {name: restic-key, namespace: demo}\ndata: {a: b}",
        "kind: [Secret]\nmetadata: {name: restic-key, namespace: demo}",
        "kind: List\nitems: [1, {kind: Secret}]",
        (
            "kind: ExternalSecret\nmetadata: {name: restic-key, namespace: demo}\n"
            "spec: {target: {creationPolicy: Merge}}"
        ),
        "kind: Secret\nmetadata: {name: restic-key, namespace: demo}\nitems: [{a: b}]",
    ],
)
def test_what_does_not_bring_the_secret_is_no_source(item: str) -> None:
    lines = _explained(f"{claim('a')}---\napiVersion: v1\n{item}\n")
    assert list(_about("restic-key", lines)[-2:]) == [_NOWHERE, _OUTLIVE]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [("SealedSecret", "{}"), ("ExternalSecret", "{target: {name: restic-key}}")],
)
def test_a_source_gets_its_namespace_from_its_kustomization(kind: str, spec: str) -> None:
    item = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: restic-key}}\nspec: {spec}\n"
    lines = _explained(f"{claim('a')}---\n{item}")
    assert _about("restic-key", lines)[2] == (
        f"source:  {kind}, if it is applied to this namespace (clusters/all.yaml:7:1)"
    )
    source = _source(claim("a"))
    folder = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n"
    for namespace, found in (("demo", {("dem1", "demo", "restic-key")}), ("other", set())):
        more = documents(item, "keys/all.yaml") + documents(
            f"{folder}namespace: {namespace}\nresources: [all.yaml]", "keys/kustomization.yaml"
        )
        placed = replace(source, manifests={"dem1": (*source.manifests["dem1"], *more)})
        found_there = {key for key in sources_in_git(placed) if key[1] == "demo"}
        assert found_there == found


def test_sources_are_found_in_lists() -> None:
    inventory = (
        f"{claim('a')}---\napiVersion: v1\nkind: List\nitems:\n"
        "- {kind: Secret, metadata: {name: restic-key, namespace: demo}, data: {a: '${A}'}}\n"
    )
    assert _about("restic-key", _explained(inventory))[-1].endswith("(clusters/all.yaml:10:3)")


def test_pull_secrets_are_needed_by_every_pod() -> None:
    project = PROJECT.replace("defaults: {", "defaults: {job: {imagePullSecrets: [{name: pull}]}, ")
    assert list(_about("pull", _explained(claim("a"), project))) == [
        "keys:    .dockerconfigjson",
        "for:     init-storage of storage far; backup, restore, maintain, trigger of volume a",
        _NOWHERE,
    ]


def test_a_secret_with_both_kinds_of_keys_is_one() -> None:
    lines = _explained(claim("a"), PROJECT.replace("restic-key", "keys"))
    assert _about("keys", lines)[0] == (
        "keys:    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, RESTIC_PASSWORD; optional CA_CERT_DATA"
    )
    assert lines[-1] == "1 Secret, 1 warning"
