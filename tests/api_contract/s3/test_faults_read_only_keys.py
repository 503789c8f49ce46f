"""A rebuilt cluster that has keys which may only read: what was backed up comes back."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.api_contract.s3.volume import digests, fill
from tests.support import manifests
from tests.support.faults import fault
from tests.support.gateway import BUCKET, READER, WRITER, Gateway, SecretFolder
from tests.support.harness import conditions
from tests.support.real_cluster import RealCluster
from tests.support.workbench import Workbench, snapshot_name

_NAMESPACE = "shop"
_SECRET = "backup-s3"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], RealCluster]]:
    """Starts clusters, which know nothing of each other."""
    clusters: list[RealCluster] = []

    def started(name: str) -> RealCluster:
        (tmp_path / name).mkdir()
        clusters.append(RealCluster(tmp_path / name))
        return clusters[-1]

    yield started
    for cluster in clusters:
        cluster.stop()


def _protect(cluster: RealCluster, gateway: Gateway, user: tuple[str, str]) -> Path:
    """A volume that is backed up into the bucket with a user's keys; plain manifests."""
    volume = cluster.prepare(_NAMESPACE)
    volume.chmod(0o777)
    data: JsonObject = {
        key: base64.b64encode(value).decode() for key, value in gateway.secret(user).items()
    }
    metadata: JsonObject = {"name": _SECRET, "namespace": _NAMESPACE}
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    storage = manifests.storage(_NAMESPACE)
    cast("JsonObject", storage["spec"])["storage"] = {
        "provider": "s3",
        "s3": {
            "endpoint": gateway.url,
            "bucket": BUCKET,
            "prefix": gateway.prefix,
            "secretName": _SECRET,
        },
    }
    cluster.apply(storage)
    cluster.apply(manifests.retention(_NAMESPACE))
    cluster.apply(manifests.configuration(_NAMESPACE))
    return volume


def _initialized(cluster: RealCluster) -> tuple[JsonObject, JsonObject] | None:
    """The storage's status and its condition, once something is known."""
    status = cluster.status(known.BACKUP_STORAGES, _NAMESPACE, "local")
    found = conditions(status).get("BackendInitialized")
    return (status, found) if found is not None and found["status"] != "Unknown" else None


def _restored(cluster: RealCluster, claim: str, snapshot: str) -> JsonObject:
    """What became of a restore into a claim."""
    name = f"back-{claim}"
    cluster.apply(manifests.restore(_NAMESPACE, name, claim=claim, snapshot=snapshot))

    def ended() -> JsonObject | None:
        status = cluster.status(known.RESTORE_SESSIONS, _NAMESPACE, name)
        return status if status.get("duration") else None

    return cluster.wait("the restore's end", ended)


def test_a_rebuilt_cluster_with_keys_that_may_only_read_restores(
    start: Callable[[str], RealCluster], gateway: Gateway
) -> None:
    first = start("first")
    volume = _protect(first, gateway, WRITER)
    (volume / "a").write_text("precious")
    (volume / "a").chmod(0o666)
    session = first.finished_session(_NAMESPACE, [])
    first.stop()
    before = digests(gateway.files)

    second = start("second")
    volume = _protect(second, gateway, READER)
    status, _ = second.wait("the storage", lambda: _initialized(second))
    fault("The bucket's keys may only read").check([status])

    snapshot = f"repo-local-{session}"
    second.wait(
        "the Snapshots' way back",
        lambda: snapshot in second.names(known.SNAPSHOTS, _NAMESPACE),
    )
    second.apply(manifests.claim(_NAMESPACE, "other"))
    elsewhere = _restored(second, "other", snapshot)
    assert elsewhere["phase"] == "Succeeded"
    assert conditions(elsewhere)["RestoredWithoutLock"]["status"] == "True"
    assert (second.volume(_NAMESPACE, "other") / "a").read_text() == "precious"
    in_place = _restored(second, "library", snapshot)
    fault("A volume is restored with keys that may only read").check([in_place])
    assert (volume / "a").read_text() == "precious"
    assert digests(gateway.files) == before


def test_a_storage_that_was_never_initialised_needs_keys_that_may_write(
    start: Callable[[str], RealCluster], gateway: Gateway
) -> None:
    cluster = start("only")
    _protect(cluster, gateway, READER)
    status, _ = cluster.wait("the storage", lambda: _initialized(cluster))
    fault("The bucket's keys may only read, and it was never initialised").check([status])


def test_every_verb_that_only_reads_works_with_such_keys(
    gateway: Gateway, used: Workbench, keys: SecretFolder
) -> None:
    fill(used, 1)
    before = digests(gateway.files)
    keys.write(gateway.secret(READER))
    assert used.init_storage().succeeded().result.read_only
    initialised = used.init_repository().succeeded().result
    assert initialised.read_only
    assert initialised.repository is not None
    assert initialised.repository.snapshot_count == 1
    resync = used.resync().succeeded().result.resync
    assert resync is not None
    assert resync.cursor == snapshot_name(0)
    assert used.restore(used.record(snapshot_name(0))).succeeded().result.read_only
    ended = used.backup(1)
    assert ended.reason == "AccessDenied"
    assert digests(gateway.files) == before


def test_what_was_never_initialised_needs_keys_that_may_write(
    gateway: Gateway, bench: Workbench, keys: SecretFolder
) -> None:
    keys.write(gateway.secret(READER))
    ended = bench.init_storage()
    assert ended.reason == "AccessDenied"
    assert "was never initialised, which takes keys that may write" in ended.text
    assert bench.init_repository().reason == "AccessDenied"
    assert digests(gateway.files) == {}
