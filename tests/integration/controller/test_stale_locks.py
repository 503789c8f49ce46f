"""Locks that restic left, on the embedded cluster: whose pod is gone goes, all others stay.

restic's own clock is not moved, so that none of these locks is old enough for restic's own rule.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.kubestash import names
from tests.integration.controller import manifests
from tests.integration.controller.harness import plan_of
from tests.integration.controller.real_cluster import PASSWORD, RealCluster

_LARGE = 256 << 20
_USER = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One embedded cluster for all tests here."""
    found = RealCluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.stop()


class Protected:
    """A volume that was backed up once, and its restic repository."""

    def __init__(self, cluster: RealCluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.volume = cluster.prepare(namespace)
        (self.volume / "small").write_text("small", encoding="utf-8")
        objects = (
            manifests.storage(namespace),
            manifests.retention(namespace, last=1),
            manifests.configuration(namespace),
        )
        for obj in objects:
            cluster.apply(obj)
        self.sessions = [cluster.finished_session(namespace, [])]
        place = cluster.volume(namespace, "backup-store") / namespace / "library" / "local"
        self.repository = place / "repository/v1/backup/dump"

    def lock_ids(self) -> list[str]:
        """The names of restic's locks; what is about to be written has no such name yet."""
        return sorted(
            path.name for path in (self.repository / "locks").iterdir() if len(path.name) == 64
        )

    def hosts(self) -> list[str]:
        """Whose locks there are."""
        locks = [self.cluster.restic(self.repository, "cat", "lock", i) for i in self.lock_ids()]
        return sorted(str(cast("JsonObject", lock)["hostname"]) for lock in locks)

    def start_next(self) -> str:
        """Have the next session begin; returns its name."""
        self.cluster.next_tick(self.namespace, "library-backup")

        def probe() -> str | None:
            found = self.cluster.names(known.BACKUP_SESSIONS, self.namespace)
            return next((name for name in found if name not in self.sessions), None)

        name = self.cluster.wait("the next session", probe)
        self.sessions.append(name)
        return name

    def finish_next(self) -> str:
        """Have the next session begin and end well, with its retention; returns its name."""
        self.cluster.next_tick(self.namespace, "library-backup")
        name = self.cluster.finished_session(self.namespace, self.sessions)
        self.sessions.append(name)
        return name

    def session(self, name: str) -> JsonObject:
        """A session's status."""
        return self.cluster.status(known.BACKUP_SESSIONS, self.namespace, name)

    def retention(self, session: str) -> JsonObject:
        """How a session's retention is going; empty before there is one."""
        applied = self.session(session).get("retentionPolicy")
        return cast("list[JsonObject]", applied or [{}])[0]

    def pod(self, session: str) -> str | None:
        """The pod that a session's Snapshot recorded."""
        status = self.cluster.status(known.SNAPSHOTS, self.namespace, f"repo-local-{session}")
        return cast("dict[str, str]", status.get("executor") or {}).get("pod")

    def gone_pods(self, job: str) -> Sequence[str]:
        """The pods that a Job's plan calls gone."""
        return plan_of(self.cluster.client.get(known.JOBS, self.namespace, job)).gone_pods


def restic_in_a_pod(namespace: str) -> int | None:
    """The process of the restic that works in a pod on this namespace's storage."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            program = (folder / "cmdline").read_bytes().split(b"\0")[0]
            mounts = (folder / "mountinfo").read_text(encoding="utf-8")
            if program.endswith(b"restic") and f"/{namespace}/backup-store " in mounts:
                return int(folder.name)
    return None


def parent_of(pid: int) -> int:
    """The process that started another one."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


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
    restic = cluster.wait("restic", lambda: restic_in_a_pod("killed"))
    os.kill(restic, signal.SIGSTOP)
    pod = cluster.wait("the pod's record", lambda: protected.pod(killed))
    assert protected.hosts() == [pod]

    # Its pod is alive: another worker on the same repository leaves the lock alone.
    cluster.apply(manifests.claim("killed", "aside"))
    cluster.apply(manifests.restore("killed", "aside", claim="aside"))
    cluster.wait(
        "the restore",
        lambda: cluster.status(known.RESTORE_SESSIONS, "killed", "aside").get("duration"),
    )
    assert cluster.status(known.RESTORE_SESSIONS, "killed", "aside")["phase"] == "Succeeded"
    assert protected.pod(first) in protected.gone_pods("aside")
    assert pod not in protected.gone_pods("aside")
    assert protected.hosts() == [pod]

    os.kill(parent_of(restic), signal.SIGKILL)
    cluster.wait("the failure", lambda: protected.session(killed).get("phase") == "Failed")
    assert protected.hosts() == [pod]
    large.unlink()
    after = protected.finish_next()
    assert pod in protected.gone_pods(f"repo-local-{after}")
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
        cluster.wait("the retention's pod", lambda: restic_in_retention(protected, name))
        assert protected.session(name)["phase"] == "Succeeded"
        assert protected.pod(first) in protected.gone_pods(names.retain_job_name(name, 0))
        assert protected.hosts() == ["somewhere-else"]
        assert protected.retention(name)["phase"] == "Pending"
        holder.send_signal(signal.SIGTERM)
        cluster.wait("the retention", lambda: protected.retention(name).get("phase") == "Applied")
    assert protected.lock_ids() == []
    assert cluster.names(known.SNAPSHOTS, "unknown") == [f"repo-local-{name}"]


def restic_in_retention(protected: Protected, session: str) -> bool:
    """Whether a session's retention has come as far as to have restic forget."""
    restic = restic_in_a_pod(protected.namespace)
    if not protected.retention(session).get("executor") or restic is None:
        return False
    words = Path(f"/proc/{restic}/cmdline").read_bytes().split(b"\0")
    return b"forget" in words
