"""One storage for all namespaces: each backs up with keys that open nothing but its own prefix."""

from collections.abc import Iterator, Mapping
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

_BUCKET = "tenants"
_TENANTS = {"bank": ("bank", "the-banks-secret"), "media": ("media", "the-medias-secret")}
_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: far}
spec:
  backend:
    provider: s3
    s3: {bucket: BUCKET, prefix: "PREFIX", endpoint: "ENDPOINT"}
  credentials: {from: Namespace, secretName: backup-s3}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {volumes: {names: [library]}}
  sessions:
  - {name: backup, every: 1h, timeout: 1h, copies: [{storage: far, keep: {last: 2}}]}
"""
_CLAIM = """---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: NAMESPACE}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


@pytest.fixture
def tenants(gateway: Gateway) -> Mapping[str, tuple[str, str]]:
    """A user for each namespace, who may write below its prefix and nowhere else."""
    for user in _TENANTS.values():
        gateway.make_user(user)
    gateway.make_bucket(
        _BUCKET,
        [
            statement
            for name, (user, _) in _TENANTS.items()
            for statement in (
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": [user]},
                    "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                    "Resource": [f"arn:aws:s3:::{_BUCKET}/{gateway.prefix}/{name}/*"],
                },
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": [user]},
                    "Action": ["s3:ListBucket"],
                    "Resource": [f"arn:aws:s3:::{_BUCKET}"],
                },
            )
        ],
    )
    return _TENANTS


def test_two_namespaces_are_protected_by_one_storage_and_their_own_keys(
    cluster: RealCluster,
    gateway: Gateway,
    tenants: Mapping[str, tuple[str, str]],
    tmp_path: Path,
) -> None:
    for namespace, user in tenants.items():
        volume = cluster.prepare(namespace)
        (volume / "a.txt").write_text(f"of {namespace}\n", encoding="utf-8")
        (volume / "a.txt").chmod(0o666)
        cluster.apply(keys_secret(namespace, "backup-s3", gateway.secret(user)))
    claims = "".join(_CLAIM.replace("NAMESPACE", one) for one in tenants)
    for obj in rendered(tmp_path, gateway, _BUCKET, policies=_POLICIES, claims=claims):
        cluster.apply(obj)

    files = gateway.data / _BUCKET / gateway.prefix
    for namespace in tenants:
        session = cluster.finished_session(namespace, [])
        assert cluster.status(known.BACKUP_STORAGES, namespace, "far")["phase"] == "Ready"
        (repository,) = cluster.names(known.REPOSITORIES, namespace)
        assert cluster.names(known.SNAPSHOTS, namespace) == [f"{repository}-{session}"]
        place = files / namespace / "library"
        restic = place / "repository/v1/backup/dump"
        assert len(cast("list[object]", cluster.restic(restic, "snapshots"))) == 1
        cluster.restic(restic, "check", "--read-data")
    assert {path.name for path in files.iterdir()} == set(tenants)

    # A restore goes through the same keys.
    volume = cluster.volume("bank", "library")
    (volume / "a.txt").unlink()
    (repository,) = cluster.names(known.REPOSITORIES, "bank")
    cluster.apply(manifests.restore("bank", "back", repository=repository))
    cluster.wait(
        "the restore",
        lambda: cluster.status(known.RESTORE_SESSIONS, "bank", "back").get("duration"),
    )
    assert cluster.status(known.RESTORE_SESSIONS, "bank", "back")["phase"] == "Succeeded"
    assert (volume / "a.txt").read_text(encoding="utf-8") == "of bank\n"


def test_a_tenants_keys_do_not_open_another_tenants_copies(
    gateway: Gateway, tenants: Mapping[str, tuple[str, str]]
) -> None:
    def storage(user: str, namespace: str) -> S3Bucket:
        return S3Bucket(
            f"s3:{gateway.url}/{_BUCKET}/{gateway.prefix}/{namespace}",
            gateway.credentials(tenants[user]),
            region=None,
            insecure_tls=False,
            connections=None,
        )

    storage("media", "media").write("library/secret.txt", b"of media")
    assert storage("media", "media").read("library/secret.txt") == b"of media"
    with pytest.raises(StorageError, match="AccessDenied"):
        storage("bank", "media").read("library/secret.txt")
    with pytest.raises(StorageError, match="AccessDenied"):
        storage("bank", "media").write("library/secret.txt", b"overwritten")
