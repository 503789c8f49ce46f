"""The key that a RestoreSession names opens the repository, not the Repository's own."""

import base64
from collections.abc import Iterator

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.integration.controller.protected_volume import Protected
from tests.support import manifests
from tests.support.faults import fault
from tests.support.real_cluster import PASSWORD, RealCluster


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """A volume that was backed up once, whose Repository's own Secret is gone since."""
    cluster = RealCluster(tmp_path_factory.mktemp("cluster"))
    found = Protected(cluster, "keys")
    cluster.client.delete(known.SECRETS, "keys", "restic-key")
    for name, password in (("old-key", PASSWORD), ("wrong-key", "another")):
        data: JsonObject = {"RESTIC_PASSWORD": base64.b64encode(password.encode()).decode()}
        metadata: JsonObject = {"name": name, "namespace": "keys"}
        secret: JsonObject = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        cluster.apply({**secret, "data": data})
    yield found
    cluster.stop()


def _restored(protected: Protected, name: str, key: str) -> JsonObject:
    source: JsonObject = {
        "repository": "repo-local",
        "snapshot": "latest",
        "encryptionSecret": {"name": key, "namespace": "keys"},
    }
    cluster = protected.cluster
    cluster.apply(manifests.restore("keys", name, more={"dataSource": source}))

    def ended() -> JsonObject | None:
        status = cluster.status(known.RESTORE_SESSIONS, "keys", name)
        return status if status.get("phase") in {"Succeeded", "Failed", "Invalid"} else None

    return cluster.wait("the restore's end", ended)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("no-key", "A restore names a key that does not exist"),
        ("wrong-key", "A restore names a key that is another one"),
    ],
)
def test_a_restore_with_a_bad_key_says_so(protected: Protected, key: str, what: str) -> None:
    fault(what).check([_restored(protected, key, key)])


def test_a_restore_reads_with_the_key_that_it_names(protected: Protected) -> None:
    (protected.volume / "small").unlink()
    assert _restored(protected, "good", "old-key")["phase"] == "Succeeded"
    assert (protected.volume / "small").read_text(encoding="utf-8") == "small"
