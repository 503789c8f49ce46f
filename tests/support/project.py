"""Projects as text, for tests of the passes: read and modelled, not validated."""

from datetime import date
from pathlib import PurePosixPath
from typing import TypeVar

from stashgen.api.base import Model
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.diagnostics import Finding, Outcome
from stashgen.inventory import collect
from stashgen.model.history import History
from stashgen.model.resolved import Resolved
from stashgen.model.source import Authored, PolicySet, Source
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.guardrail import Guardrail
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage
from stashgen.resolve import resolve
from stashgen.yaml.documents import Document, read_documents

M = TypeVar("M", bound=Model)
TODAY = date(2026, 3, 1)

PROJECT = """
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: test}
spec:
  defaults: {encryption: {secretName: restic-key}}
  clusters:
  - {name: demo, id: dem1, inventory: [{manifests: ["clusters/demo/*.yaml"]}]}
"""
STORAGE = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  namespace: demo
  backend: {provider: local, local: {persistentVolumeClaim: {claimName: backup-store}}}
  job: {runAs: {user: 0, group: 0}}
"""
BUCKET = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  namespace: demo
  backend: {provider: s3, s3: {bucket: corp, prefix: "{{ cluster.id }}", region: eu-1}}
  credentials: {from: Namespace, secretName: keys}
"""
# What POLICY leaves out, as it is written there.
EXCLUDE = "exclude: [{volumes: {names: [backup-store]}}]"
ROOT = "  job: {runAs: {user: 0, group: 0}}\n"
POLICY = """
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {exclude: [{volumes: {names: [backup-store]}}]}
  sessions:
  - {name: backup, every: 1h, copies: [{storage: local, keep: {last: 2}}]}
  job: {runAs: {user: 0, group: 0}}
"""
GUARDRAIL = """
apiVersion: stashgen.dev/v1alpha1
kind: Guardrail
metadata: {name: all}
spec:
  rules: [{name: rule, expression: volume.runs, message: broken}]
"""


def claim(name: str, namespace: str = "demo", more: str = "") -> str:
    """A PersistentVolumeClaim; ``more`` is further text of its metadata, in flow style."""
    return (
        f"---\napiVersion: v1\nkind: PersistentVolumeClaim\n"
        f"metadata: {{name: {name}, namespace: {namespace}{', ' + more if more else ''}}}\n"
        f"spec: {{accessModes: [ReadWriteMany]}}\n"
    )


def namespace(name: str, **labels: str) -> str:
    """A Namespace."""
    return f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n"


def documents(text: str, path: str) -> tuple[Document, ...]:
    """Read text that has no findings."""
    outcome = read_documents(text.encode(), PurePosixPath(path))
    assert outcome.findings == ()
    return outcome.value


def policy_set(*policies: str, project: str = PROJECT) -> PolicySet:
    """The documents as a PolicySet, in the order they are given."""
    storages: dict[str, Authored[Storage]] = {}
    retentions = {}
    found = []
    guardrails = []
    for index, text in enumerate(policies):
        for document in documents(text, f"policies/{index}.yaml"):
            match str(document.data["kind"]):
                case "Storage":
                    storage = _authored(document, Storage)
                    storages[storage.value.metadata.name] = storage
                case "BackupPolicy":
                    found.append(_authored(document, BackupPolicy))
                case "Guardrail":
                    guardrails.append(_authored(document, Guardrail))
                case kind:
                    assert kind == "RetentionPolicy"
                    policy = RetentionPolicy.model_validate(document.data)
                    retentions[policy.metadata.name] = Authored(policy.spec, document)
    (root,) = documents(project, "stashgen.yaml")
    return PolicySet(
        _authored(root, Project), storages, tuple(found), retentions, tuple(guardrails)
    )


def resolved(
    inventory: str,
    *policies: str,
    project: str = PROJECT,
    others: dict[str, str] | None = None,
    histories: tuple[History, ...] = (),
) -> Outcome[Resolved]:
    """What comes of a project.

    Args:
        inventory: Manifests of cluster dem1.
        policies: Storages, policies and retentions; one local storage and POLICY unless given.
        project: The root document.
        others: Manifests of further clusters, by id.
        histories: Of the output before the build.
    """
    policies = policies or (STORAGE, POLICY)
    texts = {"dem1": inventory} | (others or {})
    manifests = {key: documents(text, f"clusters/{key}.yaml") for key, text in texts.items()}
    (root,) = documents(project, "stashgen.yaml")
    volumes = collect(Source(project=root, policies=(), manifests=manifests))
    assert volumes.ok
    return resolve(policy_set(*policies, project=project), volumes.value, histories, TODAY)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    """The codes of findings, in order."""
    return [str(finding.code) for finding in findings]


def _authored(document: Document, model: type[M]) -> Authored[M]:
    return Authored(model.model_validate(document.data), document)
