"""Only retention has keys that may delete backups (``perVerb``); the others may delete locks."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.storage.s3 import S3Bucket
from tests.api_contract.s3.project import keys_secret, rendered
from tests.support import manifests
from tests.support.gateway import Gateway
from tests.support.real_cluster import RealCluster

_BUCKET = "without-delete"
_NAMESPACE = "bank"
_SAVER = ("saver", "the-savers-secret")
_PRUNER = ("pruner", "the-pruners-secret")
_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: far}
spec:
  backend:
    provider: s3
    s3: {bucket: BUCKET, prefix: "PREFIX", endpoint: "ENDPOINT"}
  credentials: {from: Namespace, secretName: backup-s3, perVerb: {retain: backup-s3-retain}}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {}
  sessions:
  - {name: backup, every: 1h, timeout: 1h, copies: [{storage: far, keep: {last: 1}}]}
"""
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: bank}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


@pytest.fixture
def users(gateway: Gateway) -> None:
    """What examples/company allows the two."""
    objects = f"arn:aws:s3:::{_BUCKET}/{gateway.prefix}"
    allowed = [
        ([_SAVER, _PRUNER], ["s3:GetObject", "s3:PutObject"], f"{objects}/*"),
        ([_SAVER], ["s3:DeleteObject"], f"{objects}/*/locks/*"),
        ([_SAVER], ["s3:DeleteObject"], f"{objects}/*.stashgen/create-only"),
        ([_PRUNER], ["s3:DeleteObject"], f"{objects}/*"),
        ([_SAVER, _PRUNER], ["s3:ListBucket"], f"arn:aws:s3:::{_BUCKET}"),
    ]
    for user in (_SAVER, _PRUNER):
        gateway.make_user(user)
    gateway.make_bucket(
        _BUCKET,
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [name for name, _ in who]},
                "Action": actions,
                "Resource": [resource],
            }
            for who, actions, resource in allowed
        ],
    )


@pytest.mark.usefixtures("users")
def test_backups_and_restores_need_no_right_to_delete_but_retention_does(
    cluster: RealCluster, gateway: Gateway, tmp_path: Path
) -> None:
    volume = cluster.prepare(_NAMESPACE)
    (volume / "a.txt").write_text("the first\n", encoding="utf-8")
    (volume / "a.txt").chmod(0o666)
    cluster.apply(keys_secret(_NAMESPACE, "backup-s3", gateway.secret(_SAVER)))
    cluster.apply(keys_secret(_NAMESPACE, "backup-s3-retain", gateway.secret(_PRUNER)))
    for obj in rendered(tmp_path, gateway, _BUCKET, policies=_POLICIES, claims=_CLAIM):
        cluster.apply(obj)
    first = cluster.finished_session(_NAMESPACE, [])
    (volume / "a.txt").write_text("the second\n", encoding="utf-8")
    cluster.next_tick(_NAMESPACE, "library")
    second = cluster.finished_session(_NAMESPACE, [first])

    # Retention had the right to remove the first.
    place = gateway.data / _BUCKET / gateway.prefix / _NAMESPACE / "library"
    restic = place / "repository/v1/backup/dump"
    assert len(cast("list[object]", cluster.restic(restic, "snapshots"))) == 1
    assert list((restic / "locks").glob("*")) == []
    (repository,) = cluster.names(known.REPOSITORIES, _NAMESPACE)
    assert cluster.names(known.SNAPSHOTS, _NAMESPACE) == [f"{repository}-{second}"]

    (volume / "a.txt").unlink()
    cluster.apply(manifests.restore(_NAMESPACE, "back", repository=repository))
    cluster.wait(
        "the restore",
        lambda: cluster.status(known.RESTORE_SESSIONS, _NAMESPACE, "back").get("duration"),
    )
    assert cluster.status(known.RESTORE_SESSIONS, _NAMESPACE, "back")["phase"] == "Succeeded"
    assert (volume / "a.txt").read_text(encoding="utf-8") == "the second\n"

    storage = S3Bucket(
        f"s3:{gateway.url}/{_BUCKET}/{gateway.prefix}/{_NAMESPACE}",
        gateway.credentials(_SAVER),
        region=None,
        insecure_tls=False,
        connections=None,
    )
    (snapshot,) = (restic / "snapshots").iterdir()
    with pytest.raises(StorageError, match="AccessDenied"):
        storage.delete(f"library/repository/v1/backup/dump/snapshots/{snapshot.name}")
    assert snapshot.exists()
