"""A volume on the embedded cluster that was backed up once, and the processes that work on it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen_controller.jobs.manifest import plan_of
from tests.support import manifests
from tests.support.real_cluster import RealCluster


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
        self.storage = cluster.volume(namespace, "backup-store")
        self.repository = self.storage / namespace / "library/local/repository/v1/backup/dump"
        cluster.keep_up_once(namespace)

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

    def terminated_pods(self, job: str) -> Sequence[str]:
        """The pods that a Job's plan calls gone."""
        return plan_of(self.cluster.client.get(known.JOBS, self.namespace, job)).terminated_pods

    def process(self, program: str) -> int | None:
        """The process of a program that works in a pod with this storage."""
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            # Gone meanwhile.
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_text("utf-8", "replace").partition("\0")[0]
                mounts = (folder / "mountinfo").read_text(encoding="utf-8").splitlines()
                # The fourth field is where the mount begins in its file system.
                begins = [line.split()[3] for line in mounts]
                if Path(command).name == program and any(map(self._is_storage, begins)):
                    return int(folder.name)
        return None

    def _is_storage(self, path: str) -> bool:
        """Whether a path is this storage's: tests beside this one use the same names elsewhere."""
        return path.endswith(f"/{self.namespace}/backup-store") and str(self.storage).endswith(path)


def parent_of(pid: int) -> int:
    """The process that started another one."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))
