"""A project that uses every field of a policy, and what is rendered from it."""

from stashgen.model.manifest import Manifest
from stashgen.render import render
from tests.support.project import PROJECT, ROOT, STORAGE, claim, resolved

_NFS = STORAGE.replace("name: local}", "name: nas}").replace(
    "persistentVolumeClaim: {claimName: backup-store}", "nfs: {server: nas, path: /backup}"
)
_BUCKET = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: s3}
spec:
  namespace: demo
  backend:
    provider: s3
    s3:
      bucket: corp-backup
      prefix: "{{ cluster.id }}/a"
      endpoint: "http://minio:9000"
      insecureTLS: true
      addressingStyle: virtual
  credentials: {from: Namespace, secretName: backup-s3}
"""
_WITH_ROLE = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: amazon}
spec:
  namespace: demo
  backend: {provider: s3, s3: {bucket: corp-backup, region: eu-central-1}}
  credentials:
    from: WorkloadIdentity
    roleARN: "arn:aws:iam::123456789012:role/backup-{{ namespace }}"
    perVerb: {retain: "arn:aws:iam::123456789012:role/retain"}
"""
_POLICY = """
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: gold}
spec:
  select: {namespaces: {names: [demo]}}
  encryption: {secretName: gold-key}
  sessions:
  - name: frequent
    every: 4h
    timeout: 30m
    copies:
    - {storage: local, keep: {daily: 14, weekly: 8}}
    - {storage: nas, keep: {last: 12, maxAge: 90d, failed: 2}}
    - {storage: s3, keep: {daily: 14, weekly: 8}}
    - {storage: amazon, keep: {daily: 14, weekly: 8}}
  - name: nightly
    schedule: "H 1 * * *"
    suspend: true
    historyLimit: 5
    copies: [{storage: nas, retention: yearly, directory: "nightly/{{namespace}}/{{volume}}"}]
  job:
    runAs: {user: 1000}
    nodeSelector: {disk: "yes"}
    tolerations: [{key: backup, operator: Exists}]
    resources: {requests: {cpu: 1, memory: 1536Mi}, limits: {cpu: "1.5", memory: 2048Mi}}
    env: {HTTPS_PROXY: "http://proxy:3128", EMPTY: ""}
    labels: {team: storage}
    annotations: {sidecar.istio.io/inject: "false"}
    affinity:
      nodeAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 1
          preference: {matchExpressions: [{key: disk, operator: Exists}]}
    topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: {matchLabels: {team: storage}}
    cache: {size: 2048Mi}
    nice: {adjustment: 10}
    ionice: {class: 2, classData: 7}
"""
_JOB = "  job: {runAs: {user: 1000}}\n"
_RETENTION = """
apiVersion: storage.kubestash.com/v1alpha1
kind: RetentionPolicy
metadata: {name: yearly}
spec: {maxRetentionPeriod: 5y, successfulSnapshots: {monthly: 12, yearly: 5}}
"""
CLAIMS = ("library", "data-postgres-analytics-primary-0", "data-postgres-analytics-primary-1")


def manifests() -> tuple[Manifest, ...]:
    """A project that uses every field once."""
    inventory = "".join(claim(name) for name in CLAIMS)
    storages = (STORAGE.replace(ROOT, _JOB), _NFS.replace(ROOT, _JOB), _BUCKET, _WITH_ROLE)
    outcome = resolved(inventory, *storages, _POLICY, _RETENTION, project=PROJECT)
    assert outcome.findings == ()
    return render(outcome.value)
