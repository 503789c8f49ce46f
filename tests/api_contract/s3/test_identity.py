"""No keys anywhere: the pods exchange their accounts' tokens for those of a role.

The S3 server, restic and obstore are the real ones. The token service is a test's, because none
is at hand that runs here, and both are reached by Amazon's names through a proxy.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.labels import ROLE_ARN_ANNOTATION
from tests.api_contract.s3.project import rendered
from tests.support import manifests
from tests.support.connect_proxy import ConnectProxy
from tests.support.gateway import (
    AMAZON,
    AMAZON_DUAL_STACK,
    AMAZON_TOKENS,
    BUCKET,
    READER,
    WRITER,
    Gateway,
    SecretFolder,
)
from tests.support.harness import conditions
from tests.support.real_cluster import RealCluster
from tests.support.token_service import TokenService, Trust, token, token_service
from tests.support.workbench import Workbench

_ROLE = "arn:aws:iam::123456789012:role"
_POLICIES = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: far}
spec:
  backend:
    provider: s3
    s3:
      bucket: BUCKET
      prefix: "PREFIX"
      region: us-east-1
      addressingStyle: path
      insecureTLS: true
  credentials:
    from: WorkloadIdentity
    roleARN: "arn:aws:iam::123456789012:role/{{ namespace }}-backup"
    perVerb: {retain: "arn:aws:iam::123456789012:role/{{ namespace }}-retain"}
  job: {env: ENV}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: hourly}
spec:
  select: {volumes: {names: [library]}}
  job: {env: ENV}
  sessions:
  - {name: backup, every: 1h, timeout: 1h, copies: [{storage: far, keep: {last: 1}}]}
"""
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: library, namespace: NAMESPACE}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def _account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


@pytest.fixture
def tokens(gateway: Gateway) -> Iterator[TokenService]:
    """The roles of the namespaces; one trusts the account of no pod."""
    trusts = {
        f"{_ROLE}/good-backup": Trust(_account("good", "stashgen-worker-far"), WRITER),
        f"{_ROLE}/good-retain": Trust(_account("good", "stashgen-retain-far"), WRITER),
        f"{_ROLE}/other-backup": Trust(_account("good", "stashgen-worker-far"), WRITER),
        f"{_ROLE}/reading-backup": Trust(_account("reading", "stashgen-worker-far"), READER),
    }
    with token_service(gateway.certificate_folder, trusts) as found:
        yield found


@pytest.fixture
def env(gateway: Gateway, tokens: TokenService) -> Iterator[dict[str, str]]:
    """The variables of the pods, with which they find Amazon here, but not its authority."""
    others = {AMAZON_DUAL_STACK: gateway.port, AMAZON_TOKENS: tokens.port}
    with ConnectProxy(gateway.port, AMAZON, others, is_open=True).running() as proxy:
        yield {"HTTPS_PROXY": proxy.url}


def _objects(
    folder: Path, gateway: Gateway, env: dict[str, str], namespace: str
) -> list[JsonObject]:
    policies = _POLICIES.replace("ENV", yaml.safe_dump(env, default_flow_style=True).strip())
    claims = _CLAIM.replace("NAMESPACE", namespace)
    return rendered(folder, gateway, BUCKET, policies=policies, claims=claims)


def test_a_volume_is_backed_up_and_restored_without_keys(
    cluster: RealCluster,
    gateway: Gateway,
    tokens: TokenService,
    env: dict[str, str],
    tmp_path: Path,
) -> None:
    volume = cluster.prepare("good")
    objects = _objects(tmp_path, gateway, env, "good")
    assert "secretName: keys" not in str(objects)
    for obj in objects:
        cluster.apply(obj)
    (volume / "a.txt").write_text("first", encoding="utf-8")
    sessions = [cluster.finished_session("good", [])]
    (volume / "a.txt").write_text("second", encoding="utf-8")
    cluster.next_tick("good", "library")
    sessions.append(cluster.finished_session("good", sessions))
    (repository,) = cluster.names(known.REPOSITORIES, "good")
    assert cluster.names(known.SNAPSHOTS, "good") == [f"{repository}-{sessions[1]}"]

    (volume / "a.txt").unlink()
    cluster.apply(manifests.restore("good", "back", repository=repository))
    cluster.wait(
        "the restore",
        lambda: cluster.status(known.RESTORE_SESSIONS, "good", "back").get("duration"),
    )
    assert (volume / "a.txt").read_text(encoding="utf-8") == "second"
    # Each pod assumed the role that trusts its own account, and no other.
    assert set(tokens.assumed) == {
        (f"{_ROLE}/good-backup", _account("good", "stashgen-worker-far")),
        (f"{_ROLE}/good-retain", _account("good", "stashgen-retain-far")),
    }


def test_a_servers_certificate_is_checked_by_both(
    gateway: Gateway, tokens: TokenService, env: dict[str, str], tmp_path: Path
) -> None:
    """A token is not shown to a server that only says that it is Amazon's."""
    mounted = SecretFolder(tmp_path / "credentials")
    mounted.write({"token": token(_account("good", "stashgen-worker-far")).encode()})
    address = f"s3:https://{AMAZON}/{BUCKET}/{gateway.prefix}"
    flags = ["--region=us-east-1", "--addressing-style=path", f"--role-arn={_ROLE}/good-backup"]
    bench = Workbench(
        tmp_path,
        environment={"STASHGEN_CREDENTIALS": str(mounted.folder), **env},
        storage_args=[f"--storage={address}", *flags],
    )
    assert bench.init_storage().reason == "Unavailable"
    assert tokens.assumed == []
    bench.environment["SSL_CERT_FILE"] = str(gateway.authority)
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()
    assert len(tokens.assumed) > 1


@pytest.mark.parametrize("namespace", ["other", "unknown", "reading"])
def test_a_role_that_does_not_let_the_account_in_is_named_as_such(
    cluster: RealCluster,
    gateway: Gateway,
    env: dict[str, str],
    tmp_path: Path,
    namespace: str,
) -> None:
    """It trusts somebody else, it does not exist, it may only read."""
    cluster.prepare(namespace)
    for obj in _objects(tmp_path, gateway, env, namespace):
        cluster.apply(obj)

    def message() -> str | None:
        status = cluster.status(known.BACKUP_STORAGES, namespace, "far")
        initialized = conditions(status).get("BackendInitialized", {})
        return str(initialized["message"]) if initialized.get("status") == "False" else None

    assert cluster.wait("the failure's name", message).startswith("AccessDenied: ")


def test_a_storage_of_plain_manifests_has_a_role_by_annotation(
    cluster: RealCluster, gateway: Gateway
) -> None:
    cluster.prepare("plain-role")
    storage = manifests.storage("plain-role")
    storage["metadata"] = {
        "name": "local",
        "namespace": "plain-role",
        "annotations": {ROLE_ARN_ANNOTATION: f"{_ROLE}/x"},
    }
    block: JsonObject = {"bucket": BUCKET, "endpoint": gateway.url, "prefix": gateway.prefix}
    storage["spec"] = {"storage": {"provider": "s3", "s3": block}}
    cluster.apply(storage)

    def message() -> str | None:
        found = conditions(cluster.status(known.BACKUP_STORAGES, "plain-role", "local"))
        return next((str(item["message"]) for item in found.values() if "message" in item), None)

    assert "is not Amazon's" in cluster.wait("what is refused", message)
