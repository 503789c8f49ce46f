"""Stale locks: by restic's own rule, or because their pod is known to be terminated."""

import re

from stashgen.kubestash import layout
from stashgen_controller.worker.restic.process import Restic
from stashgen_controller.worker.run import RunContext

# restic uses another name for a lock that it is about to write.
_ID = re.compile(r"[0-9a-f]{64}")


def clear_stale_locks(run: RunContext, restic: Restic, component_path: str) -> None:
    """Remove locks that are certainly stale; restic waits for all others.

    ``restic unlock`` removes those older than 30 minutes and those of a process of this host that
    has ended. A younger lock of another host is removed only if the run spec lists that host as a
    terminated pod: restic itself cannot know.

    Raises:
        ResticError, StorageError: the locks cannot be read.
    """
    folder = layout.join(layout.restic_folder(run.directory, component_path), "locks")
    if not _locks(run, folder):
        return
    restic.run("unlock")
    if not run.plan.terminated_pods:
        return
    for name in _locks(run, folder):
        lock = restic.run("cat", "lock", name, "--no-lock").output.document()
        if lock.get("hostname") in run.plan.terminated_pods:
            run.bucket.delete(layout.join(folder, name))


def _locks(run: RunContext, folder: str) -> list[str]:
    return [name for name in run.bucket.names(folder) if _ID.fullmatch(name)]
