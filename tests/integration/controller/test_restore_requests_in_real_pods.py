"""RestoreRequests on the embedded cluster: real pods, the real worker, restic, the real record."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash.names import requested_restore_name
from tests.integration.controller.protected_volume import Protected, parent_of
from tests.support import manifests
from tests.support.harness import conditions
from tests.support.real_cluster import RealCluster

_LARGE = 256 << 20
FIRST, SECOND = (requested_restore_name("incident-42", number) for number in (1, 2))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


def ask(protected: Protected, **spec: object) -> None:
    """Apply a request that may start within the next hour."""
    until = format_time(protected.cluster.cluster.clock.now() + timedelta(hours=1))
    request = manifests.restore_request(protected.namespace, "act", notAfter=until, **spec)
    protected.cluster.apply(request)


def status(protected: Protected) -> JsonObject:
    return protected.cluster.status(known.RESTORE_REQUESTS, protected.namespace, "act")


def finished(protected: Protected) -> JsonObject:
    """The request's status once nothing more will happen."""

    def probe() -> JsonObject | None:
        found = status(protected)
        return found if found.get("phase") in {"Succeeded", "Failed", "Expired"} else None

    return protected.cluster.wait("the request's end", probe)


def remove(protected: Protected, *, session: bool = False) -> None:
    cluster, namespace = protected.cluster, protected.namespace
    cluster.client.delete(known.RESTORE_REQUESTS, namespace, "act")
    if session:
        for name in cluster.names(known.RESTORE_SESSIONS, namespace):
            cluster.client.delete(known.RESTORE_SESSIONS, namespace, name)
        cluster.wait("the Jobs' end", lambda: not jobs(protected))


def jobs(protected: Protected) -> list[str]:
    found = protected.cluster.names(known.JOBS, protected.namespace)
    return [name for name in found if name.startswith("restore-")]


def record(protected: Protected) -> JsonObject:
    place = protected.repository.parents[3] / ".stashgen" / "restores" / "incident-42.json"
    return cast("JsonObject", json.loads(place.read_bytes()))


def test_a_second_restore_never_happens(cluster: RealCluster) -> None:
    protected = Protected(cluster, "once")
    small = protected.volume / "small"
    small.unlink()
    ask(protected)
    assert finished(protected)["phase"] == "Succeeded"
    assert small.read_text(encoding="utf-8") == "small"
    assert record(protected)["state"] == "done"

    for session in (False, True):
        small.write_text("worked on since", encoding="utf-8")
        remove(protected, session=session)
        ask(protected)
        assert finished(protected)["phase"] == "Succeeded"
        assert small.read_text(encoding="utf-8") == "worked on since"
    told = conditions(finished(protected))["Ready"]
    assert told["reason"] == "RestoredBefore"
    assert f"already restored at {record(protected)['done']}" in str(told["message"])

    remove(protected, session=True)
    ask(protected, mode="OnlyIfEmpty")
    assert finished(protected)["phase"] == "Failed"
    assert str(finished(protected)["error"]).startswith("NonceReused: ")
    assert small.read_text(encoding="utf-8") == "worked on since"


def test_an_empty_claim_gets_the_data_and_one_with_files_keeps_them(cluster: RealCluster) -> None:
    protected = Protected(cluster, "aside")
    for name, nonce in (("empty", "nonce-of-empty"), ("used", "nonce-of-used")):
        cluster.apply(manifests.claim("aside", name))
        volume = cluster.volume("aside", name)
        volume.mkdir(parents=True)
        volume.chmod(0o777)
        if name == "used":
            (volume / "mine").write_text("mine", encoding="utf-8")
        ask(protected, nonce=nonce, claim=name, mode="OnlyIfEmpty")
        phase = finished(protected)["phase"]
        assert phase == ("Succeeded" if name == "empty" else "Failed"), status(protected)
        remove(protected)
    assert _files(cluster.volume("aside", "empty")) == {"small": "small"}
    assert _files(cluster.volume("aside", "used")) == {"mine": "mine"}
    assert not (protected.repository.parents[3] / ".stashgen/restores/nonce-of-used.json").exists()


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_worker_that_is_killed_is_followed_by_one_that_completes_it(
    cluster: RealCluster,
) -> None:
    protected = Protected(cluster, "killed")
    large = protected.volume / "large"
    large.write_bytes(os.urandom(_LARGE))
    protected.finish_next()
    whole = large.read_bytes()
    large.unlink()
    ask(protected)
    cluster.wait("the first bytes", large.exists)
    restic = cluster.wait("restic", lambda: protected.process("restic"))
    os.kill(restic, signal.SIGSTOP)
    assert large.read_bytes() != whole
    assert record(protected)["state"] == "writing"
    # Pruned and added again in the middle: it goes on all the same.
    remove(protected)
    ask(protected)
    cluster.wait("the running", lambda: status(protected).get("phase") == "Running")
    os.kill(parent_of(restic), signal.SIGKILL)
    told = cluster.wait(
        "the failure",
        lambda: "attempt 1 of 5 failed" in json.dumps(status(protected)) and status(protected),
    )
    assert "Killed" in json.dumps(told)

    cluster.cluster.clock.advance(timedelta(minutes=1))
    assert finished(protected)["phase"] == "Succeeded", status(protected)
    assert large.read_bytes() == whole
    assert (record(protected)["state"], status(protected)["attempt"]) == ("done", 2)
    assert jobs(protected) == [FIRST, SECOND]
