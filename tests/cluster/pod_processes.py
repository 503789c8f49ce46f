"""The processes of pods, which are processes of this machine, as a kernel treats them."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.kube import Kube


def kill(kube: Kube, namespace: str, pod: str) -> None:
    """Kill a pod's processes with -9, as if its node's memory had run out."""
    uid = kube.get(namespace, "pod", pod)["metadata"]["uid"]

    def is_of_pod(process: Path) -> bool:
        group = (process / "cgroup").read_text()
        # The pod has a process of its own, pause, beside those of its containers.
        return (uid in group or uid.replace("-", "_") in group) and _program(process) != "pause"

    found = _handles(is_of_pod)
    assert found, f"pod {pod} has no process"
    for handle in found:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


@contextmanager
def paused_backups(repository: str) -> Iterator[bool]:
    """Stop restic's backups into a repository until the block ends; whether there were any.

    Nothing times out meanwhile, unlike where the bucket does not answer: the worker waits for
    restic as long as its session lasts.
    """

    def is_backup(process: Path) -> bool:
        return (
            _program(process) == "restic"
            and b"backup" in (process / "cmdline").read_bytes().split(b"\0")
            and f"RESTIC_REPOSITORY={repository}".encode()
            in (process / "environ").read_bytes().split(b"\0")
        )

    found = _handles(is_backup)
    try:
        stopped = [handle for handle in found if _send(handle, signal.SIGSTOP)]
        yield bool(stopped)
    finally:
        for handle in found:
            _send(handle, signal.SIGCONT)
            os.close(handle)


def _send(handle: int, number: signal.Signals) -> bool:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    return True


def _program(process: Path) -> str:
    return (process / "comm").read_text().strip()


def _handles(is_wanted: Callable[[Path], bool]) -> list[int]:
    """Handles of the processes that a look at their folder in /proc chooses."""
    handles = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            handle = os.pidfd_open(int(folder.name))
        except (OSError, ValueError):
            continue
        try:
            is_found = is_wanted(folder)
        except OSError:
            is_found = False
        if is_found:
            handles.append(handle)
        else:
            os.close(handle)
    return handles
