"""Manifests of what is no volume: reported, remembered, and no reason to stop."""

import pytest

from stashgen.diagnostics import Outcome, Severity
from stashgen.inventory import collect
from stashgen.model.inventory import Inventory
from stashgen.model.source import Source
from tests.support.project import codes, documents

_DATABASE = """\
---
apiVersion: core.kubestash.com/v1alpha1
kind: BackupConfiguration
metadata: {name: shop-db, namespace: demo}
spec:
  target: {apiGroup: kubedb.com, kind: Postgres, name: shop, namespace: demo}
  backends: [{name: b, storageRef: {name: gcs, namespace: elsewhere}}]
  sessions:
  - name: s
    hooks: {preBackup: [{name: x}]}
    newerField: {a: 1}
    addon: {name: postgres-addon, tasks: [{name: logical-backup}]}
"""


def _collect(*texts: str) -> Outcome[Inventory]:
    found = [doc for index, text in enumerate(texts) for doc in documents(text, f"{index}.yaml")]
    (project,) = documents("kind: Project", "stashgen.yaml")
    return collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))


def test_a_database_is_a_warning_where_it_says_what_it_is() -> None:
    """Whatever else it has: another operator judges it, perhaps a newer one."""
    outcome = _collect(_DATABASE)
    assert outcome.ok
    (found,) = outcome.findings
    assert (found.code, found.severity) == ("SG505", Severity.WARNING)
    assert str(found.position) == "0.yaml:6:40"
    assert found.subject == "BackupConfiguration/shop-db spec.target.kind"
    assert found.what == 'this BackupConfiguration is of Postgres "shop", not of a volume'
    (backup,) = outcome.value.foreign
    assert (backup.namespace, backup.name, backup.target_namespace) == ("demo", "shop-db", "demo")
    assert (backup.target_kind, backup.target, backup.claims) == ("Postgres", "shop", frozenset())


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("core.kubestash.com/v1alpha1, kind: RestoreSession", "target: {kind: MySQL, name: a}"),
        ("storage.kubestash.com/v1alpha1, kind: Repository", "appRef: {kind: MySQL, name: a}"),
    ],
)
def test_its_restores_and_repositories_are_as_little_ours(kind: str, spec: str) -> None:
    outcome = _collect(f"{{apiVersion: {kind}, metadata: {{name: a}}, spec: {{{spec}}}}}")
    assert codes(outcome.findings) == ["SG505"]
    assert outcome.value.foreign == ()


@pytest.mark.parametrize(
    "target",
    [
        "{kind: PersistentVolumeClaim, name: a, apiGroup: apps}",
        "{kind: persistentvolumeclaim, name: a}",
        "{kind: PVC, name: a}",
        "{name: a}",
        "null",
    ],
)
def test_a_mistake_in_naming_a_claim_stays_an_error(target: str) -> None:
    outcome = _collect(
        "apiVersion: core.kubestash.com/v1alpha1\nkind: BackupConfiguration\n"
        f"metadata: {{name: a, namespace: demo}}\nspec: {{target: {target}}}"
    )
    assert not outcome.ok
    assert "SG505" not in codes(outcome.findings)
    assert [one.target_kind for one in outcome.value.foreign] == ["PersistentVolumeClaim"]


@pytest.mark.parametrize("kind", ["${KIND}", "{{ .kind }}"])
def test_of_a_placeholder_nothing_is_known(kind: str) -> None:
    outcome = _collect(_DATABASE.replace("Postgres", f"'{kind}'"))
    assert "SG505" not in codes(outcome.findings)


def test_an_odd_shape_is_judged_like_any_other_object() -> None:
    for spec in ("[]", "text", "{target: text}", "{target: {kind: 7}}"):
        outcome = _collect(
            "apiVersion: core.kubestash.com/v1alpha1\nkind: BackupConfiguration\n"
            f"metadata: {{name: a, namespace: demo}}\nspec: {spec}"
        )
        assert not outcome.ok
        assert "SG505" not in codes(outcome.findings)


def test_what_a_workload_mounts_is_known_where_the_namespaces_may_be_the_same() -> None:
    workload = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop{namespace}}}
spec: {{template: {{spec: {{volumes: [{{persistentVolumeClaim: {{claimName: {claim}}}}}, odd]}}}}}}
"""
    found = _collect(
        _DATABASE.replace("Postgres", "Deployment"),
        workload.format(namespace=", namespace: demo", claim="uploads"),
        workload.format(namespace="", claim="perhaps"),
        workload.format(namespace=", namespace: other", claim="other"),
    )
    assert found.value.foreign[0].claims == {"uploads", "perhaps"}
