"""Who may delete copies, where retention has a Secret of its own."""

from pathlib import PurePosixPath

from stashgen.inventory import collect
from stashgen.model.source import Source
from stashgen.pipeline import Decisions
from stashgen.plan.access import access_changes
from stashgen.plan.state import State
from tests.support.project import POLICY, PROJECT, claim, documents, policy_set, resolved

_STORAGE = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  backend: {provider: s3, s3: {bucket: shop, region: eu-1}}
  credentials:
    from: ExternalSecret
    secretName: s3
    store: {kind: ClusterSecretStore, name: vault}
    data: {AWS_ACCESS_KEY_ID: {key: s3}, AWS_SECRET_ACCESS_KEY: {key: s3}}
    perVerb:
      retain: s3-retain
      data: {AWS_ACCESS_KEY_ID: {key: s3}, AWS_SECRET_ACCESS_KEY: {key: OF-RETENTION}}
"""


def _state(key: str) -> State:
    return _of(_STORAGE.replace("OF-RETENTION", key), key)


def _of(storage: str, name: str = "state") -> State:
    outcome = resolved(claim("web"), storage, POLICY)
    assert outcome.ok, outcome.findings
    (root,) = documents(PROJECT, "stashgen.yaml")
    inventory = collect(Source(project=root, policies=(), manifests={})).value
    decisions = Decisions(outcome.value, policy_set(storage, POLICY), inventory, ())
    return State(name, PurePosixPath(), decisions)


def test_another_source_of_retentions_secret_is_an_access_change() -> None:
    (change,) = access_changes(_state("one"), _state("other"))
    assert change.what == "local: pods that delete backups have"
    assert "AWS_SECRET_ACCESS_KEY: one" in change.before
    assert "AWS_SECRET_ACCESS_KEY: other" in change.after


def test_a_role_in_place_of_a_secret_is_an_access_change() -> None:
    role = "arn:aws:iam::123456789012:role"
    with_role = _STORAGE.partition("    from: ExternalSecret")[0] + (
        f'    from: WorkloadIdentity\n    roleARN: "{role}/backup-{{{{ namespace }}}}"\n'
        f'    perVerb: {{retain: "{role}/retain"}}\n'
    )
    backup, retention = sorted(
        access_changes(_state("one"), _of(with_role)), key=lambda item: "delete" in item.what
    )
    assert backup.before.startswith("Secret s3 from ClusterSecretStore vault")
    assert backup.after == f"role {role}/backup-demo"
    assert retention.after == f"role {role}/retain"


def test_equal_secrets_are_no_change() -> None:
    assert access_changes(_state("one"), _state("one")) == ()
