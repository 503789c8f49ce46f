"""Documents for tests: a small valid project, as people write it."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from stashgen.diagnostics import Outcome
from stashgen.model.source import PolicySet, Source
from stashgen.validate import validate
from stashgen.yaml.documents import Document, read_documents
from stashgen.yaml.nodes import Json

PROJECT = """\
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: demo}
spec:
  defaults:
    encryption: {secretName: restic-key}
  clusters:
  - name: demo
    id: dem1
    inventory:
    - manifests: ["clusters/**/*.yaml"]
"""

STORAGE = """\
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  namespace: demo
  backend:
    provider: local
    local:
      persistentVolumeClaim: {claimName: backup-store}
"""

POLICY = """\
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select:
    volumes: {names: [library]}
  sessions:
  - name: backup
    every: 1h
    copies:
    - {storage: local, keep: {last: 2}}
"""

RETENTION = """\
apiVersion: storage.kubestash.com/v1alpha1
kind: RetentionPolicy
metadata: {name: weekly}
spec:
  successfulSnapshots: {last: 2}
"""

REQUEST = """\
apiVersion: stashgen.dev/v1alpha1
kind: RestoreRequest
metadata: {name: library-2026-03-01, namespace: demo}
spec:
  nonce: library-2026-03-01
  notAfter: "2026-03-01T14:00:00Z"
  repository: local-k3f9q
  snapshot: latest
  target: {name: library}
  mode: Overwrite
  onMissing: Fail
"""

CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: demo}
spec: {accessModes: [ReadWriteOnce]}
"""


def read(text: str, path: str) -> tuple[Document, ...]:
    """The documents of a text that has nothing wrong with its YAML."""
    outcome = read_documents(text.encode(), PurePosixPath(path))
    assert outcome.findings == ()
    return outcome.value


def source(*policies: str, project: str = PROJECT, inventory: str = CLAIM) -> Source:
    """What ``load`` makes of these files; without policies, of a storage and a policy."""
    texts = policies or (STORAGE, POLICY)
    documents = tuple(
        document
        for index, text in enumerate(texts)
        for document in read(text, f"policies/{index}.yaml")
    )
    manifests = {"dem1": read(inventory, "clusters/claims.yaml")}
    return Source(read(project, "stashgen.yaml")[0], documents, manifests)


def from_json(*values: Mapping[str, Json]) -> tuple[Document, ...]:
    """Documents of any data."""
    text = "\n---\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    return read(text, "policies/any.yaml")


def told(outcome: Outcome[PolicySet | None]) -> list[tuple[str, str]]:
    """Code and subject of every finding."""
    return [(finding.code, finding.subject) for finding in outcome.findings]


def findings_of(*policies: str, project: str = PROJECT) -> list[tuple[str, str]]:
    """Code and subject of every finding about these files."""
    return told(validate(source(*policies, project=project)))
