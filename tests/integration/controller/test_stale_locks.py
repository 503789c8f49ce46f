"""Locks that restic left, on the embedded cluster: whose pod is gone goes, all others stay.

restic's own clock is not moved, so that none of these locks is old enough for restic's own rule.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from tests.integration.controller.protected_volume import Protected, parent_of
from tests.support import manifests
from tests.support.real_cluster import PASSWORD, RealCluster

_LARGE = 256 << 20
_USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


@contextlib.contextmanager
def holding(protected: Protected, host: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A restic on another host that holds a lock until it is told to end."""
    restic = [str(protected.cluster.restic_binary), "backup", "--stdin", "--no-cache", "--quiet"]
    prefix = ["unshare", *_USER, "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh"]
    environment = {"RESTIC_REPOSITORY": str(protected.repository), "RESTIC_PASSWORD": PASSWORD}
    with subprocess.Popen(
        [*prefix, *restic, "--host=holder", "--tag=holder"],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as holder:
        try:
            protected.cluster.wait("the holder's lock", lambda: host in protected.hosts())
            # The pods read it as the user that the repository's files are of.
            owner = protected.repository.stat()
            for lock in protected.lock_ids():
                os.chown(protected.repository / "locks" / lock, owner.st_uid, owner.st_gid)
            yield holder
        finally:
            holder.kill()


def test_a_killed_workers_lock_is_removed_once_its_pod_is_gone_and_not_before(
    cluster: RealCluster,
) -> None:
    protected = Protected(cluster, "killed")
    (first,) = protected.sessions
    large = protected.volume / "large"
    large.write_bytes(os.urandom(_LARGE))
    killed = protected.start_next()
    cluster.wait("restic's lock", protected.lock_ids)
    restic = cluster.wait("restic", lambda: protected.process("restic"))
    os.kill(restic, signal.SIGSTOP)
    pod = cluster.wait("the pod's record", lambda: protected.pod(killed))
    assert protected.hosts() == [pod]

    # Its pod is alive: whoever wants the repository waits, and leaves the lock alone.
    cluster.apply(manifests.claim("killed", "aside"))
    cluster.apply(manifests.restore("killed", "aside", claim="aside"))

    def restored() -> JsonObject:
        return cluster.status(known.RESTORE_SESSIONS, "killed", "aside")

    cluster.wait("the restore's turn", lambda: "WaitingForBackup" in str(restored()))
    assert protected.hosts() == [pod]

    os.kill(parent_of(restic), signal.SIGKILL)
    cluster.wait("the failure", lambda: protected.session(killed).get("phase") == "Failed")
    cluster.wait("the restore", lambda: restored().get("duration"))
    assert restored()["phase"] == "Succeeded"
    assert {protected.pod(first), pod} <= set(protected.terminated_pods("aside"))
    large.unlink()
    after = protected.finish_next()
    assert pod in protected.terminated_pods(f"repo-local-{after}")
    assert protected.lock_ids() == []
    assert protected.retention(after)["phase"] == "Applied"
    left = cluster.names(known.SNAPSHOTS, "killed")
    assert f"repo-local-{after}" in left
    assert f"repo-local-{first}" not in left
    assert len(cast("list[object]", cluster.restic(protected.repository, "snapshots"))) == 1


def test_a_lock_of_a_host_that_nobody_recorded_is_waited_for(cluster: RealCluster) -> None:
    protected = Protected(cluster, "unknown")
    (first,) = protected.sessions
    with holding(protected, "somewhere-else") as holder:
        name = protected.start_next()
        cluster.wait("the retention", lambda: is_forgetting(protected))
        pods = protected.terminated_pods(f"repo-local-{name}")
        assert protected.pod(first) in pods
        assert "somewhere-else" not in pods
        assert protected.hosts() == ["somewhere-else"]
        assert protected.retention(name)["phase"] == "Pending"
        holder.send_signal(signal.SIGTERM)
        cluster.wait("the retention", lambda: protected.retention(name).get("phase") == "Applied")
    assert protected.lock_ids() == []
    assert cluster.names(known.SNAPSHOTS, "unknown") == [f"repo-local-{name}"]


def is_forgetting(protected: Protected) -> bool:
    """Whether a retention has come as far as to have restic forget."""
    restic = protected.process("restic")
    return restic is not None and b"forget" in Path(f"/proc/{restic}/cmdline").read_bytes().split(
        b"\0"
    )
